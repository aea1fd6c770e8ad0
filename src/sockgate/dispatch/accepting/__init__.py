"""From a listening socket to a client that is admitted or refused."""
