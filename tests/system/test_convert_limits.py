"""Limits, at the very client that reaches them: those of the old programs, and what became of each.

First the old program is asked, then the service as `--engine auto` begins it, then the same units with Accept=yes.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.system.convert import oracle
from tests.system.machine import Machine

pytestmark = pytest.mark.oldest_and_newest("what systemd does at a limit has changed once, with 255")

CLIENT = (Path(__file__).parent / "convert/limits.py").read_text()
ME, OTHER, THIRD = "127.0.0.1", "127.0.0.2", "127.0.0.3"
NEIGHBOUR = "127.0.1.1"  # of another network of 24 bits
COMMON = "type = UNLISTED\nprotocol = tcp\nsocket_type = stream\nwait = no\nuser = root\nserver = /bin/cat\n"
XINETD = {
    "instances": (7001, "instances = 6"),
    "per_source": (7002, "per_source = 2"),
    "banner_fail": (7003, "instances = 6\nbanner_fail = /opt/full"),
    "cps": (7004, "cps = 4 3"),
}
PROFILES = {"xinetd": "base", "openbsd-inetd": "openbsd-inetd", "inetutils-inetd": "inetutils-inetd", "courier": "more"}
INETDS = {"openbsd-inetd": "/usr/sbin/inetd", "inetutils-inetd": "/usr/sbin/inetutils-inetd"}
SERVED, CLOSED, WAITS, NO_LISTENER = "served", "closed", "waits", "no listener"
Outcome = dict[str, list[str] | str | float]
SWITCH = "[Socket]\nAccept=yes\n"


class Met(NamedTuple):
    """The outcomes with the old program, with the units as they are written, and with Accept=yes."""

    before: Outcome
    resident: Outcome
    connection: Outcome


def enter(machine: Machine, port: int, *sources: str, patience: int = 15) -> Outcome:
    """What each met, the number of clients that come and stay being that of their addresses."""
    words = (str(port), ",".join(sources), str(patience))
    outcome: Outcome = json.loads(machine.python(CLIENT, *words, timeout=100).stdout)
    return outcome


def at_limits(machine: Machine, program: str, files: tuple[str, ...], ask: Callable[[], dict[str, Outcome]],
              start: str, stop: str, port: int) -> dict[str, Met]:  # fmt: skip
    """Each case with the old program, and with what became of it."""

    def listens() -> bool:
        return bool(machine.run("ss", "-Hltn", f"sport = :{port}").stdout)

    machine.shell(f"cd /; {start}")
    machine.wait_for(listens, f"{program} to listen")
    before = ask()
    machine.shell(stop)
    machine.wait_for(lambda: not listens(), f"{program} to end")
    report = oracle.convert(machine, program, *files)
    resident = ask()
    sockets = [unit for unit in map(str, report["units"]) if unit.endswith(".socket")]
    for socket in sockets:
        machine.write(f"/etc/systemd/system/{socket}.d/switch.conf", SWITCH)
    machine.systemctl("daemon-reload")
    machine.systemctl("restart", *sockets)
    connection = ask()
    return {name: Met(before[name], resident[name], connection[name]) for name in before}


def same(one: Outcome, other: Outcome) -> bool:
    """Whether all clients met the same. A port stays open where the old program closed it: clients are closed."""

    def of(outcome: Outcome) -> str:
        return re.sub(NO_LISTENER, CLOSED, json.dumps([outcome["met"], outcome["later"], outcome["newcomer"]]))

    return of(one) == of(other)


@pytest.fixture(scope="module")
def of_xinetd(release: str) -> Iterator[tuple[dict[str, Met], int]]:
    text = "".join(f"service {name}\n{{\n{COMMON}port = {port}\n{lines}\n}}\n"
                   for name, (port, lines) in XINETD.items())  # fmt: skip
    with Machine(release) as machine:
        machine.write("/opt/full", "full\n")
        machine.write("/etc/xinetd.conf", text)

        def ask() -> dict[str, Outcome]:
            return {
                "instances": enter(machine, 7001, *[ME] * 8),
                "per_source": enter(machine, 7002, ME, ME, ME, OTHER),
                "banner_fail": enter(machine, 7003, *[ME] * 7),
                "cps": enter(machine, 7004, *[ME] * 7),
            }

        start, stop = "xinetd -f /etc/xinetd.conf -pidfile /run/xinetd.pid", "kill $(cat /run/xinetd.pid)"
        met = at_limits(machine, "xinetd", ("/etc/xinetd.conf",), ask, start, stop, 7001)
        yield met, machine.systemd_version


@pytest.mark.parametrize(
    ("name", "met"),
    [
        ("instances", [SERVED] * 6 + [CLOSED] * 2),
        ("per_source", [SERVED, SERVED, CLOSED, SERVED]),
        ("banner_fail", [SERVED] * 6 + ["full"]),
        ("cps", [SERVED] * 4 + [CLOSED] + [NO_LISTENER] * 2),
    ],
)
def test_a_limit_of_xinetd_means_the_same(of_xinetd: tuple[dict[str, Met], int], name: str, met: list[str]) -> None:
    before, resident, _ = of_xinetd[0][name]
    assert (before["met"], before["newcomer"]) == (met, SERVED)
    assert same(before, resident), (before, resident)


def test_with_accept_yes_limits_of_xinetd_close_without_a_banner(of_xinetd: tuple[dict[str, Met], int]) -> None:
    for name in ("instances", "per_source"):
        assert same(of_xinetd[0][name].before, of_xinetd[0][name].connection)
    assert of_xinetd[0]["banner_fail"].connection["met"] == [SERVED] * 6 + [CLOSED]


def test_with_accept_yes_systemd_slows_down_above_cps_from_255_on(of_xinetd: tuple[dict[str, Met], int]) -> None:
    connection, version = of_xinetd[0]["cps"].connection, of_xinetd[1]
    assert connection["met"] == [SERVED] * 7
    assert (float(str(connection["seconds"])) > 0.5) or version < 255


# openbsd-inetd counts the connection that is one too many, GNU's does not.
@pytest.mark.parametrize(("inetd", "served"), [("openbsd-inetd", 3), ("inetutils-inetd", 4)])
def test_a_limit_of_inetd_means_the_same(release: str, inetd: str, served: int) -> None:
    with Machine(release, inetd) as machine:
        machine.write("/etc/inetd.conf", "7001 stream tcp4 nowait.4 root /bin/cat cat\n")
        program = INETDS[inetd]
        (met,) = at_limits(
            machine, "inetd", ("/etc/inetd.conf",), lambda: {"": enter(machine, 7001, *[ME] * 6, patience=0)},
            f"{program} /etc/inetd.conf", f"kill $(pgrep -x {Path(program).name})", 7001,
        ).values()  # fmt: skip
        further = [CLOSED, CLOSED, CLOSED] if inetd == "openbsd-inetd" else [CLOSED, NO_LISTENER]
        assert met.before["met"] == [SERVED] * served + further
        assert met.before["newcomer"] in (CLOSED, NO_LISTENER), "not within the minute"
        assert same(met.before, met.resident), met
        slow = machine.systemd_version >= 255
        assert met.connection["met"] == [SERVED] * served + [WAITS if slow else SERVED] * (6 - served)


def test_clients_wait_above_maxdaemons_and_are_closed_above_maxperip(release: str) -> None:
    with Machine(release, "more") as machine:
        machine.shell("cd /etc/courier; printf 'MAXDAEMONS=4\\nMAXPERIP=2\\n' >> pop3d; "
                      "mkdir -p /run/courier; chown courier /run/courier")  # fmt: skip
        sources = [ME, ME, ME, OTHER, OTHER, THIRD, THIRD]
        (met,) = at_limits(
            machine, "couriertcpd", ("/etc/courier/pop3d",), lambda: {"": enter(machine, 110, *sources, patience=3)},
            "/usr/lib/courier/pop3d start", "/usr/lib/courier/pop3d stop", 110,
        ).values()  # fmt: skip
        assert met.before["met"] == [SERVED, SERVED, CLOSED, SERVED, SERVED, WAITS, WAITS]
        assert met.before["later"] == [SERVED, WAITS]
        assert same(met.before, met.resident), met
        assert met.connection["met"] == [SERVED, SERVED, CLOSED, SERVED, SERVED, CLOSED, CLOSED]


def test_clients_of_a_network_are_closed_above_maxperc(release: str) -> None:
    with Machine(release, "more") as machine:
        settings = 'MAXDAEMONS=9\\nMAXPERIP=2\\nTCPDOPTS="$TCPDOPTS -maxperc=3"\\n'
        machine.shell(f"cd /etc/courier; printf '{settings}' >> pop3d; "
                      "mkdir -p /run/courier; chown courier /run/courier")  # fmt: skip
        sources = [ME, ME, OTHER, OTHER, THIRD, NEIGHBOUR, NEIGHBOUR, NEIGHBOUR]
        (met,) = at_limits(
            machine, "couriertcpd", ("/etc/courier/pop3d",), lambda: {"": enter(machine, 110, *sources)},
            "/usr/lib/courier/pop3d start", "/usr/lib/courier/pop3d stop", 110,
        ).values()  # fmt: skip
        of_another = [SERVED, SERVED, CLOSED]
        assert met.before["met"] == [SERVED, SERVED, SERVED, CLOSED, CLOSED, *of_another]
        assert met.before["newcomer"] == SERVED
        assert same(met.before, met.resident), met
        # systemd counts by address alone
        assert met.connection["met"] == [SERVED] * 5 + of_another


def test_clients_wait_above_c_of_tcpserver(release: str) -> None:
    with Machine(release) as machine:
        machine.write("/service/cat/run", "#!/bin/sh\nexec tcpserver -RHl0 -c 3 127.0.0.1 7001 /bin/cat\n", 0o755)
        (met,) = at_limits(
            machine, "tcpserver", ("/service/cat",), lambda: {"": enter(machine, 7001, *[ME] * 5, patience=3)},
            "systemd-run --quiet --unit=old /service/cat/run", "systemctl stop old", 7001,
        ).values()  # fmt: skip
        assert (met.before["met"], met.before["later"]) == ([SERVED] * 3 + [WAITS] * 2, [SERVED, WAITS])
        assert same(met.before, met.resident), met
        assert met.connection["met"] == [SERVED] * 3 + [CLOSED] * 2
