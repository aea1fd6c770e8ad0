"""What the journal knows about connections: the records of the gates, and systemd's records about their units."""
