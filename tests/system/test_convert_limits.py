"""Limits, at the very client that reaches them: xinetd, both inetds and couriertcpd, and what became of each."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system.convert import oracle
from tests.system.machine import Machine

CLIENT = (Path(__file__).parent / "convert/limits.py").read_text()
ME, OTHER = "127.0.0.1", "127.0.0.2"
COMMON = "type = UNLISTED\nprotocol = tcp\nsocket_type = stream\nwait = no\nuser = root\nserver = /bin/cat\n"
XINETD = {
    "instances": (7001, "instances = 3"),
    "per_source": (7002, "per_source = 2"),
    "banner_fail": (7003, "instances = 1\nbanner_fail = /opt/full"),
    "cps": (7004, "cps = 4 3"),
}
PROFILES = {"xinetd": "base", "openbsd-inetd": "openbsd-inetd", "inetutils-inetd": "inetutils-inetd", "courier": "more"}
INETDS = {"openbsd-inetd": "/usr/sbin/inetd", "inetutils-inetd": "/usr/sbin/inetutils-inetd"}
SERVED, CLOSED, WAITS, NOBODY = "served", "closed", "waits", "nobody listens"
Outcome = dict[str, list[str] | str | float]
Pair = tuple[Outcome, Outcome]


def enter(machine: Machine, port: int, *sources: str, patience: int = 15) -> Outcome:
    """What each met, the number of clients that come and stay being that of their addresses."""
    words = (str(port), ",".join(sources), str(patience))
    outcome: Outcome = json.loads(machine.python(CLIENT, *words, timeout=100).stdout)
    return outcome


def at_limits(machine: Machine, program: str, files: tuple[str, ...], ask: Callable[[], dict[str, Outcome]],
              start: str, stop: str, port: int) -> dict[str, Pair]:  # fmt: skip
    """Each case with the old program, and with what became of it."""

    def listens() -> bool:
        return bool(machine.run("ss", "-Hltn", f"sport = :{port}").stdout)

    machine.shell(f"cd /; {start}")
    machine.wait_for(listens, f"{program} to listen")
    before = ask()
    machine.shell(stop)
    machine.wait_for(lambda: not listens(), f"{program} to end")
    oracle.convert(machine, program, *files)
    after = ask()
    return {name: (before[name], after[name]) for name in before}


@pytest.fixture(scope="module")
def of_xinetd(release: str) -> Iterator[tuple[dict[str, Pair], int]]:
    text = "".join(f"service {name}\n{{\n{COMMON}port = {port}\n{lines}\n}}\n"
                   for name, (port, lines) in XINETD.items())  # fmt: skip
    with Machine(release) as machine:
        machine.write("/opt/full", "full\n")
        machine.write("/etc/xinetd.conf", text)

        def ask() -> dict[str, Outcome]:
            return {
                "instances": enter(machine, 7001, *[ME] * 5),
                "per_source": enter(machine, 7002, ME, ME, ME, OTHER),
                "banner_fail": enter(machine, 7003, ME, ME),
                "cps": enter(machine, 7004, *[ME] * 7),
            }

        start, stop = "xinetd -f /etc/xinetd.conf -pidfile /run/xinetd.pid", "kill $(cat /run/xinetd.pid)"
        pairs = at_limits(machine, "xinetd", ("/etc/xinetd.conf",), ask, start, stop, 7001)
        yield pairs, machine.systemd_version


@pytest.mark.parametrize(("name", "met"), [
    ("instances", [SERVED] * 3 + [CLOSED] * 2), ("per_source", [SERVED, SERVED, CLOSED, SERVED]),
])  # fmt: skip
def test_a_limit_of_xinetd_closes_at_the_same_client(
    of_xinetd: tuple[dict[str, Pair], int], name: str, met: list[str]
) -> None:
    for outcome in of_xinetd[0][name]:
        assert (outcome["met"], outcome["newcomer"]) == (met, SERVED)


def test_above_the_limit_banner_fail_is_not_sent_any_more(of_xinetd: tuple[dict[str, Pair], int]) -> None:
    before, after = of_xinetd[0]["banner_fail"]
    assert before["met"] == [SERVED, "full"]
    assert after["met"] == [SERVED, CLOSED]
    assert before["newcomer"] == after["newcomer"] == SERVED


def test_above_cps_systemd_slows_down_from_255_on(of_xinetd: tuple[dict[str, Pair], int]) -> None:
    (before, after), version = of_xinetd[0]["cps"], of_xinetd[1]
    assert before["met"] == [SERVED] * 4 + [CLOSED] + [NOBODY] * 2
    assert before["newcomer"] == SERVED, "after three seconds"
    assert after["met"] == [SERVED] * 7
    assert (float(str(after["seconds"])) > 0.5) or version < 255


# openbsd-inetd counts the connection that is one too many, GNU's does not.
@pytest.mark.parametrize(("inetd", "served"), [("openbsd-inetd", 3), ("inetutils-inetd", 4)])
def test_above_nowait_max_clients_wait_from_255_on(release: str, inetd: str, served: int) -> None:
    with Machine(release, inetd) as machine:
        machine.write("/etc/inetd.conf", "7001 stream tcp4 nowait.4 root /bin/cat cat\n")
        program = INETDS[inetd]
        (pair,) = at_limits(
            machine, "inetd", ("/etc/inetd.conf",), lambda: {"": enter(machine, 7001, *[ME] * 6, patience=0)},
            f"{program} /etc/inetd.conf", f"kill $(pgrep -x {Path(program).name})", 7001,
        ).values()  # fmt: skip
        before, after = pair
        further = [CLOSED, CLOSED, CLOSED] if inetd == "openbsd-inetd" else [CLOSED, NOBODY]
        assert before["met"] == [SERVED] * served + further
        assert before["newcomer"] in (CLOSED, NOBODY), "not within the minute"
        slow = machine.systemd_version >= 255
        assert after["met"] == [SERVED] * served + [WAITS if slow else SERVED] * (6 - served)


def test_maxdaemons_closes_where_clients_waited(release: str) -> None:
    with Machine(release, "more") as machine:
        machine.shell("cd /etc/courier; printf 'MAXDAEMONS=3\\nMAXPERIP=3\\n' >> pop3d; "
                      "mkdir -p /run/courier; chown courier /run/courier")  # fmt: skip
        sources = [ME, ME, OTHER, OTHER, OTHER]
        (pair,) = at_limits(
            machine, "couriertcpd", ("/etc/courier/pop3d",), lambda: {"": enter(machine, 110, *sources, patience=3)},
            "/usr/lib/courier/pop3d start", "/usr/lib/courier/pop3d stop", 110,
        ).values()  # fmt: skip
        before, after = pair
        assert (before["met"], before["later"]) == ([SERVED] * 3 + [WAITS] * 2, [SERVED, WAITS])
        assert (after["met"], after["newcomer"]) == ([SERVED] * 3 + [CLOSED] * 2, SERVED)
