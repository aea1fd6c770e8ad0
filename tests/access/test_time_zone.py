"""--access-times in a gate that stays: it goes by the time zone as it is now."""

import os
import posix
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sockgate.access.times_and_load import Schedule, set_time_zone, zone_file
from sockgate.connection import Gate
from sockgate.core import DENY, NO_MATCH, ConfigError
from sockgate.core.options import parse
from sockgate.core.peer import Peer
from tests.connection.launch import SOURCE
from tests.differential.namespace import Namespace, require

# Prints how far this gate's clock is from UTC whenever it is asked; `N descriptors` limits what it can open.
GATE = """
import resource, sys, time
sys.path[:0] = [sys.argv[1]]
from sockgate.core.options import parse
from sockgate.core.peer import Peer
from sockgate.dispatch.deciding.reloading_gate import ReloadingGate
from sockgate.dispatch.options import OPTIONS

gate = ReloadingGate(parse(["--access-times", "0:00-24:00", "server"], OPTIONS), {})
for line in sys.stdin:
    if line[0].isdigit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(line.split()[0]), 100))
    considered = []
    gate.current().gate.decide(Peer("UNIX"), considered)
    hour, minute = considered[0].rpartition(" ")[2].split(":")
    now = time.time() % 86400 // 60
    print(round((int(hour) * 60 + int(minute) - now) / 60) % 24, flush=True)
"""


def zone(hours: int) -> bytes:
    """A file of a zone that is so far ahead of UTC (tzfile(5))."""
    seconds = (3600 * hours).to_bytes(4, "big")
    block = b"TZif2" + bytes(15) + b"".join(n.to_bytes(4, "big") for n in (0, 0, 0, 0, 1, 4)) + seconds + b"\0\0XYZ\0"
    return block + block + b"\nXYZ-%d\n" % hours


def switch(file: Path, hours: int) -> None:
    """As timedatectl does it: a link in place of the old one."""
    target = file.with_name(f"zone{hours}")
    target.write_bytes(zone(hours))
    link = file.with_name("new")
    link.symlink_to(target)
    link.rename(file)


def ask(gate: "subprocess.Popen[str]", what: str = "now") -> int:
    assert gate.stdin
    assert gate.stdout
    print(what, file=gate.stdin, flush=True)
    return int(gate.stdout.readline())


def start(environment: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", GATE, str(SOURCE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={"PATH": "/usr/bin:/bin"} | environment,
    )  # fmt: skip


def follows(gate: "subprocess.Popen[str]", file: Path) -> None:
    with gate:
        assert ask(gate) == 3
        for hours in (9, 5):
            switch(file, hours)
            deadline = time.monotonic() + 60
            while (found := ask(gate)) != hours and time.monotonic() < deadline:
                time.sleep(0.05)
            assert found == hours


@pytest.mark.parametrize("prefix", ["", ":"])
def test_the_file_that_tz_names_is_followed(tmp_path: Path, prefix: str) -> None:
    file = tmp_path / "localtime"
    switch(file, 3)
    follows(start({"TZ": f"{prefix}{file}"}), file)


def test_a_zone_that_cannot_be_read_for_want_of_descriptors_is_not_taken_for_utc(tmp_path: Path) -> None:
    file = tmp_path / "localtime"
    switch(file, 3)
    with start({"TZ": str(file)}) as gate:
        assert ask(gate) == 3
        switch(file, 9)
        assert ask(gate, "3 descriptors") == 3
        assert ask(gate, "50 descriptors") in (3, 9)
        deadline = time.monotonic() + 60
        while (found := ask(gate)) != 9 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert found == 9


@pytest.mark.parametrize("data", [b"", b"TZif2", zone(3)[:60]])
def test_a_damaged_zone_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    file = tmp_path / "localtime"
    file.write_bytes(data)
    monkeypatch.setitem(os.environ, "TZ", str(file))
    monkeypatch.setattr(posix, "environ", posix.environ | {b"TZ": str(file).encode()})
    settings = parse(["--access-times", "0:00-24:00", "server"])
    try:
        if data:
            with pytest.raises(ConfigError, match="unable to read the time zone of"):
                Gate(settings)
            assert Schedule("0:00-24:00", None).decide(Peer("UNIX")).outcome == DENY
            switch(file, 3)
        Gate(settings)
        assert Schedule("0:00-24:00", None).decide(Peer("UNIX")).outcome == NO_MATCH
    finally:
        monkeypatch.undo()
        set_time_zone(posix.environ.get(b"TZ", b"UTC0"))


def test_etc_localtime_is_followed_where_tz_is_not_set() -> None:
    require("ip")
    with Namespace({"sockgate-test": ""}) as network:
        file = Path("/etc/localtime")
        network.run(lambda: switch(file, 3))
        gate = network.run(lambda: start({}))
        network.run(lambda: follows(gate, file))


def test_a_rule_in_tz_has_no_file() -> None:
    assert zone_file(None) == "/etc/localtime"
    assert zone_file(b":/etc/zone") == zone_file(b"/etc/zone") == "/etc/zone"
    assert zone_file(b"Europe/Berlin") == "/usr/share/zoneinfo/Europe/Berlin"
    assert not os.path.exists(zone_file(b"CET-1CEST"))
