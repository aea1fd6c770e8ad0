"""What the journal knows of connections: the gates' own records, and systemd's about the units that they ran in."""
