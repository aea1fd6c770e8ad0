"""One connection: the gate that is built before it comes, the steps of its admission, and its server."""
