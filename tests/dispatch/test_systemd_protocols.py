"""What passes between sockgated and a service manager, without one: sockets, readiness, status, reload."""

import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.connection.launch import PLAIN
from tests.dispatch.faults import be_impatient, injected, log_to
from tests.dispatch.gated import EVERY_START, Gated, end, start, wait_until
from tests.dispatch.manager import HAND_OVER, Manager
from tests.dispatch.test_chores import records_in

FAILS_SOON = injected(be_impatient, "main", FAILURE_SECONDS=0.05)


@pytest.fixture
def ended() -> Iterator[list[Gated]]:
    """All that is put in here ends with the test, as what the manager starts does."""
    ones: list[Gated] = []
    yield ones
    for one in ones:
        end(one)


def test_it_serves_every_socket_that_it_is_passed(manager: Manager) -> None:
    manager.start("/bin/sh", "-c", 'echo "$TCPLOCALIP"')
    manager.wait_for("READY", "1")
    assert [manager.talk(0), manager.talk(1)] == [b"127.0.0.1\n", b"127.0.0.2\n"]


def test_the_server_has_none_of_it(manager: Manager) -> None:
    script = "env | grep -E 'LISTEN|NOTIFY'; ls -l /proc/self/fd"
    for options in EVERY_START:
        manager.start(*options, "/bin/sh", "-c", script)
        lines = manager.talk().decode().splitlines()[1:]
        assert [line.split()[-3] for line in lines] == ["0", "1", "2", "3"]  # the last is the folder that ls reads
        end(manager.gates[-1])


def test_it_says_when_it_is_ready_and_how_it_is_doing(manager: Manager) -> None:
    one = manager.start("--max-connections", "7", "--deny", "127.0.0.9", "/bin/true")
    assert manager.wait_for("READY", "1")["STATUS"] == "0 of 7 connections, 0 served, 0 refused"
    manager.talk()
    manager.talk(source="127.0.0.9")
    manager.wait_for("STATUS", "0 of 7 connections, 1 served, 1 refused")
    one.stop()
    assert manager.wait_for("STOPPING", "1")


def test_it_says_that_it_is_out_of_descriptors_and_lives_on(manager: Manager) -> None:
    one = manager.start("--proxy-protocol", "any", "--timeout", "60", "/bin/true")
    manager.wait_for("READY", "1")
    resource.prlimit(one.pid, resource.RLIMIT_NOFILE, (one.descriptors(), 1000))
    silent = [socket.create_connection(manager.listening[0].getsockname(), 10) for _ in range(20)]
    assert "Too many open files" in manager.wait_for("STATUS", "Too many open files")["STATUS"]
    resource.prlimit(one.pid, resource.RLIMIT_NOFILE, (1000, 1000))
    manager.wait_for("STATUS", "20 of 40 connections")
    for client in silent:
        client.close()
    manager.wait_for("STATUS", "0 of 40 connections, 0 served, 20 refused")


def test_it_reports_at_most_once_a_second(manager: Manager) -> None:
    manager.code = ""
    one = manager.start("/bin/true")
    manager.wait_for("READY", "1")
    before = one.descriptors()
    for _ in range(100):
        manager.talk()
    manager.wait_for("STATUS", "100 served")
    assert len(manager.told()) < 10
    wait_until(lambda: one.descriptors() <= before, lambda: f"{one.descriptors()} descriptors, not {before}")


def test_the_name_of_a_file_adds_no_line_to_a_notification(manager: Manager, tmp_path: Path) -> None:
    """Or who may write into an access folder could trigger the watchdog."""
    folder = tmp_path / "access"
    folder.mkdir()
    (folder / "x\nWATCHDOG=trigger\nb.rpmnew").write_text("")
    manager.start("--courier-access", str(folder), "/bin/true")
    status = manager.wait_for("STATUS", "every client is refused")["STATUS"]
    assert r"x\nWATCHDOG=trigger\nb.rpmnew" in status
    assert {name for message in manager.told() for name in message} <= {
        "READY",
        "STATUS",
        "FDSTORE",
        "FDPOLL",
        "FDNAME",
    }


def test_a_notify_socket_that_has_gone_is_told_and_ends_nothing(manager: Manager, tmp_path: Path) -> None:
    one = manager.start("/bin/echo", "hello")
    manager.wait_for("READY", "1")
    manager.forget_notifications()
    assert [manager.talk() for _ in range(3)] == [b"hello\n"] * 3
    assert "unable to talk to systemd: " in one.wait_for("unable to talk")[0]
    (tmp_path / "rules").touch()
    one.process.send_signal(signal.SIGHUP)
    assert manager.talk() == b"hello\n"
    assert len(one.lines("unable to talk")) == 1
    assert one.stop() == 0


def test_a_reload_is_announced_and_reads_the_rules(manager: Manager, tmp_path: Path) -> None:
    _, one = ruled(manager, tmp_path, ":allow\n")
    one.process.send_signal(signal.SIGHUP)
    assert int(manager.wait_for("RELOADING", "1")["MONOTONIC_USEC"]) > 0
    wait_until(lambda: [message.get("READY") for message in manager.told()].count("1") == 2, one.log)
    assert one.lines("the rules have been read and are in force")


def test_when_a_reload_is_over_the_log_says_so(manager: Manager, tmp_path: Path) -> None:
    """Its record does not wait for the chores, of which an administrator knows nothing."""
    place = str(tmp_path / "journal")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(place)
        journal.setblocking(False)
        hour = injected(be_impatient, "dispatcher", CHORES_SECONDS=3600.0)
        one = manager.start("/bin/echo", code=hour + injected(log_to, place))
        manager.wait_for("READY", "1")
        manager.forget()
        one.process.send_signal(signal.SIGHUP)
        manager.wait_for("READY", "1")
        assert any(b"the rules have been read" in record for record in records_in(journal))


WRONG = [
    (["--alow", "any", "--", "/bin/echo"], "unknown option '--alow' (see sockgated(8))"),
    (["--max-connections", "many", "--", "/bin/echo"], "--max-connections: 'many' is not a whole number"),
    (["--allow", "10.0.0.0/33", "--", "/bin/echo"], "--allow: '10.0.0.0/33' has no valid prefix length"),
    (["--allow", "any"], "no server given (usage: sockgated [OPTION...] [--] PROGRAM [ARGUMENT...])"),
    (["--rules", "/no/such/file", "--", "/bin/echo"], "unable to read '/no/such/file': No such file or directory"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "message"), WRONG)
def test_with_wrong_options_every_client_is_refused_and_the_port_stays(
    manager: Manager, words: list[str], message: str
) -> None:
    one = manager.start("--name", "smtp", *words)
    assert f"every client is refused: {message}" in manager.wait_for("READY", "1")["STATUS"]
    assert [manager.talk() for _ in range(3)] == [b""] * 3
    assert one.process.poll() is None
    assert len(one.wait_for("every client is refused")) == 1
    refusal = one.wait_for("refused 127.0.0.1", 3)[0]
    assert message in refusal
    assert refusal.startswith("sockgated: smtp: refused 127.0.0.1")


@pytest.mark.parametrize(("words", "message"), WRONG)
def test_with_wrong_options_a_gate_that_must_not_keep_addresses_keeps_none(
    manager: Manager, words: list[str], message: str
) -> None:
    one = manager.start("--log-address", "none", *words)
    manager.wait_for("READY", "1")
    assert manager.talk() == b""
    assert message in one.wait_for("refused a client on ")[0]
    assert one.lines("refused 127") == []


def ruled(manager: Manager, folder: Path, text: str, *options: str) -> tuple[Path, Gated]:
    """A gate with these rules, which is ready."""
    rules = folder / "rules"
    rules.write_text(text)
    one = manager.start("--rules", str(rules), *options, "/bin/echo", "hello")
    manager.wait_for("READY", "1")
    return rules, one


def test_rules_without_a_catch_all_rule_are_in_force_with_a_warning(manager: Manager, tmp_path: Path) -> None:
    rules, one = ruled(manager, tmp_path, "10.:deny\n")
    assert manager.talk() == b"hello\n"
    (line,) = one.wait_for("the rules in force: ")
    assert f"{rules}:1: no catch-all rule: every client that matches no rule is let in" in line


def test_rules_that_lose_their_catch_all_rule_wait_for_a_reload(manager: Manager, tmp_path: Path) -> None:
    rules, one = ruled(manager, tmp_path, "10.:allow\n:deny\n")
    assert manager.talk() == b""
    rules.write_text("10.:allow\n")
    assert manager.talk() == b""
    (line,) = one.wait_for("the rules from before stay in force")
    assert f"{rules}:1: the catch-all rule is gone (reload the service if that is meant)" in line
    one.process.send_signal(signal.SIGHUP)
    wait_until(lambda: manager.talk() == b"hello\n", one.log)
    (warning,) = one.wait_for("the rules in force: ")
    assert f"{rules}:1: no catch-all rule: every client that matches no rule is let in" in warning


def test_of_many_warnings_some_are_logged(manager: Manager, tmp_path: Path) -> None:
    (tmp_path / "hosts.deny").write_text("ALL: 10.0.0\n" * 9)
    manager.start("--hosts-access", f"smtp,{tmp_path}", "/bin/echo", "hello")
    manager.wait_for("READY", "1")
    lines = manager.gates[0].wait_for("the rules in force: ", 6)
    assert "hosts.deny:5: no client can match '10.0.0': each client that it may be about is refused" in lines[4]
    assert "4 more such lines" in lines[5]
    assert manager.talk() == b"hello\n"


def test_rules_that_are_mended_are_in_force_without_a_word(manager: Manager, tmp_path: Path) -> None:
    rules, one = ruled(manager, tmp_path, "nonsense\n", "--deny-message", "421 closed for repair")
    assert "every client is refused" in manager.wait_for("READY", "1")["STATUS"]
    assert manager.talk() == b"421 closed for repair\r\n"
    rules.write_text(":allow\n")
    wait_until(lambda: manager.talk() == b"hello\n", one.log)
    rules.write_text("nonsense again\n")
    assert manager.talk() == b"hello\n"
    manager.wait_for("STATUS", f"the rules from before are in force: {rules}:1: ")
    rules.write_text(":deny\n")
    assert manager.talk() == b"421 closed for repair\r\n"
    lines = one.wait_for("rules .*force|every client", 4)
    assert [line.partition("echo: ")[2].partition(":")[0] for line in lines] == [
        "every client is refused", "the rules have been read and are in force", "the rules from before stay in force",
        "the rules have been read and are in force",
    ]  # fmt: skip


def test_a_connection_instead_of_a_listening_socket_is_an_error(manager: Manager) -> None:
    with socket.create_connection(manager.listening[0].getsockname()) as client:
        one = manager.start("/bin/true", sockets=[client], code=FAILS_SOON)
        assert one.process.wait(60) == 100
    assert "descriptor 3 is no listening stream socket (the socket unit needs Accept=no)" in one.log()


def test_a_start_that_fails_takes_a_second(manager: Manager) -> None:
    """systemd starts it again for the client that still waits: without this it would do nothing else."""
    with socket.socket() as other:
        one = manager.start("/bin/true", sockets=[other])
        one.wait_for("no listening stream socket")
        assert one.process.poll() is None
        assert one.process.wait(60) == 100


def test_sockets_for_another_process_are_not_touched(tmp_path: Path, ended: list[Gated]) -> None:
    one = start(tmp_path, ["/bin/true"], {**PLAIN, "LISTEN_PID": "1", "LISTEN_FDS": "1"}, flags="-I")
    ended.append(one)
    assert one.process.wait(60) == 100
    assert "no socket to listen on (start it from a .socket unit with Accept=no, or give --listen)" in one.log()


@pytest.mark.parametrize("count", ["x", "-1", "1 ", "99999999999999999999"])
def test_what_is_no_number_of_sockets_is_an_error_in_one_line(
    tmp_path: Path, ended: list[Gated], monkeypatch: pytest.MonkeyPatch, count: str
) -> None:
    environment = {**PLAIN, "LISTEN_FDS": count}
    one = start(tmp_path, ["/bin/true"], environment, flags="-I", prelude=HAND_OVER, code=FAILS_SOON)
    ended.append(one)
    assert one.process.wait(60) == 100
    (line,) = one.log().splitlines()
    assert f"sockgated: LISTEN_FDS is {count!r}, not a number of sockets (start it from a .socket unit" in line


def test_a_socket_that_is_not_there_is_an_error_in_one_line(tmp_path: Path, ended: list[Gated]) -> None:
    environment = {**PLAIN, "LISTEN_FDS": "2"}
    one = start(tmp_path, ["/bin/true"], environment, flags="-I", prelude=HAND_OVER, code=FAILS_SOON)
    ended.append(one)
    assert one.process.wait(60) == 100
    (line,) = one.log().splitlines()
    assert "descriptor 3 is no socket" in line


def test_without_a_socket_it_was_ready_once_so_that_systemd_looks_at_its_exit_code(
    manager: Manager, ended: list[Gated], tmp_path: Path
) -> None:
    ended.append(start(tmp_path, ["/bin/true"], {**PLAIN, "NOTIFY_SOCKET": str(tmp_path / "notify")}, flags="-I"))
    assert ended[0].process.wait(60) == 100
    assert manager.wait_for("READY", "1")["STATUS"] == "no socket to listen on"


@pytest.mark.parametrize("address", ["path", "abstract"])
def test_without_systemd_python_it_takes_its_sockets_and_tells_its_state_by_itself(
    tmp_path: Path, address: str
) -> None:
    with closing(Manager(tmp_path, abstract=address == "abstract")) as manager:
        manager.start("/bin/sh", "-c", "ls -l /proc/self/fd", flags="-IS")
        assert "0 of" in manager.wait_for("READY", "1")["STATUS"]
        assert b"socket" in manager.talk()
        assert manager.talk(1, "127.0.0.2").count(b"->") == 4  # 0, 1, 2, and the folder that ls reads
        manager.wait_for("STATUS", "2 served")
        assert manager.gates[0].stop(signal.SIGTERM) == 0
        assert manager.wait_for("STOPPING", "1")


@pytest.mark.parametrize(("words", "message"), WRONG[:4])
def test_with_sockets_of_its_own_wrong_options_end_it(
    tmp_path: Path, ended: list[Gated], words: list[str], message: str
) -> None:
    one = start(tmp_path, ["--listen", "127.0.0.1:0", *words])
    ended.append(one)
    assert one.process.wait(60) == 100
    assert message in one.log()
