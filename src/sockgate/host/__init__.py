"""The machine for which units are written or checked: its accounts, its systemd, its ports, and its units."""
