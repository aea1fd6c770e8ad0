"""The last steps before the server runs: its descriptors, limits and signals, then exec."""

# The C half of `signal`: plain integers, where `signal` itself would cost 3 ms for its enumerations.
import _signal  # type: ignore[import-not-found]  # typeshed has no stub for it
import errno
import posix

from ..core.errors import ServerMissing, ServerUnusable, SystemFailure, UsageError
from ..core.options import to_bytes
from ..core.verdict import Cause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from ..core.actions import Actions

JOURNAL_STDOUT = "/run/systemd/journal/stdout"
DEFAULT_PATH = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FILE_TYPE, REGULAR_FILE = 0o170000, 0o100000  # S_IFMT, S_IFREG
STDERR_CHOICES = ("journal", "socket")


class Server:
    """What will run: the command and how to start it, checked as far as it can be before a client comes.

    command    the words of the command line, the first one a path or a name to be found on PATH
    argv0      the name it runs under (--argv0), the command's own first word if empty
    stderr     "journal" leaves descriptor 2 as systemd set it, "socket" gives the server its client there
    limits     (resource number, soft, hard) to set just before exec
    """

    __slots__ = ("_name", "argv0", "command", "limits", "stderr")

    def __init__(self, command: list[str], argv0: str, stderr: str, limits: list[str]) -> None:
        if not command or not command[0]:
            raise UsageError("no server given", "usage: sockgate [OPTION...] [--] PROGRAM [ARGUMENT...]")
        if stderr not in STDERR_CHOICES:
            raise UsageError(f"--stderr: {stderr!r} is neither journal nor socket", cause=Cause("--stderr", stderr))
        self._name = to_bytes(command[0])
        self.command = command
        self.argv0 = argv0
        self.stderr = stderr
        self.limits: list[tuple[int, int, int]] = []
        if limits:
            from .rlimits import parse_limits  # only where asked for: 0.2 ms with `resource`

            self.limits = parse_limits(limits)

    def find(self, environment: dict[bytes, bytes]) -> bytes:
        """The path to execute. A name without a slash is searched on the server's PATH, as execvp(3) does."""
        name = self._name
        if b"/" in name:
            return name
        unusable = b""
        for folder in environment.get(b"PATH", DEFAULT_PATH).split(b":"):
            path = (folder or b".") + b"/" + name
            if is_file(path):
                if posix.access(path, posix.X_OK):
                    return path
                unusable = unusable or path
        if unusable:
            raise ServerUnusable(f"unable to run {shown(unusable)}: it is not executable")
        raise ServerMissing(f"unable to run {self.command[0]!r}: not found on PATH")

    def run(self, environment: dict[bytes, bytes], actions: "Actions | None" = None) -> "NoReturn":
        """Become the server on the client's socket (descriptors 0 and 1), or raise a GateError."""
        path = self.find(environment)
        arguments = [to_bytes(word) for word in self.command]
        if self.argv0:
            arguments[0] = to_bytes(self.argv0)
        log = posix.dup(2)
        arrange_descriptors(self.stderr)
        restore_signals()
        try:
            if actions is not None:
                from .rule_actions import carry_out  # hardly any rule has some

                carry_out(actions)
            if self.limits:
                from .rlimits import apply_limits

                apply_limits(self.limits)
            posix.execve(path, arguments, environment)
        except OSError as error:
            raise exec_failure(path, error) from None
        finally:
            posix.dup2(log, 2)  # still here, so there is something to report, and not to the client


def is_file(path: bytes) -> bool:
    try:
        return posix.stat(path).st_mode & FILE_TYPE == REGULAR_FILE
    except OSError:
        return False


def shown(path: bytes) -> str:
    return repr(path.decode("utf-8", "backslashreplace"))


def exec_failure(path: bytes, error: OSError) -> Exception:
    """What execve(2) says, with the exit codes of a shell."""
    failure = f"unable to run {shown(path)}: {error.strerror}"
    if error.errno == errno.ENOENT and posix.access(path, posix.F_OK):
        return ServerUnusable(f"unable to run {shown(path)}: the interpreter that it names is missing")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return ServerMissing(failure)
    if error.errno in (errno.ENOMEM, errno.EAGAIN, errno.ENFILE, errno.EMFILE, errno.EIO):
        return SystemFailure(failure)
    if error.errno == errno.ENOEXEC:  # execvp(3) would run it with /bin/sh; pathexec_run.c of ucspi-tcp does not
        return ServerUnusable(failure, "a script needs a first line such as #!/bin/sh")
    return ServerUnusable(failure)


def restore_signals() -> None:
    """CPython ignores these two and exec would hand that on; under tcpserver neither is ignored."""
    _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
    _signal.signal(_signal.SIGXFSZ, _signal.SIG_DFL)


def arrange_descriptors(stderr: str) -> None:
    """0 and 1 are the client, 2 is the log or, if asked for, the client as well."""
    posix.dup2(0, 1)
    if stderr == "socket":
        posix.dup2(0, 2)
    elif posix.fstat(2)[1:3] == posix.fstat(0)[1:3]:  # inode, device: StandardError= is missing in the unit
        leave_client()


def leave_client() -> None:
    """Descriptor 2 is the client's connection: give the server a journal stream there instead.

    The header is that of systemd's connect_logger_as() (core/exec-invoke.c): identifier, unit, priority,
    level prefix, and three times no forwarding.
    """
    import _socket

    stream = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        stream.connect(JOURNAL_STDOUT)
        stream.sendall(b"sockgate\n\n6\n0\n0\n0\n0\n")
        posix.dup2(stream.fileno(), 2)
    except OSError:
        posix.dup2(posix.open("/dev/null", posix.O_WRONLY), 2)
