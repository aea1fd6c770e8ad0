"""Every way in which a server can begin, live and end."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.connection.launch import everything_from
from tests.dispatch.conftest import Start
from tests.dispatch.faults import (
    accept_together,
    be_impatient,
    fail_at_each_end,
    fail_to_decide_once,
    fail_to_make_environment_once,
    injected,
)
from tests.dispatch.gated import EVERY_START, Gated, wait_until

FATAL = sorted(
    signal.valid_signals()
    - {
        signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH, signal.SIGCONT,
        signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU,
    }
)  # fmt: skip

DIE = "ulimit -c 0; read -r number; kill -$number $$; echo alive"


def zombies(one: Gated) -> list[int]:
    return [child for child in one.children() if ") Z " in Path(f"/proc/{child}/stat").read_text()]


def sleeps_on(one: Gated) -> bool:
    """Whether it has nothing to do for longer than between two reports to systemd."""
    before = one.sleeps()
    time.sleep(0.5)
    return one.sleeps() == before


@pytest.mark.parametrize("options", EVERY_START, ids=["vfork", "vfork with limits", "fork"])
def test_a_server_may_die_of_any_signal(gated: Start, options: list[str]) -> None:
    one = gated("--max-connections", "1", *options, "/bin/sh", "-c", DIE)
    for number in FATAL:
        with one.connect() as client:
            client.sendall(b"%d\n" % number)
            assert client.recv(100) == b""
    ended = one.wait_for("ended", len(FATAL))
    assert [line.rpartition(" ")[2] for line in ended] == [str(int(number)) for number in FATAL]
    assert (one.children(), one.descriptors()) == ([], one.descriptors())


def test_the_exit_status_is_logged(gated: Start) -> None:
    one = gated("/bin/sh", "-c", "read -r status; exit $status")
    for status in (0, 1, 77, 255):
        one.talk(say=b"%d\n" % status)
    ended = one.wait_for("ended", 4)  # in the order in which they were reaped
    assert {line.rpartition(" ")[2] for line in ended} == {"0", "1", "77", "255"}


def test_a_server_that_is_stopped_and_continued_is_still_there(gated: Start) -> None:
    one = gated("/bin/sh", "-c", "echo $$; read -r line; echo done")
    with one.connect() as client:
        pid = int(client.recv(100))
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.05)
        assert one.lines("ended") == []
        os.kill(pid, signal.SIGCONT)
        client.sendall(b"\n")
        assert client.recv(100) == b"done\n"
    one.wait_for("ended")


def test_a_gate_that_only_waits_for_a_server_to_end_sleeps_until_it_does(gated: Start) -> None:
    one = gated("/bin/sh", "-c", "read -r line", code=injected(be_impatient, "dispatcher", STATUS_SECONDS=0.1))
    one.talk(say=b"\n")
    with one.connect() as client:
        wait_until(lambda: sleeps_on(one), one.log)
        client.sendall(b"\n")
        one.wait_for("ended", 2)


def until(file: Path) -> str:
    """What a shell says to wait for this file."""
    return f"until [ -e '{file}' ]; do sleep 0.05; done"


def test_a_server_that_closes_its_connection_and_stays_still_counts(gated: Start, tmp_path: Path) -> None:
    enough = tmp_path / "enough"
    stay = f"exec <&- >&-; {until(enough)}"
    one = gated("--max-connections", "1", "--at-limit", "refuse", "/bin/sh", "-c", stay)
    assert one.talk() == b""
    assert one.talk() == b""
    assert len(one.wait_for("already 1 connection")) == 1
    enough.touch()
    one.wait_for("ended")
    one.talk()
    one.wait_for("accepted", 2)


def test_a_grandchild_that_keeps_the_connection_does_not_count(gated: Start, tmp_path: Path) -> None:
    enough = tmp_path / "enough"
    keep = f"({until(enough)}; echo late) & echo early"
    one = gated("--max-connections", "1", "--at-limit", "refuse", "/bin/sh", "-c", keep)
    with one.connect() as client:
        assert client.recv(100) == b"early\n"
        one.wait_for("ended")
        with one.connect() as other:
            assert other.recv(100) == b"early\n"
        enough.touch()
        assert client.recv(100) == b"late\n"


def test_a_thousand_servers_leave_nothing_behind(gated: Start) -> None:
    one = gated("/bin/true")
    one.talk()
    one.wait_for("ended")
    before = one.descriptors()
    for _ in range(300):
        one.talk()
    one.wait_for("ended", 301)
    wait_until(lambda: not one.children(), lambda: str(one.children()))
    assert (zombies(one), one.descriptors()) == ([], before)


def test_a_client_does_not_wait_until_the_ends_of_all_servers_are_noted(gated: Start) -> None:
    one = gated("--max-connections", "80", "/bin/sh", "-c", "read -r line")
    clients = [one.connect() for _ in range(80)]
    one.wait_for("accepted", 80)
    servers = one.children()
    os.kill(one.pid, signal.SIGSTOP)
    for client in clients:
        client.close()
    wait_until(lambda: zombies(one) == servers, one.log)
    with one.connect():
        os.kill(one.pid, signal.SIGCONT)
        one.wait_for("ended", 80)
    later = one.lines("accepted|ended")[80:]
    [place] = [number for number, line in enumerate(later) if "accepted" in line]
    assert 0 < place < 60


@pytest.mark.parametrize(
    ("name", "content", "mode", "message"),
    [
        ("missing", None, 0, "unable to run '{path}': No such file or directory"),
        ("not-executable", "#!/bin/sh\n", 0o644, "unable to run '{path}': Permission denied"),
        ("no-interpreter", "#!/no/such\n", 0o755, "unable to run '{path}': the interpreter that it names is missing"),
        ("no-script", "echo hello\n", 0o755, "unable to run '{path}': Exec format error (a script needs a first line"),
    ],
)
def test_a_server_that_cannot_be_started_is_named_once_for_each_client(
    gated: Start, tmp_path: Path, name: str, content: str | None, mode: int, message: str
) -> None:
    path = tmp_path / name
    if content:
        path.write_text(content)
        path.chmod(mode)
    for options in EVERY_START:
        one = gated("--max-connections", "1", "--deny-message", "421 sorry", *options, str(path))
        assert [one.talk() for _ in range(3)] == [b"421 sorry\r\n"] * 3
        assert len(one.wait_for("refused", 3)) == 3
        assert message.format(path=path) in one.lines("refused")[0]


def test_a_server_that_appears_later_is_started(gated: Start, tmp_path: Path) -> None:
    path = tmp_path / "server"
    one = gated(str(path))
    assert one.talk() == b""
    path.write_text("#!/bin/sh\necho hello\n")
    path.chmod(0o755)
    assert one.talk() == b"hello\n"


def test_a_client_that_resets_at_once_costs_nothing(gated: Start) -> None:
    one = gated("--max-connections", "5", "/bin/sh", "-c", "read -r line; echo $line")
    for _ in range(200):
        client = one.connect()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
    assert one.talk(say=b"hello\n") == b"hello\n"
    wait_until(lambda: not one.children(), lambda: str(one.children()))
    assert one.lines("internal|Traceback") == []


def test_a_fault_of_our_own_costs_one_client(gated: Start) -> None:
    code = injected(fail_to_decide_once)
    one = gated("/bin/echo", "hello", code=code)
    assert [one.talk(), one.talk()] == [b"", b"hello\n"]
    assert "internal error: RuntimeError: a fault (" in one.wait_for("internal")[0]


def test_a_fault_in_the_loop_ends_the_process_and_not_the_sessions(gated: Start) -> None:
    code = injected(fail_at_each_end)
    one = gated("/bin/sh", "-c", "read -r line; echo $line", code=code)
    with one.connect() as client, one.connect() as other:
        one.wait_for("accepted", 2)
        other.sendall(b"\n")
        assert one.process.wait(60) == 111
        client.sendall(b"still here\n")
        assert client.recv(100) == b"still here\n"


def test_a_fault_costs_one_client_and_not_those_that_came_with_it(gated: Start) -> None:
    code = injected(accept_together) + injected(fail_to_make_environment_once)
    one = gated("/bin/echo", "hello", code=code)
    with one.connect() as first, one.connect() as second:
        assert [everything_from(client) for client in (first, second)] == [b"", b"hello\n"]
    assert "internal error: RuntimeError: a fault (" in one.wait_for("internal")[0]
    assert one.talk() == b"hello\n"
