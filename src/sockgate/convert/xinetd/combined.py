"""What only the attributes of a service together can tell: one step for each question."""

from collections.abc import Callable, Iterator

from ...units.model import Directive, Words
from ..assigned_ports import PORTS
from ..chain.links import GATE_LINKS
from ..chain.peeling import Chain, peel
from ..host_tables import asked_for
from ..outcomes import Answer, approximated, blocked, broken, translated
from ..program_files import mentions
from ..shell.findings import is_secret
from .configuration import Candidate
from .draft import Draft, invalid, with_consequence
from .logs import log_obstacle
from .process import REMOTE_HOST
from .sockets import REFUSED_TYPES

INTERNAL_SERVICES = frozenset(("echo", "discard", "chargen", "daytime", "time"))
REFUSED_INTERNAL = frozenset(("tcpmux",))


def complete(draft: Draft, candidate: Candidate) -> Iterator[Answer]:
    """The answers that follow from several attributes together, up to the first that blocks."""
    for step in STEPS:
        for answer in step(draft, candidate):
            yield with_consequence(answer)
            if answer.blocks:
                return


def socket_kind(draft: Draft, candidate: Candidate) -> Iterator[Answer]:
    """socket_type and protocol follow from each other."""
    natural = {"stream": "tcp", "dgram": "udp"}
    if draft.socket_type:
        draft.protocol = draft.protocol or natural[draft.socket_type]
    elif draft.protocol:
        draft.socket_type = "stream" if draft.protocol == "tcp" else "dgram"
    else:
        yield invalid("'socket_type' is missing")
        return
    if natural[draft.socket_type] != draft.protocol:
        yield invalid(f"{draft.socket_type} sockets do not speak {draft.protocol}")


def required(draft: Draft, candidate: Candidate) -> Iterator[Answer]:
    names = ["wait"]
    if not draft.is_internal:
        names += ["user"] if draft.redirect else ["user", "server"]
        if draft.is_unlisted:
            names += ["port"]
    missing = [name for name in names if name not in candidate.values]
    if missing:
        yield invalid(f"{' and '.join(map(repr, missing))} {'is' if len(missing) == 1 else 'are'} missing")
    elif draft.socket_type == "dgram" and not draft.wait:
        yield blocked("a dgram service with wait = no gets one process per datagram that all read the same socket: "
                      "xinetd 2.3.15.4 drops it, older ones did not; set wait = yes if the server can")  # fmt: skip


def port(draft: Draft, candidate: Candidate) -> Iterator[Answer]:
    """A listed service has the port that services(5) gives its name."""
    if draft.is_unlisted:
        return
    listed = draft.host.port(draft.name, draft.protocol)
    assigned = PORTS[draft.protocol].get(draft.name)
    if listed is None and draft.port is None and assigned is None:
        yield invalid(f"no 'port', and no service {draft.name!r} with protocol {draft.protocol} in /etc/services")
    elif listed is None:
        taken = "its 'port'" if draft.port is not None else f"the port that is assigned to this name, {assigned},"
        draft.port = assigned if draft.port is None else draft.port
        yield approximated(
            f"{draft.name!r} with protocol {draft.protocol} is not in this machine's /etc/services: xinetd would not "
            f"have started the service without 'type = UNLISTED'; {taken} is taken"
        )
    elif draft.port is not None and draft.port != listed:
        yield invalid(f"'port' is {draft.port}, but /etc/services has {listed} for {draft.name!r}; type = UNLISTED "
                      "was meant")  # fmt: skip
    draft.port = draft.port if listed is None else listed


def builtin(draft: Draft, candidate: Candidate) -> Iterator[Answer]:
    """Internal services and redirections become sockgate-builtin."""
    if not draft.is_internal:
        if draft.redirect:
            draft.server, draft.arguments = builtin_path(draft), ("redirect", *draft.redirect)
        return
    name = draft.name.lower()
    if name in REFUSED_INTERNAL:
        yield blocked(REFUSED_TYPES["TCPMUX"])
        return
    if name not in INTERNAL_SERVICES:
        yield invalid(f"there is no internal service {draft.name!r} but {' '.join(sorted(INTERNAL_SERVICES))}")
        return
    if draft.redirect:
        yield blocked("'redirect' in an internal service: one of them has no effect; remove it")
        return
    draft.server, draft.arguments = builtin_path(draft), (name,)
    became = (f"sockgate-builtin {name}",)
    if draft.user:
        yield translated(*became)
    else:
        yield translated(*became, draft.set("DynamicUser", "yes"), text="xinetd answered it as root")


def traffic(draft: Draft, candidate: Candidate) -> Iterator[Answer]:
    if draft.counts_traffic and not draft.redirect:
        yield invalid("log_on_success = TRAFFIC is for redirected services only")


def log(draft: Draft, candidate: Candidate) -> Iterator[Answer]:
    if obstacle := log_obstacle(draft):
        yield invalid(obstacle)


def builtin_path(draft: Draft) -> str:
    return f"{draft.host.programs}/sockgate-builtin"


def name_in_arguments(draft: Draft, candidate: Candidate) -> Iterator[Answer]:
    """NAMEINARGS: the first argument is the server's argv[0].

    If the server is tcpd, it is the program that tcpd runs.
    """
    if "NAMEINARGS" not in draft.flags or draft.is_internal:
        return
    if draft.redirect or not draft.arguments:
        yield invalid("flags = NAMEINARGS without server_args")
    elif draft.flags_line > candidate.values["server_args"].settings[0].place.line:
        yield blocked("flags = NAMEINARGS stands after server_args: xinetd starts the server without a name, and it "
                      "fails; put it before")  # fmt: skip
    elif draft.arguments[0].startswith("-"):
        yield approximated(f"{draft.arguments[0]!r} is the name that the server runs under, as it was, and no option: "
                           "flags = NAMEINARGS takes the first word for that")  # fmt: skip


def tcp_wrappers(draft: Draft, candidate: Candidate) -> Iterator[Answer]:
    """hosts.allow and hosts.deny hold for every TCP service without NOLIBWRAP, and for a server behind tcpd."""
    if draft.server.rpartition("/")[2] == "tcpd" and not draft.is_internal:
        yield from tcpd(draft)
        return
    if draft.protocol != "tcp" or "NOLIBWRAP" in draft.flags or not draft.host.has_host_rules:
        return
    if draft.wait:
        yield blocked("hosts.allow and hosts.deny hold for it, and nothing can ask them for the connections that a "
                      "server with wait = yes accepts itself; add flags = NOLIBWRAP if they need not hold")  # fmt: skip
        return
    daemon = draft.libwrap or wrapper_name(draft)
    option = draft.restrict("--hosts-access", daemon)
    yield asked_for(draft.host, daemon, "xinetd asks hosts.allow and hosts.deny", option)


def wrapper_name(draft: Draft) -> str:
    """The daemon name that xinetd gives to libwrap (access.c)."""
    if draft.redirect or draft.is_internal:
        return draft.name
    named = draft.arguments[0] if "NAMEINARGS" in draft.flags else draft.server
    return named.rpartition("/")[2]


def tcpd(draft: Draft) -> Iterator[Answer]:
    """`server = /usr/sbin/tcpd`: the gate asks hosts.allow itself and starts the server behind tcpd."""
    if "NAMEINARGS" not in draft.flags or not draft.arguments:
        yield blocked("tcpd without flags = NAMEINARGS starts itself over and over")
        return
    path = draft.arguments[0] if draft.arguments[0].startswith("/") else f"/usr/sbin/{draft.arguments[0]}"
    draft.server = path
    if draft.wait and draft.socket_type == "stream":
        yield blocked("nothing can ask hosts.allow for the connections that a server with wait = yes accepts itself")
        return
    daemon = path.rpartition("/")[2]
    option = draft.restrict("--hosts-access", daemon)
    yield asked_for(draft.host, daemon, "in place of tcpd", option, Directive("ExecStart", path))


def chained(draft: Draft, candidate: Candidate) -> Iterator[Answer]:
    """tcp-env and relaycheck in front of the server: the gate does their work."""
    named = "NAMEINARGS" in draft.flags
    words = [draft.server, *(draft.arguments[1:] if named else draft.arguments)]
    chain = Chain(draft.host)
    if draft.is_internal or draft.redirect or draft.wait:
        return
    rest, answers = peel(chain, words, GATE_LINKS)
    if rest == words and not answers:
        return
    yield from answers
    if not rest:
        yield blocked("there is no server behind these programs")
        return
    draft.server, draft.arguments = draft.host.program(rest[0]), tuple(rest[1:])
    yield translated(f"ExecStart={' '.join([draft.server, *draft.arguments])}")
    draft.flags -= {"NAMEINARGS"}
    draft.limits += chain.limits.items()
    draft.gate += chain.gate
    draft.needs_gate = draft.needs_gate or chain.needs_gate


def executable(draft: Draft, candidate: Candidate) -> Iterator[Answer]:
    """Whether the server is there. xinetd checks this at its start, but this machine may not have all programs yet."""
    server = draft.server
    if draft.is_internal or draft.redirect:
        server = candidate.values["server"].word if "server" in candidate.values else ""
    if not server or draft.host.is_executable(server):
        return
    if candidate.values["server"].has_other:
        yield blocked(f"{server!r} cannot be executed on this machine, and there is another line 'server', which "
                      "counts if xinetd could not either; remove one of them")  # fmt: skip
    else:
        yield broken(f"{server!r} cannot be executed on this machine: xinetd would not have started the "
                           "service")  # fmt: skip


def remote_host(draft: Draft, candidate: Candidate) -> Iterator[Answer]:
    """REMOTE_HOST, which xinetd sets to the client's address for each server (child.c). Few servers read it."""
    if draft.is_internal or draft.redirect:
        return
    reader = mentions([draft.server, *draft.arguments], REMOTE_HOST.encode())
    if not (draft.wants_remote_host or reader):
        return
    why = f"{reader!r} mentions it" if reader else f"'{draft.wants_remote_host}' names it"
    if draft.wait:
        yield approximated(f"{why}, and xinetd set {REMOTE_HOST}: with wait = yes nothing tells the server who its "
                           "client is; it accepts the client, or reads its datagram, itself")  # fmt: skip
        return
    variable = f"{REMOTE_HOST}={{TCPREMOTEIP}}"
    draft.gate.append(("--client-env", variable))
    draft.needs_gate = True
    became = f"--client-env {variable}"
    if draft.address.count(".") == 3 or ("IPV4" in draft.flags and "IPV6" not in draft.flags):
        yield translated(became, text=why)
    else:
        yield approximated(f"{why}; an IPv4 client is 192.0.2.1 there, and was ::ffff:192.0.2.1", became)


def supplementary_groups(draft: Draft, candidate: Candidate) -> Iterator[Answer]:
    """groups = no, xinetd's default. systemd adds the user's groups to every User=."""
    if draft.all_groups:
        yield from primary_group(draft, candidate)
    if draft.all_groups or not draft.uid:
        return
    word = candidate.values["user"].word
    if word.isdigit():  # User= does not take a number without an account
        draft.clear_groups = True
        yield translated(f"setpriv --reuid={draft.user} --regid={draft.group} --clear-groups")
        return
    account = draft.host.user(word)
    further = draft.host.further_groups(account) if account else []
    if account and further:
        draft.clear_groups = True
        draft.group = draft.group or str(account.pw_gid)
        yield translated(
            f"setpriv --reuid={draft.user} --regid={draft.group} --clear-groups",
            text=f"groups = no: without the user's further groups ({' '.join(further)}), which User= would add",
        )


def primary_group(draft: Draft, candidate: Candidate) -> Iterator[Answer]:
    """groups = yes gives the server the user's primary group as well, where `group` is another one."""
    account = draft.host.account(candidate.values["user"].word) if "user" in candidate.values else None
    if account and draft.group and draft.host.group_id(draft.group) not in (None, account.pw_gid):
        became = draft.set("SupplementaryGroups", Words((str(account.pw_gid),)))
        yield translated(became, text="groups = yes: the user's primary group as well")


def waiting_access(draft: Draft, candidate: Candidate) -> Iterator[Answer]:
    """Access rules for a TCP server with wait = yes. Such a server accepts itself, so no gate sees its clients."""
    if not (draft.wait and draft.socket_type == "stream" and draft.access):
        return
    options = " ".join(option for option, _ in draft.access)
    yield blocked(
        f"{options}: a TCP server with wait = yes accepts its clients itself, so nothing can check them; xinetd "
        "2.3.15.3 refused every client for this, 2.3.15.4 let every client in. Use wait = no if the server can, or the "
        "server's own access rules"
    )


def addresses(draft: Draft, candidate: Candidate) -> Iterator[Answer]:
    """An address of another family than the flags. xinetd makes a socket address of it with random content."""
    family = "IPv6" if "IPV6" in draft.flags else "IPv4" if "IPV4" in draft.flags else ""
    if draft.address and family and (":" in draft.address) != (family == "IPv6"):
        yield blocked(f"flags = {family} do not go with the address {draft.address}: xinetd listened on all addresses "
                      f"instead, or on none; remove one of them")  # fmt: skip


def unprivileged(draft: Draft, candidate: Candidate) -> Iterator[Answer]:
    """A redirection by root: systemd has the port, and to connect needs no privileges."""
    if not draft.redirect or draft.uid != 0:
        return
    files = [value for _, value in (*draft.access, *draft.gate) if value and value.startswith("/")]
    secret = next(filter(is_secret, files), "")
    if secret:
        yield translated(text=f"it stays root: {secret!r} is not for every user to read")
        return
    yield translated(draft.set("DynamicUser", "yes"), text="xinetd redirected as root, and nothing here needs root")


STEPS: tuple[Callable[[Draft, Candidate], Iterator[Answer]], ...] = (
    socket_kind, required, traffic, log, port, builtin, name_in_arguments, tcp_wrappers, chained, executable,
    remote_host, supplementary_groups, waiting_access, addresses, unprivileged,
)  # fmt: skip
