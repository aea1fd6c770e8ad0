"""The user of a line's server, and its program: tcpd and other programs in front of it, internal services."""

from ...units.model import Directive
from ..accounts import any_group, named_user, with_other_group
from ..assigned_ports import PORTS
from ..chain.links import GATE_LINKS
from ..chain.peeling import Chain, peel
from ..host_tables import asked_for
from ..outcomes import approximated, blocked, broken, ignored, translated
from ..service import STREAM
from .lines import Line

UNASKED = "nothing can ask hosts.allow for the connections that a server with wait accepts"
INTERNAL = frozenset(("echo", "discard", "chargen", "daytime", "time"))


def account(line: Line, text: str) -> tuple[str, str]:
    """user, user.group, user:group; FreeBSD adds /login-class."""
    plain, slash, _ = text.partition("/")
    name, _, group_name = plain.partition(":")
    if not group_name and "." in name and line.host.user(name) is None:
        name, _, group_name = name.partition(".")
    found, answer = named_user(line.host, name)
    line.answer(text, with_other_group(answer) if group_name else answer)
    group = found.group
    if group_name and found.uid == 0:
        line.answer(text, ignored("inetd keeps root's own groups, also if the line names a group"))
    elif group_name:
        group, answer = any_group(line.host, group_name)
        line.answer(text, answer)
    if slash:
        line.answer(text, ignored("login classes belong to the BSDs"))
    return found.user, group


def program(
    line: Line, server: str, arguments: list[str], kind: str, waits: bool
) -> tuple[tuple[str, ...], str, Chain]:
    """The server's words, its argv[0], and the effect of the programs in front of it."""
    links = Chain(line.host)
    if server == "internal":
        return (f"{line.host.programs}/sockgate-builtin", internal(line, links, kind, waits)), "", links
    argv0, *rest = arguments or [server]
    if is_forgotten(server, argv0):
        line.answer(
            " ".join([server, *arguments]),
            approximated(
                f"{argv0!r} is the name that the server runs under, as it was, and no argument: inetd takes the first "
                f"word for that; probably meant: {' '.join([server, server.rpartition('/')[2], *arguments])}"
            ),
        )
    if server.rpartition("/")[2] == "tcpd":
        server = tcpd(line, links, argv0, kind, waits)
        argv0 = server
    elif line.host.wraps and kind == STREAM and not waits:
        daemon = argv0.rpartition("/")[2]
        option = links.option("--hosts-access", daemon)
        line.answer("inetd -l", asked_for(line.host, daemon, "inetd asks hosts.allow for every service", option))
    if not waits:
        words, answers = peel(links, [server, *rest], GATE_LINKS)
        for answer in answers:
            line.answer(" ".join([server, *rest]), answer)
        server, argv0, rest = (words[0], argv0, words[1:]) if words == [server, *rest] else (words[0], "", words[1:])
    path = line.host.program(server)
    what = " ".join([server, *arguments])
    if line.host.is_executable(path):
        line.answer(what, translated(Directive("ExecStart", path)))
    else:
        line.answer(what, broken(f"{path!r} cannot be executed on this machine", Directive("ExecStart", path)))
    named = argv0 if argv0 and argv0 not in (server, path, path.rpartition("/")[2]) else ""
    return (path, *rest), named, links


def internal(line: Line, links: Chain, kind: str, waits: bool) -> str:
    """The name of an internal service. inetd does not know these services by their ports.

    openbsd-inetd -l does not ask hosts.allow for them. `xinetd -inetd_compat` does, and for nothing else in inetd.conf
    (xinetd 2.3.15.4, inet.c).
    """
    name = line.words[0].rpartition(":")[2]
    if name not in INTERNAL:
        meant = next((known for known in sorted(INTERNAL) if str(PORTS["tcp"][known]) == name), "")
        hint = f"; probably meant: {meant}" if meant else ""
        line.answer(
            "internal", blocked(f"there is no internal service {name!r} but {' '.join(sorted(INTERNAL))}{hint}")
        )
    line.answer("internal", translated(f"sockgate-builtin {name}"))
    if line.host.compat and kind == STREAM and line.host.has_host_rules:
        if waits:
            line.answer("internal", blocked(UNASKED))
        option = links.option("--hosts-access", name)
        why = "xinetd -inetd_compat asks hosts.allow and hosts.deny for what it answers itself"
        line.answer("internal", asked_for(line.host, name, why, option))
    return name


def is_forgotten(server: str, argv0: str) -> bool:
    """Whether the first word behind the server is an argument, where the server's name was meant."""
    if argv0.startswith("-"):
        return True
    return "/" in argv0 and argv0.rpartition("/")[2] != server.rpartition("/")[2] != "tcpd"


def tcpd(line: Line, links: Chain, daemon: str, kind: str, waits: bool) -> str:
    """Replace tcpd: the gate reads hosts.allow itself, and starts the server that stands behind tcpd."""
    if kind == STREAM and waits:
        line.answer("tcpd", blocked(UNASKED))
    if line.host.wraps and not daemon.startswith("/"):
        line.answer("tcpd", blocked(f"inetd -l starts {daemon!r} itself and does not find it: give its whole path"))
    path = daemon if daemon.startswith("/") else f"/usr/sbin/{daemon}"
    named = path.rpartition("/")[2]
    line.answer("tcpd", asked_for(line.host, named, "in place of tcpd", links.option("--hosts-access", named)))
    return path
