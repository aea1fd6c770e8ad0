"""Finding the server, before anything is started. How it is started is proven by test_shim.py."""

import errno
from pathlib import Path

import pytest

from sockgate.connection.server import Server, exec_failure, parse_stderr
from sockgate.core import GateError, ServerMissing, ServerUnusable, SystemFailure, UsageError


def server(*command: str, argv0: str = "", stderr: str = "journal") -> Server:
    return Server(list(command), argv0, stderr, [])


@pytest.fixture
def path(tmp_path: Path) -> bytes:
    """`tool` is a folder in the first part, not executable in the second, and right in the third."""
    for name in ("first", "second", "third"):
        (tmp_path / name).mkdir()
    (tmp_path / "first" / "tool").mkdir()
    (tmp_path / "second" / "tool").touch(0o644)
    (tmp_path / "second" / "plain").touch(0o644)
    (tmp_path / "third" / "tool").touch(0o755)
    return b":".join(bytes(tmp_path / name) for name in ("missing", "first", "second", "third"))


def test_a_name_is_the_first_executable_file_on_the_path(path: bytes) -> None:
    assert server("tool").find({b"PATH": path}) == path.split(b":")[-1] + b"/tool"


def test_a_path_is_taken_as_it_stands() -> None:
    for name in ("/missing", "./tool", "a/b", "tool/"):
        assert server(name).find({b"PATH": b"/bin"}) == name.encode()
    assert server("/\udcff").find({}) == b"/\xff"


def test_an_empty_part_of_the_path_is_the_working_folder(path: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.split(b":")[-1].decode())
    for value in (b":/nowhere", b"/nowhere:", b"/nowhere::/nowhere", b""):
        assert server("tool").find({b"PATH": value}) == b"./tool"


def test_without_a_path_the_usual_folders_are_searched() -> None:
    assert server("sh").find({}) in (b"/usr/bin/sh", b"/bin/sh")


def test_a_name_that_cannot_be_run_says_why(path: bytes) -> None:
    with pytest.raises(ServerMissing) as missing:
        server("nothing").find({b"PATH": path})
    assert str(missing.value) == "unable to run 'nothing': not found on PATH"
    with pytest.raises(ServerUnusable) as unusable:
        server("plain").find({b"PATH": path})
    assert str(unusable.value) == f"unable to run '{path.split(b':')[2].decode()}/plain': it is not executable"


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (errno.ENOENT, ServerMissing, 127),
        (errno.ENOTDIR, ServerMissing, 127),
        (errno.EACCES, ServerUnusable, 126),
        (errno.ENOEXEC, ServerUnusable, 126),
        (errno.E2BIG, ServerUnusable, 126),
        (errno.ETXTBSY, ServerUnusable, 126),
        (errno.ENOMEM, SystemFailure, 111),
        (errno.EAGAIN, SystemFailure, 111),
        (errno.EMFILE, SystemFailure, 111),
        (errno.ENFILE, SystemFailure, 111),
        (errno.EIO, SystemFailure, 111),
    ],
)
def test_a_failed_exec_has_the_exit_code_of_a_shell_or_asks_to_try_later(
    number: int, kind: type[GateError], code: int
) -> None:
    failure = exec_failure(b"/missing \xff", OSError(number, "the reason"))
    assert isinstance(failure, kind)
    assert failure.code == code
    assert failure.message == r"unable to run '/missing \\xff': the reason"


@pytest.mark.parametrize("command", [[], [""]])
def test_a_gate_without_a_server_is_refused_before_a_client_comes(command: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        server(*command)
    assert str(caught.value) == "no server given (usage: sockgate [OPTION...] [--] PROGRAM [ARGUMENT...])"


@pytest.mark.parametrize("text", ["", "Socket"])
def test_standard_error_goes_to_the_journal_or_to_the_client(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_stderr(text, "--stderr")
    assert str(caught.value) == f"--stderr: {text!r} is neither journal nor socket"
