"""Remove the units that `sockgatectl install` wrote, and nothing else."""

import argparse
import os

from ..atomic_write import permission_hint
from ..convert.conflicts import converted_from
from ..core import ConfigError
from ..host.host import Host
from ..units.search import UNIT_FOLDER, UnitSearch
from .custom_units import check_name
from .own_files import is_ours
from .root_option import add_root_option


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", metavar="NAME", nargs="+", help="the service")
    add_root_option(parser, "the system in this directory")
    parser.add_argument("--dry-run", action="store_true", help="print what would be removed")


def run(arguments: argparse.Namespace) -> int:
    host = Host(arguments.root)
    names: list[str] = arguments.names
    paths = [path for name in names for path in removable(check_name(name), host)]
    for path in paths:
        if not arguments.dry_run:
            remove(host.search.host_path(path))
        print(f"{'would remove' if arguments.dry_run else 'removed'} {path}")
    for path in left_over(names, host.search):
        print(f"left {path}")
    if host.live and not arguments.dry_run:
        print("next: systemctl daemon-reload")
    return 0


def removable(name: str, host: Host) -> list[str]:
    """The unit files of a service. Raises ConfigError if the service is in use, or if `install` did not write them."""
    paths = [f"{UNIT_FOLDER}/{name}.socket", f"{UNIT_FOLDER}/{name}@.service"]
    present = [path for path in paths if os.path.lexists(host.search.host_path(path))]
    resident = f"{UNIT_FOLDER}/{name}.service"  # that of another program or person stays
    has_resident = os.path.lexists(host.search.host_path(resident)) and is_ours(host.search.host_path(resident))
    if not present and not has_resident:
        raise ConfigError(f"there is no {paths[0]!r}", "only what `sockgatectl install` wrote can be removed")
    for path in present:
        if not is_ours(host.search.host_path(path)):
            raise not_ours(path, converted_from(host.search.host_path(path)))
    present += [resident] * has_resident
    if host.uses(f"{name}.socket"):
        raise ConfigError(f"{name}.socket is in use", f"systemctl disable --now {name}.socket")
    return present


def not_ours(path: str, origin: str) -> ConfigError:
    if not origin:
        return ConfigError(f"{path!r} was not written by sockgatectl install")
    hint = "the same `sockgatectl convert` with --install prints the commands that switch back"
    return ConfigError(f"{path!r} was converted from {origin}", hint)


def remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError as error:
        raise ConfigError(f"unable to remove {path!r}: {error.strerror}", permission_hint(error)) from None


def left_over(names: list[str], search: UnitSearch) -> list[str]:
    """Files that the administrator made for these services. They stay."""
    candidates = [
        path
        for name in names
        for path in (
            f"{UNIT_FOLDER}/{name}.socket.d", f"{UNIT_FOLDER}/{name}@.service.d", f"{UNIT_FOLDER}/{name}.service.d",
            f"/etc/default/sockgate-{name}", f"/etc/sysconfig/sockgate-{name}",
        )
    ]  # fmt: skip
    return [path for path in candidates if os.path.lexists(search.host_path(path))]
