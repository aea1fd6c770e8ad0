"""The programs that a script can start servers with: how the command line of each is read. One row each."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..chain.peeling import Chain, flags_of
from ..input_files import UNKNOWN
from ..outcomes import Answer, approximated, blocked
from ..starters import S6, UCSPI, base_name
from . import ipsvd, ncat, s6, socat
from .options import SSLSERVER, TCPSERVER, TCPSVD, Handlers, Listener, Options, limit_of

Taken = tuple[Options, list[str]]


def nothing(_: Listener) -> list[tuple[str, Answer]]:
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How the command line of one program is read.

    letters       the options with a value and those without, if HOST PORT PROGRAM stand behind them
    parse         what takes other command lines apart
    handlers      what each option amounts to
    concurrency   how many clients it serves at a time, None for no limit
    names_itself  whether it looks up the machine's own name
    looks_up      whether it looks up names and asks ident without being told so
    restrictions  the options that refuse clients, and the letters that take each back
    finish        what follows from all options together
    """

    handlers: Handlers
    letters: tuple[str, str] = ("", "")
    parse: Callable[[list[str]], Taken] | None = None
    concurrency: int | None = None
    names_itself: bool = False
    looks_up: bool = False
    restrictions: Mapping[str, str] = field(default_factory=dict)
    finish: Callable[[Listener], list[tuple[str, Answer]]] = nothing

    def take_apart(self, words: list[str]) -> Taken:
        """The words behind the program: (options, [host, port, server...]). Raises BadLink."""
        return self.parse(words) if self.parse else flags_of(words, *self.letters)


def default_limit(listener: Listener) -> list[tuple[str, Answer]]:
    if "c" in listener.given:
        return []
    return [("without -c", limit_of(listener, f"{listener.concurrency} is its default"))]


# sslserver: those of ucspi-ssl 0.70 and of 0.80 to 0.95 together; no letter has two meanings in them.
FORMS: dict[str, Form] = {
    "tcpserver": Form(
        letters=("cxBbgultI", "qQvXU1oOdDhHpPrR46"), handlers=TCPSERVER, concurrency=40, looks_up=True,
        names_itself=True, restrictions={"x": "", "p": "PH"}, finish=default_limit,
    ),
    "sslserver": Form(
        letters=("cxBbgultTw", "qQvVXU1oOdDhHpPrR46seESnNzZmiIaA3"), handlers=SSLSERVER, concurrency=40,
        looks_up=True, names_itself=True, restrictions={"x": "", "p": "PH", "m": "Z", "z": "Z", "i": "I"},
        finish=default_limit,
    ),
    "tcpsvd": Form(
        letters=("cCbulixt", "vEhp"), handlers=TCPSVD | ipsvd.HANDLERS, concurrency=30, names_itself=True,
        restrictions={"x": "", "i": "", "p": ""},
        finish=lambda one: [*default_limit(one), *ipsvd.finish(one)],
    ),
    "udpsvd": Form(
        letters=("ulixt", "vhp"), handlers=ipsvd.UDPSVD,
        restrictions={"x": "", "i": "", "p": ""}, finish=ipsvd.finish,
    ),
    "socat": Form(
        parse=socat.take_apart, handlers=socat.HANDLERS, restrictions=socat.RESTRICTIONS, finish=socat.finish
    ),
    "ncat": Form(
        parse=ncat.take_apart, handlers=ncat.HANDLERS, concurrency=ncat.MOST_CLIENTS,
        restrictions=ncat.RESTRICTIONS, finish=ncat.finish,
    ),
    "busybox tcpsvd": Form(
        letters=("cCbulixt", "vEhp"), handlers=TCPSVD | ipsvd.BUSYBOX, concurrency=30,
        finish=lambda one: [*default_limit(one), *ipsvd.finish_busybox(one)],
    ),
    "busybox udpsvd": Form(letters=("cCbulixt", "vEhp"), handlers=TCPSVD | ipsvd.BUSYBOX,
        finish=ipsvd.refuse_busybox_udpsvd),
    **{
        name: Form(
            letters=s6.LETTERS[name], handlers=s6.handlers(name), concurrency=s6.MOST_CLIENTS, finish=s6.finish
        )
        for name in S6
    },
}  # fmt: skip


def form_of(words: list[str], *, is_busybox: bool = False) -> Form:
    """The row of the program that is the first of these words."""
    name = base_name(words[0])
    return FORMS[f"busybox {name}" if is_busybox and f"busybox {name}" in FORMS else name]


def is_busybox(chain: Chain, word: str) -> bool:
    """Whether this program is a name of busybox."""
    path = os.path.normpath(os.path.join(chain.folder, chain.host.program(word, chain.path)))
    return chain.is_busybox or base_name(os.path.realpath(path)) == "busybox"


def option(form: Form, listener: Listener, name: str, value: str) -> Answer | None:
    """One option; the last of several counts. None for what another part answers for."""
    if UNKNOWN in value:
        return approximated("the value cannot be known without running the script: the default is taken")
    handler = form.handlers.get(name)
    if handler is None:
        return blocked("what this does is not known here")
    return handler(listener, value)


def written(program: str, name: str, value: str) -> str:
    """An option as it stands on the command line."""
    if program == "socat":
        name = name.removeprefix("exec-").removeprefix("to-")
        return f"{name} {value}".rstrip() if name.startswith("-") else f"{name}={value}".rstrip("=")
    hyphens = "-" if len(name) == 1 or program in UCSPI else "--"
    return f"{hyphens}{name} {value}".rstrip()
