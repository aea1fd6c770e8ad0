"""sockgated: the resident gate, one process for each service.

Takes the listening sockets from systemd or opens its own, and starts a server for every client that the gate
lets in. What it decides, and what the server is told, is the same as with `sockgate`.
"""

import os
import signal
import sys
from time import sleep

from .. import __version__
from ..connection.server import FIRST_INHERITED, inherited_environment, is_listen_process, open_standard_descriptors
from ..core.errors import GateError, UsageError
from ..core.help_text import help_text
from ..core.options import Settings, parse
from .accepting.listener import adopt, listen
from .deciding.reloading_gate import GateKeeper
from .dispatcher import Dispatcher
from .options import OPTIONS, Limits, Process, read_limits, read_process
from .records.buffered_log import PatientLog
from .records.records import make_records
from .signals import Signals, start_afresh
from .systemd import Notifier, inherited_sockets

ORDERS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
FAILURE_SECONDS = 1.0  # before the end of a start that failed: systemd may try again at once, for ever


def main() -> None:
    words = sys.argv[1:]
    if words[:1] == ["--version"]:
        print(f"sockgated {__version__}")
    elif words[:1] == ["--help"]:
        print(help_text("sockgated", OPTIONS, 32), end="")
    else:
        sys.exit(run(words))


def run(words: list[str]) -> int:
    environment = inherited_environment()
    arrange_inherited(environment)
    start_afresh()
    signals = Signals((*ORDERS, signal.SIGCHLD))
    log = PatientLog("sockgated", "", environment.get(b"JOURNAL_STREAM", b""))
    try:
        dispatcher = prepare(words, environment, signals, log)
    except GateError as error:
        log.failure(str(error), code=error.code)
        log.send()
        log.flush()
        if is_listen_process(environment):
            sleep(FAILURE_SECONDS)
        return error.code
    return dispatcher.run()


def prepare(
    words: list[str], environment: dict[bytes, bytes], signals: Signals, log: PatientLog
) -> Dispatcher:  # fmt: skip
    """Everything that has to work before the first client is accepted. Raises GateError.

    With sockets from systemd, wrong options are no such thing: were this process to end, systemd would start it over
    and over while clients wait. So everybody is refused until they are mended, and `systemctl status` says why.
    """
    from_systemd = is_listen_process(environment)
    settings, process, limits, problem = Settings({}, []), Process(), Limits(), None
    try:
        settings = parse(words, OPTIONS)
        process, limits = read_process(settings), read_limits(settings)
    except UsageError as error:
        problem = error
    gates = GateKeeper(settings, environment, problem)
    if isinstance(gates.problem, UsageError) and not from_systemd:
        raise gates.problem
    log.service = gates.name
    listeners = [listen(address) for address in process.listen]
    if from_systemd:
        listeners += [adopt(descriptor) for descriptor in inherited_sockets()]
    notifier = Notifier(environment)
    if not listeners:
        # Systemd starts this service with its socket, whatever that has for Accept=. Unless we were ready once, it
        # does not ask SuccessExitStatus= of the shipped units what to think of our end.
        notifier.send("READY=1", "STATUS=no socket to listen on")
        raise UsageError("no socket to listen on", "start it from a .socket unit with Accept=no, or give --listen")
    records = make_records(process.log_format, log)
    return Dispatcher(listeners, gates, limits, process, signals, records, notifier)


def arrange_inherited(environment: dict[bytes, bytes]) -> None:
    """Something on descriptors 0 to 2, or the next socket would be taken for it; and nothing that nobody mentioned."""
    open_standard_descriptors()
    passed = int(environment.get(b"LISTEN_FDS", b"0")) if is_listen_process(environment) else 0
    os.closerange(FIRST_INHERITED + passed, 1 << 30)
