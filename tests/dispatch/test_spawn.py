"""Starting servers, without a network."""

import os
import socket

import pytest

from sockgate.core.handover import Server
from sockgate.dispatch import spawn
from sockgate.dispatch.signals import LIBC
from sockgate.dispatch.spawn import Launcher, Overloaded
from sockgate.dispatch.template import Template
from tests.core.launch import everything_from

NOTHING = Template({}, ())


def run(command: list[str], template: Template = NOTHING, stderr: str = "journal", port: int = 0) -> bytes:
    """What the server writes to its connection."""
    server = Server(command, "", stderr, [])
    client, connection = socket.socketpair()
    client.settimeout(10)
    with client:
        with connection:
            pid = Launcher(server).start(server.find({}), connection.fileno(), template.words(port, 1))
        said = everything_from(client)
    assert os.waitpid(pid, 0)[1] == 0
    return said


def test_the_server_has_the_environment_of_the_template_and_nothing_else() -> None:
    template = Template({b"A": b"a=b \xff", b"EMPTY": b"", b"TCPREMOTEPORT": b"?"}, [b"TCPREMOTEPORT"])
    said = [run(["env"], template, port=port).splitlines() for port in (4711, 1)]
    assert said == [[b"A=a=b \xff", b"EMPTY=", b"TCPREMOTEPORT=%d" % port] for port in (4711, 1)]
    assert run(["env"]) == b""


def test_standard_error_is_the_client_only_if_asked_for() -> None:
    complain = ["/bin/sh", "-c", "exec 2>&- 2>/dev/null; true"]
    assert run(complain) == b""
    assert run(["/bin/sh", "-c", "echo oops >&2"], stderr="socket") == b"oops\n"


def test_what_the_system_is_short_of_is_told_apart_from_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    class Libc:
        def posix_spawn(self, *_: object) -> int:
            return 11

        def __getattr__(self, name: str) -> object:
            return getattr(LIBC, name)

    monkeypatch.setattr(spawn, "LIBC", Libc())
    with pytest.raises(Overloaded) as caught:
        Launcher(Server(["/bin/true"], "", "journal", [])).start(b"/bin/true", 0, NOTHING.words(0, 1))
    assert str(caught.value) == "unable to start a process: Resource temporarily unavailable"
