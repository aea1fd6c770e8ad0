"""sockgated: the resident gate, one process for each service.

Takes the listening sockets from systemd or opens its own, and starts a server for every client that the gate
lets in. What it decides, and what the server is told, is the same as with `sockgate`.
"""

import signal
import sys
from collections.abc import Sequence

from .. import __version__
from ..core.environ import inherited_environment
from ..core.errors import GateError, UsageError
from ..core.log import Log
from ..core.options import parse
from .dispatcher import Dispatcher
from .gates import GateKeeper
from .listener import Listener, adopt, listen
from .options import OPTIONS, read_limits, read_process
from .records import FORMATS
from .sd import inherited_sockets, is_listen_process
from .signals import Signals

HANDLED_SIGNALS = (signal.SIGCHLD, signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def main() -> None:
    words = sys.argv[1:]
    if words[:1] == ["--version"]:
        print(f"sockgated {__version__}")
    elif words[:1] == ["--help"]:
        print(help_text(), end="")
    else:
        sys.exit(run(words))


def run(words: list[str]) -> int:
    signals = Signals(HANDLED_SIGNALS)
    environment = inherited_environment()
    log = Log("sockgated", "", environment.get(b"JOURNAL_STREAM", b""))
    try:
        settings = parse(words, OPTIONS)
        process = read_process(settings)
        limits = read_limits(settings)
        gates = GateKeeper(settings, environment)
        gates.reload()
        if gates.problem:
            raise UsageError(gates.problem)
        log.service = gates.name
        listeners = open_sockets(environment, process.listen)
    except GateError as error:
        log.failure(str(error), code=error.code)
        return error.code
    return Dispatcher(listeners, gates, limits, signals, FORMATS[process.log_format](log)).run()


def open_sockets(environment: dict[bytes, bytes], addresses: Sequence[str]) -> list[Listener]:
    listeners = [listen(address) for address in addresses]
    if is_listen_process(environment):
        listeners += [adopt(descriptor) for descriptor in inherited_sockets()]
    if not listeners:
        raise UsageError("no socket to listen on", "start it from a .socket unit with Accept=no, or give --listen")
    return listeners


def help_text() -> str:
    lines = ["usage: sockgated [OPTION...] [--] PROGRAM [ARGUMENT...]\n"]
    lines += [f"  {option.name + ' ' + option.metavar:<32} {option.summary}\n" for option in OPTIONS]
    lines.append(f"  {'--help':<32} show this text\n  {'--version':<32} show the version\nSee sockgated(8).\n")
    return "".join(lines)
