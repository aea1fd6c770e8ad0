"""What a rule of hosts.allow does beside matching: hosts_options(5)."""

import os
import posix
import sys
from pathlib import Path

import pytest

from sockgate.access.hosts_options import split_options
from sockgate.connection.rule_actions import carry_out
from sockgate.core import SystemFailure, Verdict
from sockgate.core.actions import Actions
from sockgate.core.host_names import CONFIRMED
from sockgate.core.peer import Peer
from tests.access.hosts_tables import DAEMON, named, read
from tests.connection.launch import Launcher, internet
from tests.core.clients import client, local_user


def actions_of(folder: Path, options: str, peer: Peer | None = None) -> Verdict:
    return read(folder, f"ALL: ALL: {options}\n", ident=True).decide(peer or client("192.0.2.1"))


def test_what_a_rule_does_beside_matching(tmp_path: Path) -> None:
    options = "nice 3: nice = -1: umask 027: keepalive: severity local3.alert: SetEnv A x: setenv B"
    verdict = actions_of(tmp_path, options)
    actions = verdict.actions
    assert actions is not None
    assert (actions.nice, actions.umask, actions.keepalive) == (2, 0o27, True)
    assert (actions.priority, actions.facility, actions.banner) == (1, 19, b"")
    assert verdict.variables == {b"A": b"x", b"B": b""}
    actions = actions_of(tmp_path, "nice: severity debug: allow").actions
    assert actions is not None
    assert (actions.nice, actions.umask, actions.keepalive) == (10, None, False)
    assert (actions.priority, actions.facility) == (7, None)
    assert read(tmp_path, "ALL: ALL\n").decide(client("192.0.2.1")).actions is None


def test_only_what_changes_a_process_or_asks_for_a_name_needs_one_of_its_own(tmp_path: Path) -> None:
    for options, needs in (
        ("allow", False), ("severity info", False), ("setenv A %a", False), ("nice", True), ("umask 77", True),
        ("keepalive", True), ("setenv A %n", True), ("setenv A %N", True), ("setenv A %p", True),
        ("setenv A %h", False),
    ):  # fmt: skip
        assert read(tmp_path, f"ALL: 10.: {options}\n").needs_process == needs, options


def test_expansions_say_who_is_connected_and_bring_in_nothing_that_a_shell_would_read(tmp_path: Path) -> None:
    peer = named(CONFIRMED, "mail.example.com")
    peer.info = "a$b;c"
    text = "%a %A %c %d %h %H %r %R %s %u %% 100%"
    unasked = actions_of(tmp_path, f"setenv X {text}", peer).variables[b"X"]
    assert unasked == (
        b"192.0.2.1 127.0.0.1 a_b_c@192.0.2.1 smtpd 192.0.2.1 127.0.0.1 4711 25 smtpd@127.0.0.1 a_b_c % 100%"
    )
    asked = actions_of(tmp_path, "setenv X %n %h %c %N %s %p", peer).variables[b"X"]
    assert asked == (
        b"mail.example.com mail.example.com a_b_c@mail.example.com mail.example.com smtpd@mail.example.com %d"
        % os.getpid()
    )
    nobody = actions_of(tmp_path, "setenv X %a %n %c %s %u", local_user()).variables[b"X"]
    assert nobody == b"unknown unknown unknown smtpd unknown"


def test_a_banner_is_the_file_named_after_the_daemon(tmp_path: Path) -> None:
    folder = tmp_path / "banners"
    folder.mkdir()
    verdict = actions_of(tmp_path, f"banners {folder}")
    assert verdict.actions is not None
    assert verdict.actions.banner == b""
    (folder / DAEMON).write_text("Hello %a\n100%% end")
    for options in (f"banners {folder}", f"banners = {folder}: deny"):
        verdict = actions_of(tmp_path, options)
        assert verdict.actions is not None
        assert verdict.actions.banner == b"Hello 192.0.2.1\r\n100% end"


def test_a_banner_that_is_not_right_is_left_out_as_by_libwrap(tmp_path: Path) -> None:
    folder = tmp_path / "banners"
    folder.mkdir()
    (folder / DAEMON).write_text("a%yb")
    for path, banner, reason in (
        (folder, b"ab", "'%y' stands for nothing in 'a%yb'"),
        (tmp_path / "none", b"", f"banners: there is no folder '{tmp_path}/none'"),
        (folder / DAEMON, b"", f"banners: unable to read '{folder}/{DAEMON}/{DAEMON}': Not a directory"),
    ):
        access = read(tmp_path, f"ALL: ALL: banners {path}\n", "ALL: ALL\n")
        verdict = access.decide(client("192.0.2.1"))
        assert verdict.actions is not None
        assert (verdict.outcome, verdict.actions.banner) == ("allow", banner)
        assert [warning.message for warning in access.warnings] == [f"{reason}: it is left out"]


def test_colons_in_a_value_are_escaped() -> None:
    assert split_options("setenv A a\\:b : nice=5 :Allow") == [("setenv", "A a:b"), ("nice", "5"), ("allow", "")]


def test_the_server_gets_what_its_rule_says(launcher: Launcher, tmp_path: Path) -> None:
    (tmp_path / DAEMON).write_text("Hello\n")
    (tmp_path / "hosts.allow").write_text(f"ALL: 127.: nice 4: umask 031: keepalive: banners {tmp_path}: setenv A %d\n")
    near, far = internet()
    outcome = launcher.run((near, far), ["--hosts-access", f"{DAEMON},{tmp_path}", "--", *launcher.dumper()])
    assert outcome.server is not None, outcome.log
    assert outcome.said == b"Hello\r\n"
    assert outcome.server.environment[b"A"] == b"smtpd"
    assert outcome.server.status["Umask"].strip() == "0031"
    script = ["/bin/sh", "-c", "cut -d ' ' -f 19 /proc/self/stat"]
    shown = launcher.run(internet(), ["--hosts-access", f"{DAEMON},{tmp_path}", "--", *script]).said
    assert shown.splitlines()[1] == b"%d" % min(os.nice(0) + 4, 19)


def test_a_refused_client_gets_the_banner_of_its_rule(launcher: Launcher, tmp_path: Path) -> None:
    (tmp_path / DAEMON).write_text("Go away, %a\n")
    (tmp_path / "hosts.deny").write_text(f"ALL: ALL: banners {tmp_path}\n")
    words = ["--hosts-access", f"{DAEMON},{tmp_path}", "--deny-message", "421 no", "--", "/bin/true"]
    outcome = launcher.run(internet(), words)
    assert (outcome.code, outcome.said) == (0, b"Go away, 127.0.0.1\r\n421 no\r\n")


KEEPALIVE = "import socket; s = socket.socket(fileno=0); s.send(b'%d' % s.getsockopt(1, socket.SO_KEEPALIVE))"


def test_keepalive_is_switched_on_for_the_clients_socket(launcher: Launcher, tmp_path: Path) -> None:
    server = ["--", sys.executable, "-c", KEEPALIVE]
    for options, said in ((": keepalive", b"1"), ("", b"0")):
        (tmp_path / "hosts.allow").write_text(f"ALL: ALL {options}\n")
        assert launcher.run(internet(), ["--hosts-access", f"{DAEMON},{tmp_path}", *server]).said == said


def test_what_the_system_does_not_let_a_rule_do_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(change: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    actions = Actions()
    actions.nice = -1
    monkeypatch.setattr(posix, "nice", refuse)
    with pytest.raises(SystemFailure, match=r"^unable to change the nice value by -1: Operation not permitted$"):
        carry_out(actions)
