"""What a server behind sockgate is given: a real launcher, a real connection, a real exec."""

import os
import signal
import socket
from pathlib import Path

import pytest

from tests.connection.launch import (
    AS_GIVEN,
    DUMP,
    PLAIN,
    THREADING_SIGNALS,
    Connection,
    Launcher,
    add_to_launcher,
    everything_from,
    internet,
    unix,
)  # fmt: skip

# Every inherited name that sockgate-environment(7) says is removed; of a family of names, some.
PLANTED = """
    PROTO RELAYCLIENT RELAYHOST RBLSMTPD BLOCK BLOCK2 BLOCK_ZONE REMOTE_ADDR REMOTE_HOST REMOTE_PORT SO_COOKIE
    TCPLOCALIP TCPLOCALPORT TCPLOCALHOST TCPREMOTEIP TCPREMOTEPORT TCPREMOTEHOST TCPREMOTEINFO TCPREMOTEADDR
    TCP6LOCALIP TCP6LOCALPORT TCP6LOCALHOST TCP6REMOTEIP TCP6REMOTEPORT TCP6REMOTEHOST TCP6REMOTEINFO TCP6INTERFACE
    SSLLOCALIP SSLREMOTEIP SSLREMOTEHOST UNIXLOCALPATH UNIXLOCALUID UNIXREMOTEPID UNIXREMOTEEUID UNIXREMOTEEGID
    LISTEN_FDS LISTEN_PID LISTEN_FDNAMES LISTEN_PIDFDID NOTIFY_SOCKET WATCHDOG_USEC WATCHDOG_PID
    SOCKGATE_OPTIONS SOCKGATE_SERVER
""".split()  # noqa: SIM905  # forty quotes more would not make it clearer
TCP_NAMES = {b"PROTO", b"TCPLOCALIP", b"TCPLOCALPORT", b"TCPREMOTEIP", b"TCPREMOTEPORT"}


def ports(connection: Connection) -> tuple[bytes, bytes]:
    """(local, remote) as the server sees them."""
    return b"%d" % connection[0].getsockname()[1], b"%d" % connection[0].getpeername()[1]


@pytest.mark.parametrize(
    ("listening", "source"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.9.8.7"), ("::", "127.0.0.1"), ("::", "127.1.2.3")],
)
def test_an_ipv4_client_sets_the_tcp_names_even_through_an_ipv6_socket(
    launcher: Launcher, listening: str, source: str
) -> None:
    connection = internet(listening, source)
    local, remote = ports(connection)
    target = b"127.0.0.1" if listening == "127.0.0.1" else source.encode()
    assert launcher.serve(connection).own_environment() == {
        b"PROTO": b"TCP",
        b"TCPLOCALIP": target,
        b"TCPLOCALPORT": local,
        b"TCPREMOTEIP": source.encode(),
        b"TCPREMOTEPORT": remote,
    }


def test_an_ipv6_client_sets_the_tcp6_names_as_well(launcher: Launcher) -> None:
    connection = internet("::", "::1")
    local, remote = ports(connection)
    values = {b"LOCALIP": b"::1", b"LOCALPORT": local, b"REMOTEIP": b"::1", b"REMOTEPORT": remote}
    expected = {layer + name: value for layer in (b"TCP", b"TCP6") for name, value in values.items()}
    assert launcher.serve(connection).own_environment() == expected | {b"PROTO": b"TCP6"}


def unix_names(path: str | None) -> dict[bytes, bytes]:
    who = {b"UNIXREMOTEPID": os.getpid(), b"UNIXREMOTEEUID": os.getuid(), b"UNIXREMOTEEGID": os.getgid()}
    expected = {b"PROTO": b"UNIX"} | {name: b"%d" % number for name, number in who.items()}
    return expected | ({b"UNIXLOCALPATH": os.fsencode(path)} if path else {})


def test_a_unix_client_sets_the_unix_names(launcher: Launcher, tmp_path: Path) -> None:
    path = str(tmp_path / "s\udcff")
    assert launcher.serve(unix(path)).own_environment() == unix_names(path)
    assert launcher.serve(unix(f"\0{tmp_path}")).own_environment() == unix_names(f"@{tmp_path}")
    assert launcher.serve(unix(f"\0{tmp_path}\0more")).own_environment() == unix_names(f"@{tmp_path}@more")
    assert launcher.serve(socket.socketpair()).own_environment() == unix_names(None)


def test_relaying_is_only_for_the_clients_in_the_list(launcher: Launcher) -> None:
    for listening, source, relays in (
        ("127.0.0.1", "127.0.0.1", True),
        ("::", "127.0.0.1", True),
        ("::", "::1", True),
        ("127.0.0.1", "127.77.0.9", True),
        ("::", "127.77.0.9", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("127.0.0.1", "127.0.0.10", False),
        ("::", "127.0.0.11", False),
        ("127.0.0.1", "127.7.0.9", False),
        ("127.0.0.1", "127.77.1.1", False),
    ):
        server = launcher.serve(internet(listening, source), ["--relay", "127.0.0.1,::1,127.77.0."])
        seen = {name: server.environment.get(name) for name in (b"RELAYCLIENT", b"RELAYHOST")}
        assert set(seen.values()) == {b"" if relays else None}, (listening, source)


def test_nothing_that_was_planted_survives(launcher: Launcher) -> None:
    planted = {name: "6.6.6.6" for name in PLANTED}
    assert set(launcher.serve(internet(), environment=PLAIN | planted).own_environment()) == TCP_NAMES
    passed = launcher.serve(internet(), ["--pass-env", " ".join(PLANTED)], PLAIN | planted)
    assert set(passed.environment) == TCP_NAMES
    over_unix = launcher.serve(socket.socketpair(), environment=PLAIN | planted)
    assert over_unix.own_environment() == unix_names(None)


def test_other_inherited_variables_reach_the_server_unchanged(launcher: Launcher) -> None:
    plain = PLAIN | {"TCPMUX": "1", "SSL_CERT_FILE": "a=b", "EMPTY": "", "UNIXODBC": "x", "NAME": "\udcff\n"}
    environment = launcher.serve(internet(), environment=plain).environment
    assert environment.items() >= {os.fsencode(name): os.fsencode(value) for name, value in plain.items()}.items()


def test_env_adds_and_pass_env_selects(launcher: Launcher) -> None:
    inherited = PLAIN | {"KEPT": "1", "LOST": "2"}
    options = ["--pass-env", "KEPT,ABSENT", "--env", "NEW=a=b", "--env=EMPTY=", "--env", "TCPREMOTEIP=6.6.6.6"]
    server = launcher.serve(internet(), [*options, "--env", b"BYTES=\xff"], inherited)
    added = {name: value for name, value in server.environment.items() if name not in TCP_NAMES}
    assert added == {b"KEPT": b"1", b"NEW": b"a=b", b"EMPTY": b"", b"BYTES": b"\xff"}
    assert server.environment[b"TCPREMOTEIP"] == b"127.0.0.1"
    assert set(launcher.serve(internet(), ["--pass-env="]).environment) == TCP_NAMES


@pytest.mark.parametrize(
    "locale", [{}, {"LC_CTYPE": "C"}, {"LC_CTYPE": "POSIX"}, {"LC_CTYPE": "C.UTF-8"}, {"LC_ALL": "C"}, {"LANG": "C"}]
)
def test_the_locale_that_python_gives_itself_does_not_reach_the_server(
    launcher: Launcher, locale: dict[str, str]
) -> None:
    environment = launcher.serve(internet(), environment={"PATH": "/usr/bin:/bin"} | locale).environment
    given = {name.encode(): value.encode() for name, value in locale.items()}
    assert {name: value for name, value in environment.items() if name.startswith((b"LC_", b"LANG"))} == given


def test_a_variable_without_a_name_is_left_out(launcher: Launcher) -> None:
    assert b"" not in launcher.serve(internet(), prelude='exec env =nameless "$@"').environment


def test_the_server_has_its_client_on_0_and_1_the_log_on_2_and_nothing_else(launcher: Launcher) -> None:
    connection = internet()
    inode = os.fstat(connection[0].fileno()).st_ino
    descriptors = launcher.serve(connection, prelude='exec "$@" 3</dev/null 7<&0 9<>/dev/null').descriptors
    assert sorted(descriptors) == [0, 1, 2]
    assert descriptors[0] == descriptors[1] == f"socket:[{inode}]"
    assert descriptors[2].startswith("pipe:")


def test_standard_output_is_the_client_wherever_it_went_before(launcher: Launcher) -> None:
    for redirection in (">/dev/null", ">&-", ">&2"):
        descriptors = launcher.serve(internet(), prelude=f'exec "$@" {redirection}').descriptors
        assert descriptors[0] == descriptors[1]


def test_standard_error_is_the_client_only_where_that_is_asked_for(launcher: Launcher) -> None:
    connection = internet()
    asked = launcher.serve(connection, ["--stderr", "socket"]).descriptors
    assert asked[2] == asked[0]
    for redirection in ("2>&0", "2>&1"):  # StandardError= is missing in the unit
        unasked = launcher.serve(internet(), prelude=f'exec "$@" {redirection}').descriptors
        assert sorted(unasked) == [0, 1, 2]
        assert unasked[2] != unasked[0]


def test_a_server_whose_unit_lacks_standarderror_writes_to_the_journal(launcher: Launcher) -> None:
    path = launcher.folder / "stdout"
    with socket.create_server(str(path), family=socket.AF_UNIX) as journal:
        add_to_launcher(launcher, f"from sockgate.connection import server; server.JOURNAL_STDOUT = {str(path)!r}")
        outcome = launcher.run(internet(), ["/bin/sh", "-c", "echo oops >&2; echo hello"], prelude='exec "$@" 2>&0')
        stream, _ = journal.accept()
    with stream:
        assert everything_from(stream) == b"sockgate\n\n6\n0\n0\n0\n0\noops\n"
    assert outcome.said == b"hello\n"


def test_a_closed_descriptor_is_not_left_to_the_next_file_that_is_opened(launcher: Launcher) -> None:
    descriptors = launcher.serve(internet(), prelude='exec "$@" 1>&- 2>&-').descriptors
    assert sorted(descriptors) == [0, 1, 2]
    assert descriptors[2] == "/dev/null"


def test_no_signal_is_ignored_or_blocked_by_us(launcher: Launcher) -> None:
    for prelude in (AS_GIVEN, f"trap '' PIPE; {AS_GIVEN}"):  # systemd ignores SIGPIPE unless told otherwise
        server = launcher.serve(internet(), prelude=prelude)
        assert int(server.status["SigIgn"], 16) & ~THREADING_SIGNALS == int(server.status["SigBlk"], 16) == 0
    assert launcher.serve(internet(), prelude=f"trap '' HUP; {AS_GIVEN}").ignores(signal.SIGHUP)


def test_umask_folder_and_process_stay_as_they_were(launcher: Launcher) -> None:
    server = launcher.serve(internet(), prelude=f"umask 0137; cd /usr; {AS_GIVEN}")
    assert server.status["Umask"] == "0137"
    assert server.cwd == "/usr"


def test_the_server_reads_from_a_socket_that_blocks(launcher: Launcher) -> None:
    connection = internet()
    connection[0].setblocking(False)  # as systemd does for LISTEN_FDS
    assert launcher.serve(connection, prelude='LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&0 </dev/null').blocks


def test_arguments_arrive_as_they_were_given(launcher: Launcher) -> None:
    words: list[bytes | str] = [b"\xff\n", "", "--", "--allow", "a b", "$HOME"]
    server = launcher.serve(internet(), ["--", "/bin/sh", "-c", DUMP, "dump", str(launcher.folder), *words])
    assert server.arguments[5 : 5 + len(words)] == [os.fsencode(word) for word in words]


def test_argv0_changes_the_name_and_not_the_program(launcher: Launcher) -> None:
    server = launcher.serve(internet(), ["--argv0", "-sh"])
    assert server.arguments[:2] == [b"-sh", b"-c"]
    assert server.status["Name"] == "sh"


def test_limits_are_set_for_the_server_alone(launcher: Launcher) -> None:
    options = ["--rlimit", "as=8M", "--rlimit", "NOFILE=64:128", "--rlimit=cpu=60", "--rlimit", "core=0"]
    limits = launcher.serve(internet(), options).limits
    assert limits["Max address space"][:2] == ["8388608", "8388608"]
    assert limits["Max open files"][:2] == ["64", "128"]
    assert limits["Max cpu time"][:2] == ["60", "60"]


def test_listen_fds_hands_the_connection_over_on_descriptor_3(launcher: Launcher) -> None:
    connection = internet()
    inode = os.fstat(connection[0].fileno()).st_ino
    listen = 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=connection exec "$@" 3<&0 </dev/null >/dev/null'
    server = launcher.serve(connection, prelude=listen)
    assert set(server.own_environment()) == TCP_NAMES
    assert sorted(server.descriptors) == [0, 1, 2]
    assert server.descriptors[0] == server.descriptors[1] == f"socket:[{inode}]"


def test_listen_fds_meant_for_another_process_is_not_ours(launcher: Launcher) -> None:
    connection = internet()
    inode = os.fstat(connection[0].fileno()).st_ino
    server = launcher.serve(connection, prelude='LISTEN_PID=1 LISTEN_FDS=1 exec "$@" 3</dev/null')
    assert server.descriptors[0] == f"socket:[{inode}]"
    assert set(server.own_environment()) == TCP_NAMES


def test_a_server_without_a_path_is_found_on_the_path_that_it_gets(launcher: Launcher) -> None:
    for folder in ("first", "second", "third"):
        (launcher.folder / folder).mkdir()
    (launcher.folder / "first" / "the-server").mkdir()
    (launcher.folder / "second" / "the-server").touch(mode=0o644)
    (launcher.folder / "third" / "the-server").symlink_to("/bin/sh")
    path = ":".join(str(launcher.folder / folder) for folder in ("none", "first", "second", "third"))
    command = ["the-server", *launcher.dumper()[1:]]
    outcome = launcher.run(internet(), ["--env", f"PATH={path}:/usr/bin:/bin", *command])
    assert outcome.server is not None, outcome.log
