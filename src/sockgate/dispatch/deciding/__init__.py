"""What is decided about a client, and what is remembered of it for the next one."""
