"""inetd.conf, as the inetds of Debian (openbsd-inetd, GNU inetutils), BusyBox and the BSDs read it."""

from .services import read

__all__ = ["read"]
