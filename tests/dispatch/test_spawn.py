"""Starting servers, without a network."""

import os
import socket

import pytest

from sockgate.core.errors import ServerMissing
from sockgate.core.handover import Server
from sockgate.dispatch import spawn
from sockgate.dispatch.signals import LIBC
from sockgate.dispatch.spawn import Launcher, Overloaded
from tests.core.launch import everything_from

BASE = {b"PATH": b"/usr/bin:/bin", b"A": b"base", b"B": b"base"}
NONE: frozenset[bytes] = frozenset()


def run(
    command: list[str], variables: dict[bytes, bytes], removed: frozenset[bytes] = NONE, stderr: str = "journal"
) -> bytes:
    """What the server writes to its connection."""
    launcher = Launcher(Server(command, "", stderr, []), BASE)
    client, connection = socket.socketpair()
    client.settimeout(10)
    with client:
        with connection:
            pid = launcher.prepare(connection.fileno(), variables, removed)()
        said = everything_from(client)
    assert os.waitpid(pid, 0)[1] == 0
    return said


def variables(said: bytes) -> dict[bytes, bytes]:
    return dict(line.split(b"=", 1) for line in said.splitlines())


@pytest.mark.parametrize(
    ("changes", "removed", "expected"),
    [
        ({}, NONE, BASE),
        ({b"X": b"1", b"Y": b""}, NONE, BASE | {b"X": b"1", b"Y": b""}),
        ({b"A": b"changed"}, NONE, BASE | {b"A": b"changed"}),
        ({b"X": b"1"}, frozenset({b"B"}), {b"PATH": BASE[b"PATH"], b"A": b"base", b"X": b"1"}),
        ({b"X": b"a=b \xff\n"[:5]}, frozenset({b"Z"}), BASE | {b"X": b"a=b \xff"}),
        ({b"V%d" % n: b"v" for n in range(100)}, NONE, BASE | {b"V%d" % n: b"v" for n in range(100)}),
    ],
    ids=["none", "more", "changed", "removed", "strange", "many"],
)
def test_the_environment_is_the_base_with_its_changes(
    changes: dict[bytes, bytes], removed: frozenset[bytes], expected: dict[bytes, bytes]
) -> None:
    assert variables(run(["env"], changes, removed)) == expected


def test_a_changed_path_is_the_one_that_is_searched() -> None:
    with pytest.raises(ServerMissing):
        run(["env"], {b"PATH": b"/nowhere"})


def test_two_clients_never_see_each_others_variables() -> None:
    launcher = Launcher(Server(["env"], "", "journal", []), BASE)
    said = []
    for changes in ({b"X": b"1", b"Y": b"1"}, {b"X": b"2"}):
        client, connection = socket.socketpair()
        with client:
            pid = launcher.prepare(connection.fileno(), changes, NONE)()
            connection.close()
            said.append(variables(everything_from(client)))
        os.waitpid(pid, 0)
    assert said == [BASE | {b"X": b"1", b"Y": b"1"}, BASE | {b"X": b"2"}]


def test_standard_error_is_the_client_only_if_asked_for() -> None:
    complain = ["/bin/sh", "-c", "exec 2>&- 2>/dev/null; true"]
    assert run(complain, {}) == b""
    assert run(["/bin/sh", "-c", "echo oops >&2"], {}, stderr="socket") == b"oops\n"


def test_what_the_system_is_short_of_is_told_apart_from_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    class Libc:
        def posix_spawn(self, *_: object) -> int:
            return 11

        def __getattr__(self, name: str) -> object:
            return getattr(LIBC, name)

    monkeypatch.setattr(spawn, "LIBC", Libc())
    with pytest.raises(Overloaded) as caught:
        Launcher(Server(["/bin/true"], "", "journal", []), BASE).prepare(0, {})()
    assert str(caught.value) == "unable to start a process: Resource temporarily unavailable"
