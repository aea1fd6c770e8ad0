"""One connection: what is known before it comes, its steps, and the server that it ends in."""
