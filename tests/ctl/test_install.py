"""sockgatectl install and uninstall: what they write, what they refuse, what they say."""

from pathlib import Path

import pytest

from sockgate.ctl.gated_service import find_named
from sockgate.ctl.main import run
from sockgate.ctl.own_files import MARKER
from sockgate.host.listening import expanded
from sockgate.units.search import UnitSearch
from tests.units.tree import write_tree

ETC = "/etc/systemd/system"
WORDS = ["/usr/bin/server", "-i", "two words", 'a"b\\c$d%e']
SERVER = """/usr/bin/server -i 'two words' 'a"b\\c$d%e'"""
OWN = ["echo", "--listen", "7", "--user", "mail", "--server", "/usr/bin/server"]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system with systemd 257 and sockgate."""
    files = {
        "/etc/passwd": "root:x:0:0::/root:/bin/sh\nmail:x:8:8::/var/mail:/bin/sh\n",
        "/usr/lib/systemd/libsystemd-shared-257.so": "",
        "/usr/bin/server": "#!/bin/sh\n",
    }
    write_tree(tmp_path, files)
    programs = tmp_path / "programs"
    write_tree(programs, {"sockgate": "#!/bin/sh\n", "sockgated": "#!/bin/sh\n", "sockgatectl": "#!/bin/sh\n"})
    # The units name the programs of this machine; check looks for them in the other system.
    write_tree(tmp_path, {f"{programs}/sockgate": "#!/bin/sh\n", f"{programs}/sockgated": "#!/bin/sh\n"})
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr("sys.argv", [str(programs / "sockgatectl")])
    return tmp_path


def ctl(root: Path, *words: str) -> int:
    return run([*words, "--root", str(root)])


def test_the_units_start_the_server_behind_a_gate(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--listen", "7", "--listen", "[fd00::1]:7", "--options", "--allow 'localhost 10.0.0.0/8'"]
    assert ctl(root, "install", "echo", "--user", "mail", "--server", SERVER, *options) == 0
    assert capsys.readouterr().out == (
        f"wrote {ETC}/echo.socket\nwrote {ETC}/echo@.service\nwrote {ETC}/echo.service\n"
        "next: systemctl enable --now echo.socket\n"
    )
    search = UnitSearch(str(root))
    socket, service = search.load("echo.socket"), search.load("echo@.service")
    assert socket is not None
    assert service is not None
    assert [line.value for line in socket.list("Socket", "ListenStream")] == ["7", "[fd00::1]:7"]
    assert socket.value("Socket", "PollLimitBurst") == "200"
    assert socket.value("Socket", "ExecStartPre") == f"{root}/programs/sockgatectl check --level error %n"
    assert service.value("Service", "User") == "mail"


def test_timeouts_are_written_for_each_engine(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl(root, "install", *OWN, "--session-timeout", "600", "--idle-timeout", "60") == 0
    search = UnitSearch(str(root))
    connection, resident = search.load("echo@.service"), search.load("echo.service")
    assert connection is not None
    assert resident is not None
    assert connection.value("Service", "RuntimeMaxSec") == "600s"
    environment = [line.value for line in resident.list("Service", "Environment")]
    assert any("--session-timeout 600 --idle-timeout 60" in value for value in environment)
    assert "error" not in capsys.readouterr().out
    assert ctl(root, "install", *OWN, "--session-timeout", "0") == 2
    assert "--session-timeout: '0' is not a whole number from 1 to 1000000" in capsys.readouterr().err


@pytest.mark.parametrize(("systemd", "subgroup"), [(252, ""), (257, "gate")])
def test_limits_for_each_session_are_written_for_each_engine(
    root: Path, capsys: pytest.CaptureFixture[str], systemd: int, subgroup: str
) -> None:
    library = root / "usr/lib/systemd/libsystemd-shared-257.so"
    library.rename(library.with_name(f"libsystemd-shared-{systemd}.so"))
    assert ctl(root, "install", *OWN, "--session-memory", "64M", "--session-tasks", "16") == 0
    search = UnitSearch(str(root))
    connection, resident = search.load("echo@.service"), search.load("echo.service")
    assert connection is not None
    assert resident is not None
    assert [connection.value("Service", key) for key in ("MemoryMax", "TasksMax")] == ["64M", "16"]
    environment = [line.value for line in resident.list("Service", "Environment")]
    assert any("--session-memory 64M --session-tasks 16" in value for value in environment)
    keys = ("Delegate", "DelegateSubgroup", "ProtectControlGroups")
    assert [resident.value("Service", key) for key in keys] == ["memory pids", subgroup, ""]
    assert connection.value("Service", "ProtectControlGroups") == ""
    assert "error" not in capsys.readouterr().out
    assert ctl(root, "install", *OWN, "--session-memory", "64") == 2
    assert "--session-memory: '64' is not a number of bytes from 1M to 1T, such as 64M" in capsys.readouterr().err


def test_check_finds_nothing_and_the_gate_gets_the_words(root: Path) -> None:
    assert ctl(root, "install", "echo", "--user", "mail", "--listen", "7", "--server", SERVER) == 0
    assert ctl(root, "check", "echo") == 0
    gated = find_named("echo", UnitSearch(str(root)))
    assert gated.gate is not None
    assert gated.gate.server.command == WORDS
    assert [word.text for word in gated.words[:5]] == ["--name", "echo", "--allow", "localhost", "--"]


def test_accept_no_in_a_drop_in_switches_to_the_resident_gate(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl(root, "install", "echo", "--user", "mail", "--listen", "7", "--server", SERVER) == 0
    capsys.readouterr()
    assert ctl(root, "check", "echo.service") == 0
    assert capsys.readouterr().out == (
        "note: echo.service: echo.socket starts echo@.service now; with Accept=no it starts this unit\n"
    )
    write_tree(root, {f"{ETC}/echo.socket.d/x.conf": "[Socket]\nAccept=no\n"})
    gated = find_named("echo", UnitSearch(str(root)))
    assert gated.service.name == "echo.service"
    assert gated.gate is not None
    assert gated.gate.server.command == WORDS
    assert ctl(root, "check", "echo") == 0, "the other engine is neither broken nor a second service"
    assert ctl(root, "check", "echo@.service") == 0
    assert "with Accept=yes it starts this unit" in capsys.readouterr().out


def test_a_resident_unit_of_another_program_stays(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl(root, "install", *OWN) == 0
    (root / f"{ETC[1:]}/echo.service").write_text("[Service]\n")
    assert ctl(root, "uninstall", "echo") == 0
    assert f"removed {ETC}/echo.service" not in capsys.readouterr().out
    assert (root / f"{ETC[1:]}/echo.service").exists()


def test_without_options_only_this_machine_is_let_in_and_told_so(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ctl(root, "install", *OWN) == 0
    assert capsys.readouterr().out.splitlines()[3:] == [
        "only this machine may connect: say --options, or set SOCKGATE_OPTIONS in /etc/default/sockgate-echo",
        "next: systemctl enable --now echo.socket",
    ]


def test_older_systemd_gets_no_setting_that_it_does_not_know(root: Path) -> None:
    (root / "usr/lib/systemd/libsystemd-shared-257.so").rename(root / "usr/lib/systemd/libsystemd-shared-252.so")
    assert ctl(root, "install", *OWN) == 0
    assert "PollLimit" not in (root / f"{ETC[1:]}/echo.socket").read_text()


def test_what_is_wrong_with_it_is_said_at_once(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["echo", "--listen", "7", "--user", "nobody", "--server", "/usr/bin/none"]
    assert ctl(root, "install", *words) == 1
    findings = [line for line in capsys.readouterr().out.splitlines() if "error" in line]
    assert len(findings) == 2
    assert findings[0].endswith(
        "error: echo@.service: unable to run '/usr/bin/none': No such file or directory"
        " (install it, or name another: SOCKGATE_SERVER= in /etc/default/sockgate-echo)"
    )


def test_a_dry_run_prints_the_units_and_writes_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl(root, "install", *OWN, "--dry-run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"# {ETC}/echo.socket", f"# {MARKER}"]
    assert f"# {ETC}/echo@.service" in lines
    assert not (root / ETC[1:]).exists()


def test_its_own_units_are_written_again_and_removed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl(root, "install", *OWN) == 0
    assert ctl(root, "install", *OWN, "--options", "--deny any") == 0
    write_tree(root, {"/etc/default/sockgate-echo": "", f"{ETC}/echo.socket.d/x.conf": ""})
    capsys.readouterr()
    removed = [f"{ETC}/echo.socket", f"{ETC}/echo@.service", f"{ETC}/echo.service"]
    left = f"left {ETC}/echo.socket.d\nleft /etc/default/sockgate-echo\n"
    assert ctl(root, "uninstall", "echo", "--dry-run") == 0
    assert capsys.readouterr().out == "".join(f"would remove {path}\n" for path in removed) + left
    assert ctl(root, "uninstall", "echo") == 0
    assert capsys.readouterr().out == "".join(f"removed {path}\n" for path in removed) + left
    assert [path.name for path in (root / ETC[1:]).iterdir()] == ["echo.socket.d"]


def test_what_is_enabled_is_restarted_after_a_change_and_not_removed(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tree(root, {f"{ETC}/sockets.target.wants/echo.socket": f"-> {ETC}/echo.socket"})
    assert ctl(root, "install", *OWN) == 0
    assert capsys.readouterr().out.endswith("next: systemctl daemon-reload && systemctl restart echo.socket\n")
    assert ctl(root, "uninstall", "echo") == 1
    assert capsys.readouterr().err == "sockgatectl: echo.socket is in use (systemctl disable --now echo.socket)\n"


@pytest.mark.parametrize("left", ["echo.socket", "echo@.service", "echo.service"])
def test_what_is_left_of_its_own_units_is_removed(root: Path, left: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl(root, "install", *OWN) == 0
    for path in (root / ETC[1:]).iterdir():
        if path.name != left:
            path.unlink()
    capsys.readouterr()
    assert ctl(root, "uninstall", "echo") == 0
    assert capsys.readouterr().out == f"removed {ETC}/{left}\n"
    assert not list((root / ETC[1:]).iterdir())


@pytest.mark.parametrize("path", [f"{ETC}/echo.socket", "/usr/lib/systemd/system/echo@.service", f"{ETC}/echo.service"])
def test_a_foreign_unit_is_not_touched(root: Path, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_tree(root, {path: "[Unit]\n"})
    assert ctl(root, "install", *OWN) == 1
    assert capsys.readouterr().err == (
        f"sockgatectl: '{path}' exists and was not written by sockgatectl install (choose another name)\n"
    )
    assert (root / path[1:]).read_text() == "[Unit]\n"


def test_only_what_install_wrote_is_removed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl(root, "uninstall", "echo") == 1
    assert capsys.readouterr().err == (
        f"sockgatectl: there is no '{ETC}/echo.socket' (only what `sockgatectl install` wrote can be removed)\n"
    )
    write_tree(root, {f"{ETC}/echo.socket": "[Socket]\n"})
    assert ctl(root, "uninstall", "echo") == 1
    assert capsys.readouterr().err == f"sockgatectl: '{ETC}/echo.socket' was not written by sockgatectl install\n"


def test_uninstall_says_how_to_go_back_from_a_converted_service(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tree(root, {f"{ETC}/echo.socket": "# Converted from /etc/xinetd.d/echo:2 by sockgatectl; see x(7).\n"})
    assert ctl(root, "uninstall", "echo") == 1
    assert capsys.readouterr().err == (
        f"sockgatectl: '{ETC}/echo.socket' was converted from /etc/xinetd.d/echo:2"
        " (the same `sockgatectl convert` with --install prints the commands that switch back)\n"
    )


def test_a_shipped_service_needs_nothing_but_to_be_enabled(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tree(root, {"/usr/lib/systemd/system/smtp.socket": "[Socket]\n"})
    assert ctl(root, "install", "smtp") == 0
    assert capsys.readouterr().out == (
        "smtp.socket is installed (/usr/lib/systemd/system/smtp.socket); next: systemctl enable --now smtp.socket\n"
    )


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["smtp"],
            1,
            "there is no smtp.socket, or it is masked (`make install` brings it; or name a server with --server)",
        ),
        (
            ["finger"],
            2,
            "no units for 'finger' come with sockgate (smtp imap pop3 smtps imaps pop3s do; or say --server)",
        ),
        (["smtp", "--user", "x"], 2, "--user needs --server: the units that are shipped have it"),
        (["a", "b", "--server", "/x"], 2, "--server is for one NAME at a time"),
        (["a", "--server", "/x"], 2, "--server needs --listen"),
        (
            ["a", "--server", "/x", "--listen", "7"],
            2,
            "--server needs --user (the user as which it runs: root if it must)",
        ),
        ([*OWN[:-1], "x -i"], 2, "--server: 'x -i' does not start with an absolute path"),
        ([*OWN[:-1], ""], 2, "--server: '' does not start with an absolute path"),
        ([*OWN[:-1], "/x 'y"], 2, '--server: "/x \'y": No closing quotation'),
        ([*OWN, "--options", "--alow any"], 2, "unknown option '--alow' (see sockgate(8))"),
        (
            [*OWN, "--listen", "99999"],
            2,
            "--listen: '99999' is not a port, ADDRESS:PORT, [ADDRESS]:PORT or the path of a socket",
        ),
        (
            [*OWN, "--listen", "::1:7"],
            2,
            "--listen: '::1:7' is not a port, ADDRESS:PORT, [ADDRESS]:PORT or the path of a socket",
        ),
        (
            [*OWN, "--listen", "[fe80::1%eth0]:7"],
            2,
            "--listen: '[fe80::1%eth0]:7' is not a port, ADDRESS:PORT, [ADDRESS]:PORT or the path of a socket"
            " (the interface stands last: [ADDRESS]:PORT%INTERFACE)",
        ),
        (
            [*OWN, "--listen", "127.0.0.1:07"],
            2,
            "--listen: '127.0.0.1:07' is not a port, ADDRESS:PORT, [ADDRESS]:PORT or the path of a socket",
        ),
        ([*OWN, "--listen", "/"], 2, "--listen: '/' is not the path of a socket (2 to 107 bytes)"),
        (
            [*OWN, "--listen", "@" + 107 * "x"],
            2,
            f"--listen: '@{107 * 'x'}' is not the path of a socket (2 to 107 bytes)",
        ),
        (["a.socket", *OWN[1:]], 2, "'a.socket' is a unit, not the name of a service (write it without .socket)"),
        (["smtp.service"], 2, "'smtp.service' is a unit, not the name of a service (write it without .service)"),
        (
            ["a/b", *OWN[1:]],
            2,
            "'a/b' cannot be the name of a service (letters, digits and . _ : - only)",
        ),
    ],
)
def test_what_cannot_be_installed_is_refused(
    root: Path, words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ctl(root, "install", *words) == code
    assert capsys.readouterr().err == f"sockgatectl: {message}\n"
    assert not (root / ETC[1:]).exists()


def test_every_form_of_an_address_reaches_systemd_as_it_was_given(root: Path) -> None:
    given = ["7", "127.0.0.1:7", "[fe80::1]:7%eth0", "/run/echo 100%", "@echo"]
    listens = [word for text in given for word in ("--listen", text)]
    own = ["--user", "mail", "--server", "/usr/bin/server", "--options", "--allow any"]
    assert ctl(root, "install", "echo", *listens, *own) == 0
    socket = UnitSearch(str(root)).load("echo.socket")
    assert socket is not None
    assert [expanded(line.value, socket) for line in socket.list("Socket", "ListenStream")] == given


def test_a_root_that_is_not_there_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "nope"
    for words in (["install", *OWN], ["uninstall", "echo"], ["check"]):
        assert ctl(missing, *words) == 2
        assert capsys.readouterr().err == f"sockgatectl: {str(missing)!r} is not a directory\n"
    assert not missing.exists()


def test_what_is_broken_is_to_be_mended_before_it_is_enabled(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl(root, "install", *OWN, "--user", "mial", "--options", "--allow any") == 1
    *_, finding, last = capsys.readouterr().out.splitlines()
    assert "error: echo@.service: User=mial: there is no such user" in finding
    assert last == "next: mend what is said above, then systemctl enable --now echo.socket"


def test_without_the_gate_nothing_is_written(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    assert ctl(root, "install", *OWN) == 1
    assert capsys.readouterr().err == (
        "sockgatectl: unable to find the program 'sockgatectl' (`make install` puts it where systemd finds it)\n"
    )
