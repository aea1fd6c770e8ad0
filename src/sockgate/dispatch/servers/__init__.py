"""Starting the server of a client, and following it to its end."""
