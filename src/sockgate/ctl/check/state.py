"""Inspections of the running system: the state of the units, and what is left of earlier ones. They ask systemd."""

from collections.abc import Iterator

from ...host.host import Host
from ..console import counted
from ..gated_service import GatedService
from .fault import Fault
from .service import is_resident

WHY = {
    "trigger-limit-hit": "too many clients in too short a time",
    "service-start-limit-hit": "its service failed again and again",
    "resources": "an address is taken or not there, systemd could not load its service, or there are too many units",
    "exit-code": "a command before it failed; see `journalctl -u {}`",
}


# not-found: it was written after systemd read its units, and `not_reloaded` tells.
LOADS = ("loaded", "not-found")


def socket_failed(gated: GatedService, host: Host) -> Iterator[Fault]:
    """A socket in the state `failed`. systemd does not start it again, and the port is closed."""
    state = host.state(gated.name)
    if gated.socket and state.get("ActiveState") == "failed":
        result = state.get("Result", "")
        why = f"; {WHY[result].format(gated.name)}" if result in WHY else ""
        units = gated.name if gated.is_template else f"{gated.name} {gated.service.name}"
        yield Fault(
            gated.socket, None, f"it has failed ({result}): the port is closed{why}",
            f"systemctl reset-failed {units}; systemctl start {gated.name}",
        )  # fmt: skip


def service_not_loaded(gated: GatedService, host: Host) -> Iterator[Fault]:
    """A service that systemd does not start. The socket listens all the same, and clients see an end at once."""
    name = gated.service.name.replace("@.", "@0.")
    state = host.state(name).get("LoadState", "loaded")
    if state not in LOADS:
        yield Fault(
            gated.service, None, f"systemd does not start it ({state}), and no client is served",
            f"`systemd-analyze verify {gated.service.name}` says why",
        )  # fmt: skip


def not_listening(gated: GatedService, host: Host) -> Iterator[Fault]:
    state = host.state(gated.name)
    if gated.socket and state.get("ActiveState") == "inactive" and host.search.enabled(gated.name):
        yield Fault(gated.socket, None, "it is enabled and does not listen", f"systemctl start {gated.name}")


def not_reloaded(gated: GatedService, host: Host) -> Iterator[Fault]:
    for unit in filter(None, (gated.socket, None if gated.is_template else gated.service)):
        if host.state(unit.name).get("NeedDaemonReload") == "yes":
            yield Fault(
                unit, None, "its files have changed, and systemd still goes by the old ones", "systemctl daemon-reload"
            )


def failures_left(gated: GatedService, host: Host) -> Iterator[Fault]:
    failed = host.instances(f"{stem(gated)}@*.service", "failed")
    if gated.is_template and failed:
        yield Fault(
            gated.service, None,
            f"failed connections have left {counted(len(failed), 'unit')} behind, such as {failed[0]}",
            f"systemctl reset-failed '{stem(gated)}@*.service'",
        )  # fmt: skip


def sessions_left(gated: GatedService, host: Host) -> Iterator[Fault]:
    """Sessions of a socket that was stopped, or of the gate (sockgate or sockgated) that the service had before."""
    if is_resident(gated) or host.state(gated.name).get("ActiveState") == "inactive":
        running = host.instances(f"{stem(gated)}@*.service", "active")
        if running:
            yield Fault(
                gated.service, None,
                f"still running: {counted(len(running), 'session')} of {stem(gated)}@.service,"
                " which no socket starts now",
                f"wait, or systemctl stop '{stem(gated)}@*.service'",
            )  # fmt: skip
    left = host.left_over(f"{stem(gated)}.service")
    if left:
        yield Fault(
            gated.service, None,
            f"still running: {counted(len(left), 'process')} of an earlier run of {stem(gated)}.service",
            f"wait, or systemctl kill {stem(gated)}.service",
        )  # fmt: skip


def stem(gated: GatedService) -> str:
    return gated.service.unit_name.prefix
