"""Who listens where: addresses of socket units, and the kernel's tables."""

import os
import socket
import subprocess
import sys
from contextlib import ExitStack

import pytest

from sockgate.core.peer import endpoint
from sockgate.host.ports import (
    Endpoint,
    clients_waiting,
    conflicting_processes,
    kernel_endpoint,
    listeners,
    parse_listen,
    sockets_on,
    unit_of,
)

LOCALHOST = bytes((127, 0, 0, 1))
LOCALHOST6 = bytes(15) + b"\x01"


@pytest.mark.parametrize(
    ("text", "address", "port", "families"),
    [
        ("25", b"", 25, (4, 16)),
        ("127.0.0.1:25", LOCALHOST, 25, (4,)),
        ("[::1]:25", LOCALHOST6, 25, (16,)),
        ("[::ffff:127.0.0.1]:25", LOCALHOST, 25, (4,)),
        ("[fe80::1]:25%eth0", bytes.fromhex("fe80" + "00" * 13 + "01"), 25, (16,)),
        ("0.0.0.0:25", b"", 25, (4,)),
        ("[::]:25", b"", 25, (4, 16)),
        ("127.0.0.1:25%lo", LOCALHOST, 25, (4,)),
        ("025", b"", 21, (4, 16)),
        ("0x19", b"", 25, (4, 16)),
        ("+25", b"", 25, (4, 16)),
    ],
)
def test_an_address_of_the_internet_is_an_endpoint(
    text: str, address: bytes, port: int, families: tuple[int, ...]
) -> None:
    assert parse_listen(text, "tcp") == Endpoint("tcp", address, port, families)


@pytest.mark.parametrize(
    "text",
    [
        "/run/x",
        "@x",
        "vsock:2:25",
        "name:25",
        "127.0.0.1",
        "",
        "25:",
        "127.0.0.1:smtp",
        "::1:25",
        "[::1:25",
        "[127.0.0.1]:25",
        "[[::1]]:25",
        "[fe80::1%eth0]:25",
        "[fe80::1]:25%",
        "25%eth0",
        "0",
        "65536",
        "1" * 5000,
        "08",
        "2_5",
        "-25",
        "++25",
        " 25",
        "127.0.0.1:25#name",
        "\u0662\u0665",
    ],
)
def test_other_sockets_are_none(text: str) -> None:
    assert parse_listen(text, "tcp") is None


def test_a_socket_for_ipv6_only_leaves_ipv4_alone() -> None:
    assert parse_listen("25", "tcp", only_ipv6=True) == Endpoint("tcp", b"", 25, (16,))


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("25", "25", True),
        ("25", "26", False),
        ("25", "127.0.0.1:25", True),
        ("25", "[::1]:25", True),
        ("0.0.0.0:25", "[::1]:25", False),
        ("127.0.0.1:25", "127.0.0.2:25", False),
        ("127.0.0.1:25", "127.0.0.1:25", True),
        ("127.0.0.1:25", "[::]:25", True),
    ],
)
def test_two_endpoints_overlap_if_both_cannot_be_listened_on(one: str, other: str, overlap: bool) -> None:
    first, second = parse_listen(one, "tcp"), parse_listen(other, "tcp")
    assert first is not None
    assert second is not None
    assert first.overlaps(second) is second.overlaps(first) is overlap


def test_loopback_and_any_address_are_always_there() -> None:
    found = [
        parse_listen(f"{text}:25", "tcp") for text in ("0.0.0.0", "127.1.2.3", "[::1]", "192.168.0.1", "[fd00::1]")
    ]
    assert [endpoint.is_of_an_interface for endpoint in found if endpoint] == [False, False, False, True, True]


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
@pytest.mark.parametrize(("protocol", "kind"), [("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)])
def test_a_port_that_is_taken_is_taken_by_its_process(
    protocol: str, kind: socket.SocketKind, family: socket.AddressFamily, address: str
) -> None:
    with socket.socket(family, kind) as taken:
        taken.bind((address, 0))
        if protocol == "tcp":
            taken.listen()
        port = taken.getsockname()[1]
        wanted = parse_listen(str(port), protocol)
        assert wanted is not None
        own = Endpoint(protocol, socket.inet_pton(family, address), port, (4,) if family == socket.AF_INET else (16,))
        assert own in [listener.endpoint for listener in listeners(protocol)]
        (process,) = conflicting_processes(wanted)
        assert process.pid == os.getpid()
        assert process.name
    assert conflicting_processes(wanted) == []


@pytest.mark.parametrize(("bound", "wanted", "conflict"), [
    ("127.0.0.1", "127.0.0.1", True), ("127.0.0.1", "127.0.0.2", False), ("0.0.0.0", "127.0.0.2", True),
    ("127.0.0.1", "", True), ("::1", "127.0.0.1", False), ("::1", "::1", True), ("::", "::1", True),
    ("::", "127.0.0.1", False), ("::", "", True),  # a server for IPv6 alone
])  # fmt: skip
def test_a_port_is_taken_only_on_the_same_address(bound: str, wanted: str, conflict: bool) -> None:
    family = socket.AF_INET6 if ":" in bound else socket.AF_INET
    with socket.create_server((bound, 0), family=family) as old:
        port = old.getsockname()[1]
        end = parse_listen(
            f"[{wanted}]:{port}" if ":" in wanted else f"{wanted}:{port}" if wanted else str(port), "tcp"
        )
        assert end is not None
        assert bool(sockets_on(end)) == conflict


@pytest.mark.parametrize(("protocol", "kind"), [("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)])
@pytest.mark.parametrize("alone", [True, False])
def test_a_server_for_ipv6_alone_leaves_the_port_of_ipv4(protocol: str, kind: socket.SocketKind, alone: bool) -> None:
    with socket.socket(socket.AF_INET6, kind) as other:
        other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, alone)
        other.bind(("::", 0))
        if protocol == "tcp":
            other.listen()
        port = other.getsockname()[1]
        inode = str(os.fstat(other.fileno()).st_ino)
        families = {listener.inode: listener.endpoint.families for listener in listeners(protocol)}[inode]
        assert families == ((16,) if alone else (4, 16))
        for text, taken in ((f"0.0.0.0:{port}", not alone), (str(port), True), (f"[::1]:{port}", True)):
            wanted = parse_listen(text, protocol)
            assert wanted is not None
            assert bool(conflicting_processes(wanted)) is taken, text


def test_what_another_family_has_is_no_conflict_where_our_own_socket_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel refuses the address because systemd listens on it already, and not because of the other program."""
    monkeypatch.setattr("sockgate.host.ports.MANAGER", os.getpid())
    with socket.create_server(("0.0.0.0", 0)) as own:
        port = own.getsockname()[1]
        wanted = parse_listen(f"0.0.0.0:{port}", "tcp")
        assert wanted is not None
        script = (
            f"import socket; s = socket.create_server(('::', {port}), family=socket.AF_INET6); print(1, flush=True)"
        )
        command = [sys.executable, "-c", f"{script}; input()"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"1\n"
            assert conflicting_processes(wanted) == []
            other.communicate()


def test_a_mapped_address_of_the_kernel_is_ipv4() -> None:
    assert kernel_endpoint("0100007F:0019", "tcp") == Endpoint("tcp", LOCALHOST, 25, (4,))
    assert kernel_endpoint("0000000000000000FFFF00000100007F:0019", "tcp") == Endpoint("tcp", LOCALHOST, 25, (4,))
    assert kernel_endpoint("00000000000000000000000000000000:0019", "tcp") == Endpoint("tcp", b"", 25, (4, 16))


NAMED = """
import ctypes, socket
server = socket.create_server(("127.0.0.1", 0))
ctypes.CDLL(None).prctl(15, {name!r})
print(server.getsockname()[1], flush=True)
input()
"""


@pytest.mark.parametrize(
    ("name", "shown"), [(b"x\n  sh /tmp/y #", "x?  sh /tmp/y #"), (b"\x1b[2J\x85", "?[2J?"), (b"\n", "?")]
)
def test_the_name_that_a_process_has_given_itself_is_one_clean_line(name: bytes, shown: str) -> None:
    command = [sys.executable, "-c", NAMED.format(name=name)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        wanted = parse_listen(f"127.0.0.1:{int(other.stdout.readline())}", "tcp")
        assert wanted is not None
        assert [(process.pid, process.name) for process in conflicting_processes(wanted)] == [(other.pid, shown)]
        other.communicate()


@pytest.mark.parametrize(
    "path",
    [
        "/user.slice/user-1000.slice/user@1000.service/app.slice/sshd.service",
        "/user.slice/user-1000.slice/user@1000.service/x;reboot;.service",
        "/user.slice/user-1000.slice/session-3.scope/sshd.service",
        "/machine.slice/machine-one.scope/system.slice/sshd.service",
    ],
)
@pytest.mark.parametrize("line", ["0::{}\n", "12:pids:/sshd.service\n1:name=systemd:{}\n0::{}\n"])
def test_a_user_does_not_choose_the_unit_that_check_says_to_stop(path: str, line: str) -> None:
    """A user makes control groups of any name in what systemd leaves to it."""
    assert unit_of(line.format(path, path)) == ""


def test_a_process_belongs_to_the_service_that_systemd_made_its_control_group_for() -> None:
    assert unit_of("0::/system.slice/exim4.service\n") == "exim4.service"
    assert unit_of("0::/system.slice/exim4.service/sshd.service\n") == "exim4.service"
    assert unit_of("1:name=systemd:/system.slice/exim4.service\n0::/system.slice/exim4.service\n") == "exim4.service"
    assert unit_of("") == ""


@pytest.mark.parametrize("root", ["", "/lxc/one", "/system.slice/docker-1.scope", "/../.."])
def test_in_a_container_the_path_begins_with_that_of_the_container(root: str) -> None:
    manager = f"0::{root}/init.scope\n"
    assert unit_of(f"0::{root}/system.slice/exim4.service\n", manager) == "exim4.service"
    assert unit_of(f"0::{root}/user.slice/user-1000.slice/user@1000.service/sshd.service\n", manager) == ""
    assert unit_of("0::/system.slice/docker-2.scope/system.slice/exim4.service\n", manager) == ""
    assert unit_of("0::/system.slice/system-x.slice/x@1.service/sub\n") == "x@1.service"
    assert unit_of("0::/user.slice/user-0.slice/session-1.scope\n") == ""


@pytest.mark.parametrize(("address", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_clients_that_are_not_accepted_yet_are_counted(address: str, family: socket.AddressFamily) -> None:
    with socket.create_server((address, 0), family=family, backlog=10) as server, ExitStack() as clients:
        wanted = parse_listen(endpoint(address, server.getsockname()[1]), "tcp")
        assert wanted is not None
        assert clients_waiting(wanted) == 0
        for _ in range(5):
            clients.enter_context(socket.create_connection(server.getsockname()[:2]))
        assert clients_waiting(wanted) == 5
