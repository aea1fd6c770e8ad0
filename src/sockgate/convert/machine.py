"""The host under the name that the readers still use."""

from ..host.host import GNU, OPENBSD
from ..host.host import Host as Machine
from ..host.host import this_host as this_machine

__all__ = ["GNU", "OPENBSD", "Machine", "this_machine"]
