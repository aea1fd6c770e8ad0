"""sockgate: access rules and the UCSPI environment for systemd socket activation."""

__version__ = "1.1.0.dev0"
