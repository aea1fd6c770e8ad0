"""tcpsvd and udpsvd of ipsvd, and those of busybox: their own options, and the variables of their servers."""

import os
from functools import partial

from ...core.numbers import natural
from ..outcomes import Answer, approximated, blocked, ignored, translated
from .instructions import convert
from .options import TCPSVD, Handlers, Listener, says, silent, told_by_resident


def instructions(option: str, listener: Listener, value: str) -> Answer | None:
    path = value if value.startswith("/") else os.path.normpath(f"{listener.folder}/{value}")
    if listener.instructions:
        return blocked("tcpsvd takes -i or -x once")
    listener.instructions = option, path
    return None


def timeout(listener: Listener, value: str) -> Answer:
    """-t: tcpsvd removes a file of -i that no client has matched for so long."""
    seconds = natural(value)
    if seconds is None:
        return blocked(f"{value!r} is no number")
    listener.forgets = seconds > 0
    return translated(text="no time") if not listener.forgets else translated(text="for -i alone")


def without_variables(listener: Listener, _: str) -> Answer:
    listener.tells = False
    return approximated("-E sets no variables for the server; the gate sets TCPREMOTEIP and the like")


def paranoid(listener: Listener, _: str) -> None:
    listener.lookup = listener.paranoid = True


HANDLERS: Handlers = {
    "i": partial(instructions, "i"), "x": partial(instructions, "x"), "t": timeout, "p": paranoid,
    "E": without_variables,
}  # fmt: skip
UDPSVD: Handlers = {
    **{letter: handler for letter, handler in (TCPSVD | HANDLERS).items() if letter in "uixtvhp"},
    "l": says("no server is told"),
}  # fmt: skip


def finish(listener: Listener) -> list[tuple[str, Answer]]:
    """-i and -x, once -h and -C are known."""
    answers: list[tuple[str, Answer]] = []
    if listener.instructions:
        option, path = listener.instructions
        if listener.forgets and option == "i":
            answers.append(
                ("-t", blocked("it removes files of the folder that no client matches, and nothing else does"))
            )
        counts = listener.per_source is not None
        listener.rules_text = convert(option, path, names=listener.lookup, counts=counts, answers=answers)
    if listener.program == "udpsvd" and listener.rules_text:
        text = "descriptor 1 of the server is the socket behind the gate; udpsvd made it the log"
        answers.append(("udpsvd", approximated(text)))
    if listener.per_source is not None and listener.tells:
        listener.per_source = min(listener.per_source, listener.concurrency or listener.per_source)
        answers.append(("TCPCONCURRENCY", told_by_resident("TCPCONCURRENCY")))
    return answers


def tell(listener: Listener) -> list[tuple[str, Answer]]:
    """TCPREMOTEADDR and TCPLOCALADDR, the names of busybox (networking/tcpudp.c)."""
    if not listener.tells:
        return []
    remote = "{TCPREMOTEIP}" if "C" in listener.given else "{TCPREMOTEIP}:{TCPREMOTEPORT}"
    texts = (f"TCPREMOTEADDR={remote}", "TCPLOCALADDR={TCPLOCALIP}:{TCPLOCALPORT}")
    became = [listener.chain.option("--client-env", text) for text in texts]
    text = "an IPv6 address has no brackets there; TCPORIGDSTADDR is not set"
    return [("TCPREMOTEADDR", approximated(text, *became))]


def finish_busybox(listener: Listener) -> list[tuple[str, Answer]]:
    return [*finish(listener), *tell(listener)]


def refuse_busybox_udpsvd(_: Listener) -> list[tuple[str, Answer]]:
    text = "udpsvd of busybox gives each sender a process whose socket is connected to it, and systemd has one for all"
    return [("udpsvd", blocked(text))]


def unheeded(_listener: Listener, _value: str) -> Answer:
    return ignored("busybox takes it and heeds it not")


BUSYBOX: Handlers = {"i": unheeded, "x": unheeded, "t": unheeded, "p": silent, "E": without_variables}
