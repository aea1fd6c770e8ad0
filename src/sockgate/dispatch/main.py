"""sockgated: the resident gate, one process for each service.

It takes the listening sockets from systemd or opens its own, and starts a server for every client that the gate lets
in. It decides as `sockgate` does, and gives the server the same things.
"""

import os
import signal
import sys
from time import sleep

from .. import __version__
from ..connection.log import INFO, STOPPED, WARNING
from ..connection.log_choice import WITHOUT_ADDRESS
from ..connection.server import FIRST_INHERITED, inherited_environment, is_listen_process, open_standard_descriptors
from ..core import GateError, SystemFailure, UsageError
from ..core.help_text import help_text
from ..core.options import hides_addresses, service_named_in
from .accepting.accepting import adopt, listen
from .deciding.reloading_gate import ReloadingGate
from .dispatcher import Dispatcher, Inherited
from .isolation import forbid_tracing
from .options import OPTIONS, Process, ResidentOptions, ResidentSettings, parse, read_options
from .records.buffered_log import BufferedLog
from .records.log_formats import make_records
from .servers.lasting_limits import live_under, memory_in_use
from .session_groups import groups_of
from .session_table import SessionTable
from .signals import Signals, restore_defaults
from .systemd import Notifier, inherited_sockets, stored_table

ORDERS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
MOST_DIGITS = 6  # of LISTEN_FDS
STARTED_BY_SYSTEMD = "start it from a .socket unit with Accept=no, or give --listen"
FAILURE_SECONDS = 1.0  # to wait after a start that failed, because systemd may try again at once, for ever


class NoSocket(UsageError):
    """There is nothing to listen on. From systemd that is no failure: the socket has Accept=yes again."""


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
    log = None
    try:
        arrange_inherited(environment)
        fault = forbid_tracing()
        restore_defaults()
        log = BufferedLog("sockgated", "", environment.get(b"JOURNAL_STREAM", b""))
        dispatcher = prepare(words, environment, Signals((*ORDERS, signal.SIGCHLD)), log)
        if fault:
            log.record(WARNING, "", f"unable to keep servers of the same user out of the gate: {fault}")
    except (GateError, OSError, MemoryError) as error:
        problem = failure_of(error)
        log = log or BufferedLog("sockgated", "", b"")  # without a descriptor for the journal: on standard error
        if isinstance(problem, NoSocket) and b"NOTIFY_SOCKET" in environment:
            log.record(INFO, STOPPED, str(problem))
        else:
            log.failure(str(problem), code=problem.code)
        log.send()
        log.flush()
        if is_listen_process(environment):
            sleep(FAILURE_SECONDS)
        return problem.code
    return dispatcher.run()


def failure_of(error: GateError | OSError | MemoryError) -> GateError:
    """The failure of a start, as one line."""
    if isinstance(error, GateError):
        return error
    reason = error.strerror or str(error) if isinstance(error, OSError) else "there is not enough memory"
    return SystemFailure(f"unable to start: {reason}")


def prepare(
    words: list[str], environment: dict[bytes, bytes], signals: Signals, log: BufferedLog
) -> Dispatcher:  # fmt: skip
    """Prepare all that must work before the first client is accepted. Raises GateError.

    With sockets from systemd, wrong options do not end this process: systemd would start it again and again while
    clients wait. Instead each client is refused until the options are mended, and `systemctl status` says why.
    """
    from_systemd = is_listen_process(environment)
    settings, options, problem = ResidentSettings({"--name": [service_named_in(words)]}, []), ResidentOptions(), None
    groups, memory = None, memory_in_use()
    try:
        settings = parse(words)
        options = read_options(settings)
        groups = groups_of(options)
    except UsageError as error:
        problem = error
        if hides_addresses(words):
            options = ResidentOptions(process=Process(log_choice=WITHOUT_ADDRESS))
    gate = ReloadingGate(settings, environment, problem)
    if isinstance(gate.problem, UsageError) and not from_systemd:
        raise gate.problem
    log.service, log.choice = gate.name, options.process.log_choice
    listeners, stored = [listen(address) for address in options.process.listen], None
    if from_systemd:
        sockets = inherited_sockets(passed_sockets(environment))
        stored = stored_table(environment)
        listeners += [adopt(descriptor) for descriptor in sockets if descriptor != stored]
    notifier = Notifier(environment)
    if not listeners:
        # systemd starts this service with its socket, also if the socket has Accept=yes. SuccessExitStatus= of the
        # shipped units does not count for a service that was never ready. So this one reports that it is ready first.
        notifier.send("READY=1", "STATUS=no socket to listen on")
        raise NoSocket("no socket to listen on", STARTED_BY_SYSTEMD)
    records = make_records(options.process.log_format, log, options.limits.source_prefix)
    table = session_table(options.limits.connections, stored, notifier)
    if gate.rules:
        gate.reserve = live_under(gate.rules.gate.server.limits, memory, options.limits.connections)
    return Dispatcher(Inherited(listeners, table, groups), gate, options, signals, records, notifier)


def session_table(most: int, stored: int | None, notifier: Notifier) -> SessionTable:
    """The table of the gate before, if it left one that this version can read; else a new one, kept for the next gate.

    If there is not memory enough, sessions above a thousand are not in it. Raises SystemFailure.
    """
    if stored is not None:
        try:
            table = SessionTable(most, stored)
            if table.is_readable:
                return table
        except SystemFailure:  # it is no table
            pass
        finally:
            os.close(stored)
        notifier.forget_stored()
    try:
        table = SessionTable(most)
    except SystemFailure:
        table = SessionTable(0)
    notifier.store(table.descriptor)
    os.close(table.descriptor)
    return table


def arrange_inherited(environment: dict[bytes, bytes]) -> None:
    """Open descriptors 0 to 2, which the next socket would take otherwise. Close those that systemd did not pass.

    Raises UsageError.
    """
    open_standard_descriptors()
    os.closerange(FIRST_INHERITED + passed_sockets(environment), 1 << 30)


def passed_sockets(environment: dict[bytes, bytes]) -> int:
    """How many sockets systemd passed to this process. Raises UsageError."""
    passed = environment.get(b"LISTEN_FDS", b"0") if is_listen_process(environment) else b"0"
    if not (passed.isdigit() and len(passed) <= MOST_DIGITS):
        raise UsageError(f"LISTEN_FDS is {os.fsdecode(passed)!r}, not a number of sockets", STARTED_BY_SYSTEMD)
    return int(passed)
