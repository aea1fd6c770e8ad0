"""What sockgate does when no server runs: one line, an exit code, and not a byte to the client."""

import os
import pty
import socket
import subprocess
from pathlib import Path

import pytest

from sockgate import __version__
from tests.connection.launch import PLAIN, Launcher, Outcome, add_to_launcher, internet

STREAM_HINT = "(start it from a .socket unit with Accept=yes, and StandardInput=socket in the service)"
ADDRESSES_HINT = "(write addresses, networks such as 192.168.0.0/24, or one of: any link-local localhost multicast)"
OPTIONS_WRONG = [
    ([], "no server given (usage: sockgate [OPTION...] [--] PROGRAM [ARGUMENT...])"),
    (["--"], "no server given (usage: sockgate [OPTION...] [--] PROGRAM [ARGUMENT...])"),
    ([""], "no server given (usage: sockgate [OPTION...] [--] PROGRAM [ARGUMENT...])"),
    (["--bogus", "true"], "unknown option '--bogus' (see sockgate(8))"),
    (["-x", "true"], "unknown option '-x' (see sockgate(8))"),
    (["--help", "true"], "unknown option '--help' (see sockgate(8))"),
    (["--allow"], "--allow needs a value: --allow LIST"),
    (["--stderr", "journal", "--stderr", "socket", "true"], "--stderr is given twice"),
    (["--allow", "", "true"], "--allow: the list is empty (name at least one address, or leave the option out)"),
    (["--deny=10.0.0.0/33", "true"], f"--deny: '10.0.0.0/33' has no valid prefix length (0 to 32) {ADDRESSES_HINT}"),
    (["--env", "=x", "true"], "--env: '=x' is not VAR=VALUE"),
    (["--stderr", "client", "true"], "--stderr: 'client' is neither journal nor socket"),
    (["--rlimit", "as=much", "true"], "--rlimit: 'as=much' has no valid size (write 8000000, 8M or infinity)"),
]


def test_wrong_options_refuse_the_connection_and_say_why(launcher: Launcher) -> None:
    for words, message in OPTIONS_WRONG:
        connection = internet()
        source, here = ("{}:{}".format(*end.getsockname()) for end in reversed(connection))
        outcome = launcher.run(connection, words)
        assert outcome == Outcome(100, f"sockgate: refused {source} on {here}: {message}\n", b"", None)


def test_the_record_of_wrong_options_names_the_service(launcher: Launcher) -> None:
    for words, name in (
        (["--name", "mx", "--bogus", "--", "/bin/true"], "mx: "),
        (["--bogus", "--name=mx", "true"], "mx: "),
        (["--name", "mx", "--name", "b", "true"], "mx: "),
        (["--name", "mx", "--allow", "10.0.0", "true"], "mx: "),
        (["--bogus", "--", "/usr/sbin/smtpd"], "smtpd: "),
        (["--bogus", "--", "/usr/sbin/smtpd", "--name", "mx"], "smtpd: "),
        (["--bogus", "--name", "--", "true"], ""),
        (["--bogus", "--name"], ""),
    ):
        outcome = launcher.run(internet(), words)
        assert outcome.log.startswith(f"sockgate: {name}refused 127.0.0.1:"), words


def make_programs(folder: Path) -> None:
    for name, text, mode in (
        ("no-interpreter", "#!/nonexistent/sh\n", 0o755),
        ("no-first-line", "echo hello\n", 0o755),
        ("not-executable", "#!/bin/sh\n", 0o644),
        ("empty", "", 0o755),
    ):
        (folder / name).write_text(text)
        (folder / name).chmod(mode)
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("missing")


SERVERS = [
    ("{}/missing", 127, "No such file or directory"),
    ("{}/dangling", 127, "No such file or directory"),
    ("{}/empty/server", 127, "Not a directory"),
    ("missing", 127, "not found on PATH"),
    ("folder", 127, "not found on PATH"),
    ("{}/folder", 126, "Permission denied"),
    ("{}/not-executable", 126, "Permission denied"),
    ("not-executable", 126, "it is not executable"),
    ("{}/no-interpreter", 126, "the interpreter that it names is missing"),
    ("no-interpreter", 126, "the interpreter that it names is missing"),
    ("{}/no-first-line", 126, "Exec format error (a script needs a first line such as #!/bin/sh)"),
    ("{}/empty", 126, "Exec format error (a script needs a first line such as #!/bin/sh)"),
    ("{}/loop", 126, "Too many levels of symbolic links"),
    ("/" + 300 * "x", 126, "File name too long"),
]


@pytest.mark.parametrize(("server", "code", "reason"), SERVERS)
def test_a_server_that_cannot_run_is_named_and_has_the_exit_code_of_a_shell(
    launcher: Launcher, server: str, code: int, reason: str
) -> None:
    make_programs(launcher.folder)
    path = server.format(launcher.folder)
    for options in ([], ["--stderr", "socket"]):
        environment = PLAIN | {"PATH": str(launcher.folder)}
        outcome = launcher.run(internet(), [*options, path], environment, prelude='export PWD; exec "$@"')
        assert (outcome.code, outcome.said, outcome.server) == (code, b"", None)
        *_, line = outcome.log.splitlines()
        shown = f"{launcher.folder}/{path}" if code == 126 and "/" not in path else path
        assert line.startswith("sockgate: ")
        assert f": unable to run {shown!r}: {reason}" in line


def test_no_failure_reaches_a_client_that_is_standard_error_as_well(launcher: Launcher) -> None:
    make_programs(launcher.folder)
    commands = [(words, 100) for words, _ in OPTIONS_WRONG]
    commands += [([server.format(launcher.folder)], code) for server, code, _ in SERVERS if "/" in server]
    for words, code in commands:
        outcome = launcher.run(internet(), words, prelude='exec "$@" 2>&0')
        assert outcome == Outcome(code, "", b"", None), words


def test_a_refused_client_reads_nothing_and_the_gate_has_not_failed(launcher: Launcher) -> None:
    for options, reason in (
        (["--allow", "192.0.2.0/24"], "not in --allow 192.0.2.0/24"),
        (["--deny", "192.0.2.1,127.0.0.0/8"], "in --deny 127.0.0.0/8"),
        (["--allow", "::1", "--deny", "any"], "in --deny any"),
    ):
        connection = internet("::", "127.0.0.1")
        remote, local = (end.getsockname()[1] for end in reversed(connection))
        outcome = launcher.run(connection, ["--name", "smtp", *options, "/bin/echo", "hello"])
        line = f"sockgate: smtp: refused 127.0.0.1:{remote} on 127.0.0.1:{local}: {reason}\n"
        assert outcome == Outcome(0, line, b"", None)


def test_a_hostile_name_stays_within_its_line(launcher: Launcher) -> None:
    for name in (b"a\nb", b"\n<0>x", b"\x1b[2J", b"\xff\xfe", b"x" * 65536, "é\u202e".encode()):
        outcome = launcher.run(internet(), ["--name", name, "--deny", "any", "/bin/echo"])
        (line,) = outcome.log.splitlines()
        assert line.startswith("sockgate: ")
        assert line.isascii()
        assert line.isprintable()
        assert len(line) < 1100


def test_a_client_that_has_gone_starts_no_server_and_is_no_failure(launcher: Launcher) -> None:
    for address in ("127.0.0.1", "::1"):
        near, far = internet(address, address)
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset it
        far.close()
        assert launcher.run((near, socket.socket()), launcher.dumper()) == Outcome(0, "", b"", None)


def test_a_client_that_has_only_stopped_sending_is_served(launcher: Launcher) -> None:
    near, far = internet()
    far.shutdown(socket.SHUT_WR)
    assert launcher.run((near, far), ["/bin/echo", "hello"]).said == b"hello\n"


@pytest.mark.parametrize(
    ("redirection", "reason"),
    [
        ("</dev/null", "descriptor 0 is not a socket"),
        ("<&-", "descriptor 0 is not a socket"),
        ("</etc/passwd", "descriptor 0 is not a socket"),
    ],
)
def test_without_a_connection_on_descriptor_0_nothing_runs(launcher: Launcher, redirection: str, reason: str) -> None:
    for options in ([], ["--deny-message", "go away"]):
        outcome = launcher.run(internet(), [*options, "/bin/echo"], prelude=f'exec "$@" {redirection}')
        assert outcome == Outcome(100, f"sockgate: echo: {reason} {STREAM_HINT}\n", b"", None)


def test_a_listening_socket_is_not_a_connection(launcher: Launcher) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    outcome = launcher.run((listener, socket.socket()), ["/bin/echo"])
    assert outcome.code == 100
    assert outcome.log == f"sockgate: echo: the socket is listening, not connected {STREAM_HINT}\n"


def test_a_seqpacket_socket_is_not_a_stream(launcher: Launcher) -> None:
    outcome = launcher.run(socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET), ["/bin/echo"])
    assert (outcome.code, outcome.said) == (100, b"")
    assert outcome.log == f"sockgate: echo: the socket is not a stream socket {STREAM_HINT}\n"


@pytest.mark.parametrize("count", ["0", "2", "", "01"])
def test_listen_fds_must_be_one_connection(launcher: Launcher, count: str) -> None:
    prelude = f'LISTEN_PID=$$ LISTEN_FDS={count} exec "$@" 3<&0 </dev/null'
    outcome = launcher.run(internet(), ["--name", "x", "/bin/echo"], prelude=prelude)
    assert (outcome.code, outcome.said) == (100, b"")
    text = f": LISTEN_FDS is {count!r}, not '1' (sockgate serves one connection: set Accept=yes)\n"
    assert outcome.log.startswith("sockgate: x: refused 127.0.0.1:")
    assert outcome.log.endswith(text)


def test_listen_fds_without_the_descriptor_is_no_connection(launcher: Launcher) -> None:
    prelude = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&- </dev/null'
    outcome = launcher.run(internet(), ["/bin/echo"], prelude=prelude)
    assert outcome == Outcome(100, f"sockgate: echo: descriptor 0 is not a socket {STREAM_HINT}\n", b"", None)


def test_a_limit_that_may_not_be_raised_refuses(launcher: Launcher) -> None:
    unprivileged = "setpriv --bounding-set -all" if os.getuid() == 0 else ""
    prelude = f'ulimit -n 100; exec {unprivileged} "$@"'
    outcome = launcher.run(internet(), ["--stderr", "socket", "--rlimit", "nofile=200", "/bin/echo"], prelude=prelude)
    assert (outcome.code, outcome.said) == (111, b"")
    assert outcome.log.endswith(": unable to set --rlimit nofile: not allowed to raise maximum limit\n")


def test_arguments_beyond_what_the_kernel_takes_are_one_line(launcher: Launcher) -> None:
    words = ["--env", f"A={'x' * 100_000}", "--env", f"B={'x' * 100_000}", "--rlimit", "stack=64K", "/bin/echo"]
    outcome = launcher.run(internet(), words)
    assert (outcome.code, outcome.said) == (126, b"")
    assert outcome.log.endswith(": unable to run '/bin/echo': Argument list too long\n")


def test_by_hand_it_answers_on_the_terminal(launcher: Launcher) -> None:
    for words, code, text in (
        (["--help"], 0, "usage: sockgate [OPTION...] [--] PROGRAM [ARGUMENT...]\r\n"),
        (["--version"], 0, f"sockgate {__version__}\r\n"),
        (["--bogus"], 100, "sockgate: unknown option '--bogus' (see sockgate(8))\r\n"),
        (["/bin/echo"], 100, f"sockgate: echo: descriptor 0 is not a socket {STREAM_HINT}\r\n"),
    ):
        ours, terminal = pty.openpty()
        process = subprocess.run([launcher.program, *words], stdin=terminal, stdout=terminal, stderr=terminal)
        os.close(terminal)
        assert process.returncode == code
        assert os.read(ours, 65536).decode().startswith(text)
        os.close(ours)


def test_an_unexpected_error_is_one_line_with_its_place(launcher: Launcher) -> None:
    add_to_launcher(launcher, "import sockgate.shim as shim; shim.parse = lambda words: 1 / 0")
    outcome = launcher.run(internet(), ["/bin/echo"])
    assert (outcome.code, outcome.said) == (111, b"")
    assert outcome.log.startswith(f"sockgate: internal error: ZeroDivisionError: division by zero ({launcher.program}:")
    assert outcome.log.count("\n") == 1


NO_MEMORY = """
import sockgate.shim as shim
def no_memory(*_, **__): raise MemoryError
"""


def test_a_failure_that_cannot_even_be_logged_ends_without_a_traceback(launcher: Launcher) -> None:
    add_to_launcher(launcher, NO_MEMORY + "shim.Gate = shim.Log.failure = no_memory")
    for redirection in ("", "2>&0"):
        assert launcher.run(internet(), ["/bin/echo"], prelude=f'exec "$@" {redirection}') == Outcome(
            111, "", b"", None
        )
