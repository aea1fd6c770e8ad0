"""A file of Courier's settings as a service record.

The settings are shell. The settings that shape the units are evaluated here. All others are the server's environment,
which `sockgatectl courier-environment` evaluates at each start of the socket, as the start script did.
"""

import os
import re
from collections.abc import Callable

from ...courier import FOLDERS, LIMITS, SERVERS, SETTINGS_FOLDER, TLS_USER
from ...host.host import Host
from ...units.model import Command, Directive, File, Word, Words
from ..accounts import any_group, named_user
from ..assigned_ports import port_of
from ..input_files import UNKNOWN, Place, Unreadable, read_text
from ..outcomes import Answer, approximated, blocked, by_engine, entry_of, translated
from ..report import Report
from ..service import STREAM, Listen, Service, endpoint
from ..shell.evaluator import evaluate_file
from ..shell.interpreters import dialect_of
from ..shell.state import State
from ..shell.syntax import ScriptError
from ..shell.worlds import World
from .access import access
from .options import options
from .other_answers import report_questions
from .other_files import why_no_settings
from .settings import Settings, assignments, server_of

ONE_NETWORK = ("--network-prefix", "24,120")  # MAXPERC compares the first fifteen bytes (tcpd.c, 1.0.16)


def read(files: list[str], host: Host, report: Report) -> list[Service]:
    services = []
    for file in files:
        service = read_settings(file, host, report)
        if service:
            services.append(service)
    return services


def read_settings(path: str, host: Host, report: Report) -> Service | None:
    try:
        text = "" if os.path.isdir(path) else read_text(path)
    except Unreadable as error:
        report.entries.append(entry_of("", Place(path, 0), path, blocked(f"unable to read {path!r}: {error}")))
        return None
    lines = assignments(text)
    why, name = why_no_settings(path, text), server_of(path, lines)
    if why or not name:
        why = why or "these are no settings of Courier's imapd, pop3d or esmtpd"
        report.entries.append(entry_of("", Place(path, 0), os.path.basename(path), blocked(why)))
        return None
    values = evaluate(path, name, host, report)
    if values is None:
        return None
    return build(Settings(name, path, SERVERS[name], host, values, lines, report))


def evaluate(path: str, name: str, host: Host, report: Report) -> dict[str, str] | None:
    """The variables after evaluation: first the base settings in the same folder, if there are any, then the file."""
    folder = os.path.dirname(os.path.abspath(path))
    shell = State(host, folder, dialect_of("sh", host.posix_shell))
    *others, _ = SERVERS[name].read
    try:
        evaluate_in(shell, name, path)
    except Unreadable as error:
        report.entries.append(entry_of(name, Place(path, 0), path, blocked(f"unable to read it: {error}")))
        return None
    except ScriptError as error:
        report.entries.append(entry_of(name, Place(path, error.line), path, blocked(str(error))))
        return None
    for other in others:
        if SERVERS[name].needs_others and not os.path.exists(f"{folder}/{other}"):
            text = f"{other!r} is not beside it: MAXDAEMONS, MAXPERIP and TCPDOPTS that are set there are not known"
            report.entries.append(entry_of(name, Place(path, 0), other, approximated(text)))
    for doubt in shell.doubts:
        report.entries.append(entry_of(name, doubt.place, doubt.what, approximated(doubt.text)))
    refused = report_questions(name, shell, again(shell, name, path), report)
    return None if refused else shell.variables


def evaluate_in(shell: State, name: str, path: str) -> None:
    """First the base settings in the same folder, then the file. Raises Unreadable and ScriptError."""
    shell.variables.update(FOLDERS)
    *others, _ = SERVERS[name].read
    for other in others:
        if os.path.exists(f"{shell.folder}/{other}"):
            evaluate_file(shell, f"{shell.folder}/{other}")
    evaluate_file(shell, path)


def again(shell: State, name: str, path: str) -> Callable[[World], State]:
    """The same settings with other answers of this machine. Where the shell ends at them, no variable is set."""
    folder, dialect = shell.folder, shell.dialect

    def evaluate_elsewhere(world: World) -> State:
        state = State(shell.host, folder, dialect, world=world, trees=shell.trees)
        try:
            evaluate_in(state, name, path)
        except (ScriptError, Unreadable):
            state.variables.clear()
        return state

    return evaluate_elsewhere


def build(settings: Settings) -> Service | None:
    started(settings)
    options(settings)
    listens = listening(settings)
    command = command_of(settings)
    user, group = runs_as(settings)
    access(settings)
    config = configuration(settings)
    maximum, per_source, resident = limits(settings)
    rest(settings)
    if settings.blocked or not listens:
        return None
    environment = f"/run/sockgate/{settings.name}.env"
    return Service(
        name=settings.name, old_name=settings.name, place=Place(settings.path, 0), listens=listens, command=command,
        ipv6_only="both" if any(listen.is_ipv6 for listen in listens) else "",
        user=user, group=group, needs_gate=True, gate=tuple(settings.gate),
        options_from=LIMITS if settings.server.limit else "",
        unit=(("Wants", Words(settings.server.wants)), ("After", Words(settings.server.wants))),
        socket=(
            ("ExecStartPre",
             Command((settings.host.control, "courier-environment", config, "--output", environment))),
            ("KeepAlive", "yes"),
            *settings.socket,
        ),
        directives=(("EnvironmentFile", File((environment,))), *umask(settings)),
        max_connections=maximum, max_per_source=per_source, resident=resident,
        resident_because="couriertcpd was one process for all clients, too, and let them wait above MAXDAEMONS",
    )  # fmt: skip


def configuration(settings: Settings) -> str:
    """The file that the socket evaluates at its start. It must have the name that Courier gives it."""
    path = os.path.abspath(settings.path)
    if os.path.basename(path) == settings.name:
        return path
    text = f"taken for a copy of {SETTINGS_FOLDER}/{settings.name}, which the socket evaluates when it starts"
    settings.report.entries.append(entry_of(settings.name, Place(settings.path, 0), settings.path, approximated(text)))
    return f"{SETTINGS_FOLDER}/{settings.name}"


def runs_as(settings: Settings) -> tuple[str, str]:
    """The user and group of couriertcpd itself. imaplogin and pop3login must run as root."""
    user, group, default = settings.server.runs_as
    if not user:
        return settings.user, settings.group or settings.own_group
    names = settings.values.get(user, default), settings.values.get(group, default)
    account, answer = named_user(settings.host, names[0])
    settings.answer(user, answer)
    group_name, answer = any_group(settings.host, names[1])
    settings.answer(group, answer)
    return account.user, group_name


def umask(settings: Settings) -> list[tuple[str, str]]:
    variable = settings.server.umask
    value = settings.values.get(variable, "") if variable else ""
    if not value:
        return []
    if not re.fullmatch(r"0*[0-7]{1,3}", value, re.ASCII):
        settings.answer(variable, approximated(f"{value!r} is no mask: UMask=0022 is taken"))
        return []
    mask = value.lstrip("0").zfill(4)
    settings.answer(variable, translated(Directive("UMask", mask)))
    return [("UMask", mask)]


def started(settings: Settings) -> None:
    value = settings.values.get(settings.server.start, "")
    if value and not value.upper().startswith("Y"):
        settings.answer(
            settings.server.start, approximated("it was not started; enable the socket only if you want it")
        )
    elif value:
        settings.answer(settings.server.start, translated(f"systemctl enable {settings.name}.socket"))


def listening(settings: Settings) -> tuple[Listen, ...]:
    """The sockets.

    PORT is a list of `port` or `address.port`, with commas. ADDRESS is for entries without an address.
    """
    prefix = settings.server.prefix
    address = settings.values.get(f"{prefix}ADDRESS", "0")
    listens = []
    for entry in settings.values.get(f"{prefix}PORT", settings.server.port).split(","):
        own, _, port = entry.strip().rpartition(".")
        number, answer = port_of(settings.host, port, "tcp")
        if answer is not None:
            settings.answer(f"{prefix}PORT", answer)
        if number is None:
            return ()
        where = address_of(settings, own or address)
        wildcard = where in ("", "0", "0.0.0.0", "::")  # noqa: S104  # what the old settings say
        listens.append(Listen(STREAM, endpoint("" if wildcard else where, number)))
    if f"{prefix}PORT" in settings.lines:
        settings.answer(f"{prefix}PORT", translated(*(Directive("ListenStream", listen.address) for listen in listens)))
    if f"{prefix}ADDRESS" in settings.lines:
        settings.answer(f"{prefix}ADDRESS", translated(text="in ListenStream="))
    return tuple(listens)


def address_of(settings: Settings, text: str) -> str:
    """The address itself, or the first address of a host name."""
    if text in ("", "0") or re.fullmatch(r"[0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", text):
        return text
    found = None if UNKNOWN in text else settings.host.address(text, 0)
    variable = f"{settings.server.prefix}ADDRESS"
    if found is None:
        settings.answer(variable, blocked(f"{text!r} is no address and cannot be resolved here"))
        return text
    settings.answer(variable, approximated(f"{text!r} is {found} now, and the unit keeps it"))
    return found


def command_of(settings: Settings) -> tuple[Word, ...]:
    """The words of the server. For TLS, couriertls stands in front. It reads the client's address in its variables."""
    words = settings.server.command
    if not settings.server.prefix:
        return words
    tls = settings.values.get("COURIERTLS", "/usr/bin/couriertls")
    # As courier, once it has its certificate; couriertcpd of SMTP is courier already.
    is_root = not (settings.server.runs_as[0] or settings.user)
    words_of_tls = (tls, "-server", "-tcpd", *((f"-user={TLS_USER}",) if is_root else ()))
    settings.answer("COURIERTLS", translated(" ".join(words_of_tls)))
    return (*words_of_tls, *words)


def limits(settings: Settings) -> tuple[int, int, tuple[tuple[str, str], ...]]:
    """Clients at a time, clients from one address, and sockgated's options beside these."""
    maximum, per_source = settings.number("MAXDAEMONS", 40), settings.number("MAXPERIP", 4)
    if "MAXDAEMONS" in settings.values:
        text = "above it systemd accepts and closes, where couriertcpd let clients wait; sockgated(8) lets them wait"
        closes = approximated(f"{text} (Accept=no)", Directive("MaxConnections", maximum))
        settings.answer("MAXDAEMONS", by_engine(closes, translated(f"--max-connections {maximum}")))
    closes = translated(Directive("MaxConnectionsPerSource", per_source))
    settings.answer("MAXPERIP", by_engine(closes, above_maxperip(settings, per_source)))
    per_network = settings.number("MAXPERC", maximum)
    if per_network >= maximum:
        return maximum, per_source, ()
    option = ("--max-per-network", str(per_network))
    none = approximated(f"systemd has no limit per network; sockgated(8) has (Accept=no): {' '.join(option)}")
    settings.answer("MAXPERC", by_engine(none, translated(" ".join(option), " ".join(ONE_NETWORK))))
    return maximum, per_source, (option, ONE_NETWORK)


def above_maxperip(settings: Settings, per_source: int) -> Answer:
    """couriertcpd closes the connection above MAXPERIP without its -denymsg."""
    became = f"--max-per-source {per_source}"
    if any(option == "--deny-message" for option, _ in settings.gate):
        return approximated("a client above it is sent the text of -denymsg, which couriertcpd did not send", became)
    return translated(became)


def rest(settings: Settings) -> None:
    """The remaining settings: they are the server's environment, or have no use without couriertcpd."""
    prefix = settings.server.prefix
    seen = {"MAXDAEMONS", "MAXPERIP", "MAXPERC", "TCPDOPTS", "BLACKLISTS", "DROP", f"{prefix}PORT", f"{prefix}ADDRESS",
            settings.server.start, settings.server.access, "COURIERTLS" if prefix else ""}  # fmt: skip
    seen |= {settings.server.umask, *settings.server.runs_as[:2]}
    for variable in settings.lines:
        if variable in seen:
            continue
        if settings.server.limit and variable == settings.server.limit.setting:
            settings.answer(variable, translated("$SOCKGATE_LIMITS", text="sockgatectl courier-environment sets it"))
        elif variable.endswith(("PIDFILE", "LOGGEROPTS")):
            settings.answer(variable, translated(text="systemd and the journal do this"))
        else:
            settings.answer(variable, translated("EnvironmentFile="))
