"""The server: what it inherits, what its variables say of the client, and how it starts.

Variable names and values are bytes, as the kernel keeps them. They follow UCSPI as tcpserver 0.88 sets them, with the
TCP6* names of its IPv6 patch (ucspi-tcp6) for IPv6 clients.
"""

# The C half of `signal`: plain integers, where `signal` itself would cost 3 ms for its enumerations.
import _signal  # type: ignore[import-not-found]  # typeshed has no stub for it
import errno
import posix

from ..core import Cause, ServerMissing, ServerUnusable, SystemFailure, UsageError
from ..core.options import to_bytes
from ..core.peer import Peer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from ..core.actions import Actions

JOURNAL_STDOUT = "/run/systemd/journal/stdout"
DEFAULT_PATH = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FILE_TYPE, REGULAR_FILE = 0o170000, 0o100000  # S_IFMT, S_IFREG
STDERR_CHOICES = ("journal", "socket")
FIRST_INHERITED = 3  # SD_LISTEN_FDS_START, sd_listen_fds(3)

# A server could take these for facts about its client, or for a promise that the gate did not make.
SCRUBBED_NAMES = frozenset((
    b"PROTO", b"RELAYCLIENT", b"RELAYHOST", b"RBLSMTPD", b"REMOTE_ADDR", b"REMOTE_HOST", b"REMOTE_PORT",
    b"SO_COOKIE",  # systemd 258, systemd.exec(5): of an Accept=yes socket alone
    b"NOTIFY_SOCKET", b"FDSTORE", b"SSL_PROTOCOL", b"SSL_CIPHER", b"SSL_CLIENT_S_DN_CN", b"SSL_PEER_CERT_CN",
    b"SSL_TLS_SNI_SERVERNAME",
))  # fmt: skip
SCRUBBED_PREFIXES = tuple(
    [b"BLOCK", b"LISTEN_", b"WATCHDOG_", b"SOCKGATE_"]
    + [layer + end for layer in (b"TCP", b"TCP6", b"SSL", b"UNIX") for end in (b"LOCAL", b"REMOTE")]
    + [b"TCP6INTERFACE"]
)
COERCED_LOCALES = (b"C.UTF-8", b"C.utf8", b"UTF-8")  # PEP 538


def inherited_environment() -> dict[bytes, bytes]:
    """The environment that this process inherited, without CPython's own change.

    In the C locale CPython sets LC_CTYPE=C.UTF-8 in its own environment (PEP 538), and a server would inherit that.
    """
    environment: dict[bytes, bytes] = dict(posix.environ)
    if environment.get(b"LC_CTYPE") in COERCED_LOCALES:
        del environment[b"LC_CTYPE"]
        for assignment in initial_environment():
            if assignment.startswith(b"LC_CTYPE="):
                environment[b"LC_CTYPE"] = assignment[len(b"LC_CTYPE=") :]
    return environment


def initial_environment() -> list[bytes]:
    """Each NAME=VALUE that execve(2) passed to this process. Empty if /proc is missing."""
    try:
        with open("/proc/self/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def is_listen_process(environment: dict[bytes, bytes]) -> bool:
    """Whether LISTEN_FDS is meant for this process. In inherited variables, LISTEN_PID is that of another process."""
    return environment.get(b"LISTEN_PID") == b"%d" % posix.getpid()


def open_standard_descriptors() -> None:
    """Open /dev/null on 0, 1 and 2 if they are closed. Else the next opened file would get such a number."""
    for descriptor in (0, 1, 2):
        if not is_open(descriptor):
            posix.set_inheritable(posix.open("/dev/null", posix.O_RDWR), True)


def is_open(descriptor: int) -> bool:
    try:
        posix.fstat(descriptor)
    except OSError:
        return False
    return True


def scrub(environment: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """The environment without variables that describe a client: only the gate may set them.

    A variable without a name is also left out: execve(2) hands it on, but CPython's execve refuses it.
    """
    return {
        name: value
        for name, value in environment.items()
        if name and name not in SCRUBBED_NAMES and not name.startswith(SCRUBBED_PREFIXES)
    }


def parse_names(text: str, _option: str = "--pass-env") -> frozenset[bytes]:
    """--pass-env: the inherited variables to keep, as xinetd's passenv. An empty list keeps none."""
    return frozenset(to_bytes(name) for name in text.replace(",", " ").split())


def parse_stderr(text: str, option: str) -> str:
    """Raises UsageError."""
    if text not in STDERR_CHOICES:
        raise UsageError(f"{option}: {text!r} is neither journal nor socket", cause=Cause(option, text))
    return text


def parse_assignments(words: list[str], option: str = "--env") -> dict[bytes, bytes]:
    """--env VAR=VALUE. Raises UsageError for a word without a name or without `=`."""
    variables: dict[bytes, bytes] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UsageError(f"{option}: {word!r} is not VAR=VALUE", cause=Cause(option, word))
        variables[to_bytes(name)] = to_bytes(value)
    return variables


def peer_variables(peer: Peer) -> dict[bytes, bytes]:
    """The UCSPI variables for this peer. A variable with an unknown value is not set. It is never empty instead."""
    variables = {b"PROTO": peer.protocol.encode()}
    if peer.protocol == "UDP":  # the server also reads datagrams of other senders, with their addresses
        return variables
    if peer.protocol == "UNIX":
        return variables | unix_variables(peer)
    known = (
        (b"LOCALIP", peer.local_ip),
        (b"LOCALPORT", str(peer.local_port)),
        (b"LOCALHOST", peer.local_host),
        (b"REMOTEIP", peer.remote_ip),
        (b"REMOTEPORT", str(peer.remote_port)),
        (b"REMOTEHOST", peer.host),
        (b"REMOTEINFO", peer.info),
    )
    layers = (b"TCP", b"TCP6") if peer.protocol == "TCP6" else (b"TCP",)
    for layer in layers:
        for name, value in known:
            if value is not None:
                variables[layer + name] = value.encode()
    if peer.interface:
        variables[b"TCP6INTERFACE"] = to_bytes(peer.interface)
    return variables | peer.variables


def unix_variables(peer: Peer) -> dict[bytes, bytes]:
    """The variables of ucspi-unix. SO_PEERCRED says which process, user and group the client has."""
    variables = {}
    if peer.local_path:
        variables[b"UNIXLOCALPATH"] = to_bytes(peer.local_path)
    if peer.credentials:
        names = (b"UNIXREMOTEPID", b"UNIXREMOTEEUID", b"UNIXREMOTEEGID")
        variables.update(zip(names, (b"%d" % number for number in peer.credentials), strict=True))
    return variables


class Server:
    """The server program and how to start it, checked as far as possible before a client comes.

    command    the words of the command line; the first is a path, or a name to be found on PATH
    argv0      the name under which the server runs (--argv0); the first word of the command if empty
    stderr     "journal" leaves descriptor 2 as systemd set it; "socket" makes it the client's connection
    limits     (resource number, soft, hard) to set just before exec
    """

    __slots__ = ("_name", "argv0", "command", "limits", "stderr")

    def __init__(
        self, command: list[str], argv0: str, stderr: str, limits: list[tuple[int, int, int]], gate: str = "sockgate"
    ) -> None:
        """`gate` is the program that starts it, for its messages. Raises UsageError."""
        if not command or not command[0]:
            raise UsageError("no server given", f"usage: {gate} [OPTION...] [--] PROGRAM [ARGUMENT...]")
        self._name = to_bytes(command[0])
        self.command = command
        self.argv0 = argv0
        self.stderr = stderr
        self.limits = limits

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

    def arguments(self) -> list[bytes]:
        """The words that the server is started with."""
        words = [to_bytes(word) for word in self.command]
        if self.argv0:
            words[0] = to_bytes(self.argv0)
        return words

    def run(self, environment: dict[bytes, bytes], actions: "Actions | None" = None) -> "NoReturn":
        """Become the server on the client's socket (descriptors 0 and 1), or raise a GateError."""
        path, arguments = self.find(environment), self.arguments()
        log = posix.dup(2) if self.stderr == "socket" else 2  # there may be no descriptor left
        arrange_descriptors(self.stderr)
        restore_signals()
        try:
            if actions is not None:
                from .rule_actions import carry_out  # imported here because few rules have actions

                carry_out(actions)
            if self.limits:
                from .rlimits import apply_limits

                apply_limits(self.limits)
            posix.execve(path, arguments, environment)
        except OSError as error:
            raise exec_failure(path, error) from None
        finally:
            if log != 2:
                posix.dup2(log, 2)  # exec has failed: the error goes to the log, not to the client


def is_file(path: bytes) -> bool:
    try:
        return posix.stat(path).st_mode & FILE_TYPE == REGULAR_FILE
    except OSError:
        return False


def shown(path: bytes) -> str:
    return repr(path.decode("utf-8", "backslashreplace"))


def exec_failure(path: bytes, error: OSError) -> Exception:
    """The error of execve(2), with the exit code that a shell would use."""
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
    """Give two signals their default action. CPython ignores them, and exec hands that on. tcpserver does not."""
    _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
    _signal.signal(_signal.SIGXFSZ, _signal.SIG_DFL)


def arrange_descriptors(stderr: str) -> None:
    """Make 0 and 1 the client's connection. 2 is the log or, with --stderr socket, the client's connection as well."""
    posix.dup2(0, 1)
    if stderr == "socket":
        posix.dup2(0, 2)
    elif posix.fstat(2)[1:3] == posix.fstat(0)[1:3]:  # inode, device: StandardError= is missing in the unit
        leave_client()


def leave_client() -> None:
    """Give the server a journal stream on descriptor 2, which is the client's connection until now."""
    try:
        open_journal_stream("sockgate")
    except OSError:
        posix.dup2(posix.open("/dev/null", posix.O_WRONLY), 2)


def open_journal_stream(identifier: str, seconds: float | None = None) -> None:
    """Open a stream to the journal on descriptor 2. Waits at most so long. Raises OSError, and then changes nothing.

    The header is that of systemd's connect_logger_as() (core/exec-invoke.c): identifier, unit, priority, level prefix,
    and three zeros for no forwarding.
    """
    import _socket

    stream = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    stream.settimeout(seconds)
    try:
        stream.connect(JOURNAL_STDOUT)
        stream.sendall(f"{identifier}\n\n6\n0\n0\n0\n0\n".encode())
        stream.settimeout(None)  # servers share it
        posix.dup2(stream.fileno(), 2)
    finally:
        stream.close()
