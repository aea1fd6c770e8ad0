"""The machine for which units are written or checked: its accounts, systemd, ports and units."""
