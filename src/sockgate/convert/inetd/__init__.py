"""inetd.conf, as the inetds of Debian (openbsd-inetd, GNU inetutils), BusyBox and the BSDs read it."""

from .services import read
from .switched_off import OFF, switched_off

__all__ = ["OFF", "read", "switched_off"]
