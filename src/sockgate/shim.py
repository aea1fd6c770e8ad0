"""sockgate: the gate that systemd starts once per connection.

It reads the client's address from the inherited socket, decides, sets the server's environment, writes one record, and
becomes the server.
"""

import gc
import posix
import sys

# While the modules are loaded, the garbage collector would run eight times. This process lives for milliseconds.
gc.disable()

from . import __version__
from .connection import Gate
from .connection.admission import Outcome, admission, advance
from .connection.log import Log
from .connection.server import (
    FIRST_INHERITED,
    inherited_environment,
    is_listen_process,
    is_open,
    open_standard_descriptors,
)
from .core import DENY, INTERNAL_ERROR, REFUSED, DatagramSocket, GateError, PeerGone, UsageError, Verdict, describe
from .core.options import GATE_OPTIONS, hides_addresses, parse, service_named_in
from .core.peer import Peer, from_descriptor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .connection.log_choice import LogChoice

SOCKET, FILE_TYPE = 0o140000, 0o170000  # S_IFSOCK, S_IFMT


def main() -> None:
    """Become the server, or exit.

    It always exits by _exit: there is nothing to clean up, and a normal end of the interpreter has status 120 if the
    connection was reset.
    """
    words = sys.argv[1:]
    asked = words[:1] in (["--help"], ["--version"]) and not is_socket(1)
    code = INTERNAL_ERROR
    try:
        code = answer(words[0]) if asked else gate_connection(words)
    finally:
        posix._exit(code)  # never a traceback, also if memory is full: it might reach the client


def answer(option: str) -> int:
    """--help and --version, for a person. (If descriptor 1 is a socket, it belongs to a client.)"""
    text = f"sockgate {__version__}\n"
    if option == "--help":
        from .core.help_text import help_text

        text = help_text("sockgate", GATE_OPTIONS, 24)
    posix.write(1, text.encode())
    return 0


def gate_connection(words: list[str]) -> int:
    """Log and serve one connection. Returns an exit code if the server does not run."""
    environment = inherited_environment()
    arrange_inherited(environment)
    log = Log("sockgate", "", environment.get(b"JOURNAL_STREAM", b""), connection=0)
    try:
        code = serve(words, environment, log)
    except Exception as error:  # an error in this program: log one line, never a traceback
        log.failure(f"internal error: {describe(error)}", code=INTERNAL_ERROR)
        code = INTERNAL_ERROR
    log.flush()
    return code


def serve(words: list[str], environment: dict[bytes, bytes], log: Log) -> int:
    """One connection, from its options to its server. Returns an exit code if the server does not run."""
    client = gate = None
    try:
        gate = Gate(parse(words))
        log.service, log.choice = gate.name, gate.log_choice
        check_listen_count(environment)
        client = from_descriptor(0)
        outcome = outcome_of(gate, client)
        client = outcome.peer
        if not outcome.admitted:
            return refuse(outcome, log)
        server_environment = outcome.environment(gate.base_environment(environment))
        log.verdict(client, outcome.verdict, allowed=True, note=outcome.note)
        tell(outcome.words)
        gate.server.run(server_environment, outcome.verdict.actions)
    except DatagramSocket:
        assert gate is not None
        return serve_datagrams(gate, environment, log)
    except PeerGone:
        log.gone()
        return REFUSED
    except GateError as error:
        if gate is None:
            log.service, log.choice = service_named_in(words), choice_of_wrong_options(words)
        log.failure(str(error), client or client_for_the_log(), error.code)
        turn_away(gate.refusal(Verdict(DENY)) if gate else b"")
        return error.code


def choice_of_wrong_options(words: list[str]) -> "LogChoice | None":
    """What stands in the log if the options cannot be read: no address, where they ask for less than all of it."""
    if not hides_addresses(words):
        return None
    from .connection.log_choice import WITHOUT_ADDRESS

    return WITHOUT_ADDRESS


def outcome_of(gate: Gate, client: Peer) -> Outcome:
    """The outcome for the client on descriptor 0. The driver is imported only if the admission needs something."""
    machine = admission(gate, client)
    need = advance(machine)
    if isinstance(need, Outcome):
        return need
    from .connection.blocking import Blocking

    return Blocking(0, gate.timeout).finish(machine, need)


def refuse(outcome: Outcome, log: Log) -> int:
    """Log the refusal and send its text. Returns the exit code."""
    if outcome.error is None:
        log.verdict(outcome.peer, outcome.verdict, allowed=False)
    else:
        log.failure(str(outcome.error), outcome.peer, outcome.error.code)
    turn_away(outcome.words)
    return outcome.error.code if outcome.error else REFUSED


def tell(text: bytes) -> None:
    """Send this text to the client, as far as the client reads it."""
    if text:
        from .connection.banners import send

        send(0, text)


def turn_away(text: bytes) -> None:
    """Send this text to a refused client, if descriptor 0 is its connection."""
    if text and is_socket(0):
        from .connection.banners import say_last_words

        say_last_words(0, text)


def serve_datagrams(gate: Gate, environment: dict[bytes, bytes], log: Log) -> int:
    """Serve a datagram socket: the first sender that may come in starts the server."""
    from .connection.datagram import admit  # imported only if there are datagrams

    try:
        outcome = admit(0, gate, log)
        log.verdict(outcome.peer, outcome.verdict, allowed=True, note=outcome.note)
        gate.server.run(outcome.environment(gate.base_environment(environment)), outcome.verdict.actions)
    except PeerGone:
        return REFUSED  # everything that came was refused
    except GateError as error:
        log.failure(str(error), code=error.code)
        return error.code


def arrange_inherited(environment: dict[bytes, bytes]) -> None:
    """Leave only descriptors 0 (the connection), 1 and 2 open. Descriptors that are opened later close at exec.

    Without StandardInput=socket systemd passes the connection as descriptor 3 (sd_listen_fds(3)).
    """
    open_standard_descriptors()
    if is_listen_process(environment) and is_open(FIRST_INHERITED):
        posix.dup2(FIRST_INHERITED, 0)
        posix.set_blocking(0, True)
    posix.closerange(FIRST_INHERITED, 1 << 30)


def check_listen_count(environment: dict[bytes, bytes]) -> None:
    if is_listen_process(environment) and environment.get(b"LISTEN_FDS") != b"1":
        count = environment.get(b"LISTEN_FDS", b"").decode("ascii", "replace")
        raise UsageError(f"LISTEN_FDS is {count!r}, not '1'", "sockgate serves one connection: set Accept=yes")


def client_for_the_log() -> Peer | None:
    """The client of a connection that failed before its address was read. None if there is no client."""
    try:
        return from_descriptor(0)
    except (GateError, PeerGone):
        return None


def is_socket(descriptor: int) -> bool:
    try:
        return posix.fstat(descriptor).st_mode & FILE_TYPE == SOCKET
    except OSError:
        return False
