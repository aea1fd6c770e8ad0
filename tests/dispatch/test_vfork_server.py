"""Starting servers, without a network."""

import os
import socket
from pathlib import Path

import pytest

from sockgate.connection.server import Server
from sockgate.core import GateError
from sockgate.dispatch.deciding.decision import EnvironmentTemplate
from sockgate.dispatch.overload import Overloaded
from sockgate.dispatch.servers import vfork_server
from sockgate.dispatch.servers.vfork_server import start_server
from tests.connection.launch import everything_from

NOTHING = EnvironmentTemplate({}, ())


def run(command: list[str], template: EnvironmentTemplate = NOTHING, stderr: str = "journal", port: int = 0) -> bytes:
    """What the server writes to its connection."""
    server = Server(command, "", stderr, [])
    client, connection = socket.socketpair()
    client.settimeout(60)
    with client:
        with connection:
            pid = start_server(
                server.find({}), server.arguments(), template.words(port, 1), connection.fileno(),
                stderr=stderr == "socket",
            )  # fmt: skip
        said = everything_from(client)
    assert os.waitpid(pid, 0)[1] == 0
    return said


def test_the_server_has_the_environment_of_the_template_and_nothing_else() -> None:
    template = EnvironmentTemplate({b"A": b"a=b \xff", b"EMPTY": b"", b"TCPREMOTEPORT": b"?"}, [b"TCPREMOTEPORT"])
    said = [run(["env"], template, port=port).splitlines() for port in (4711, 1)]
    assert said == [[b"A=a=b \xff", b"EMPTY=", b"TCPREMOTEPORT=%d" % port] for port in (4711, 1)]
    assert run(["env"]) == b""


def test_standard_error_is_the_client_only_if_asked_for() -> None:
    complain = ["/bin/sh", "-c", "exec 2>&- 2>/dev/null; true"]
    assert run(complain) == b""
    assert run(["/bin/sh", "-c", "echo oops >&2"], stderr="socket") == b"oops\n"


def test_what_the_system_is_short_of_is_told_apart_from_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def fork_exec(*_: object) -> int:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(vfork_server, "fork_exec", fork_exec)
    with pytest.raises(Overloaded) as caught:
        run(["/bin/true"])
    assert str(caught.value) == "unable to start a process: Resource temporarily unavailable"


def test_a_server_that_cannot_be_run_leaves_nothing_behind(tmp_path: Path) -> None:
    """Neither a process nor what it had to say, which the next one would be blamed for."""
    (tmp_path / "script").write_text("#!/no/such/interpreter\n")
    (tmp_path / "text").write_text("echo hello\n")
    for file in tmp_path.iterdir():
        file.chmod(0o755)
    wrong = {
        "/no/such/server": "unable to run '/no/such/server': No such file or directory",
        f"{tmp_path}/script": f"unable to run '{tmp_path}/script': the interpreter that it names is missing",
        f"{tmp_path}/text": f"unable to run '{tmp_path}/text': Exec format error (a script needs a first line such as"
        " #!/bin/sh)",
        "/etc/passwd": "unable to run '/etc/passwd': Permission denied",
    }
    for path, expected in wrong.items():
        with pytest.raises(GateError) as caught:
            run([path])
        assert str(caught.value) == expected
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        assert run(["/bin/echo", "hello"]) == b"hello\n"


def test_what_a_child_says_too_late_is_not_taken_for_the_next_ones() -> None:
    os.write(vfork_server.pipe_of_failures().writer, b"OSError:2:")
    assert run(["/bin/sh", "-c", "sleep 0.2; echo hello"]) == b"hello\n"
    os.write(vfork_server.pipe_of_failures().writer, b"OSError:2:")
    assert run(["/bin/echo", "hello"]) == b"hello\n"
