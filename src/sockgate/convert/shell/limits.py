"""ulimit and umask: what a script sets for what it starts."""

import re

from .runner import Call, Runner
from .syntax import Dialect

OK = 0
# ulimit's options: the name as --rlimit takes it, and the bytes of its unit (blocks of 512).
ULIMITS = {
    "c": ("core", 512), "d": ("data", 1024), "f": ("fsize", 512), "l": ("memlock", 1024), "m": ("rss", 1024),
    "n": ("nofile", 1), "p": ("nproc", 1), "r": ("rtprio", 1), "s": ("stack", 1024), "t": ("cpu", 1),
    "u": ("nproc", 1), "v": ("as", 1024),
}  # fmt: skip
BLOCKS_OF_BASH = frozenset("cf")  # in kilobytes there
ULIMIT = re.compile(r"-([SH]*)([cdflmnprstuv])?([SH]*)")


def ulimit(runner: Runner, call: Call) -> int | None:
    """ulimit [-SH] -X N: both limits, or the soft one with -S, or the hard one with -H."""
    *options, value = call.arguments or [""]
    matches = [ULIMIT.fullmatch(option) for option in options]
    letters = {letter for match in matches if match for letter in match[1] + match[3]}
    names = [match[2] for match in matches if match and match[2]] or ["f"]
    name, unit = ULIMITS[names[0]]
    if names[0] in BLOCKS_OF_BASH and runner.state.dialect is Dialect.BASH:
        unit = 1024
    size = ulimit_size(value, unit)
    if not all(matches) or len(names) > 1 or not size:
        runner.state.doubt(call.place, " ".join(call.words), "this limit is not known; set it with --rlimit")
        return None
    soft, hard = halves(runner.state.limits.get(name, ""))
    if letters != {"H"}:
        soft = size
    if letters != {"S"}:
        hard = size
    runner.state.limits[name] = soft if soft == hard else f"{soft}:{hard}"
    return OK


def halves(limit: str) -> tuple[str, str]:
    """SOFT:HARD, of which either may be missing; one value is for both."""
    soft, colon, hard = limit.partition(":")
    return soft, hard if colon else soft


def ulimit_size(value: str, unit: int) -> str:
    if value == "unlimited":
        return "infinity"
    return str(int(value) * unit) if re.fullmatch(r"\d{1,12}", value, re.ASCII) else ""


def umask(runner: Runner, call: Call) -> int | None:
    match call.arguments:
        case [value] if re.fullmatch(r"0*[0-7]{1,3}", value, re.ASCII):
            runner.state.umask = value.lstrip("0").zfill(4)
            return OK
    runner.state.doubt(call.place, " ".join(call.words), "this mask is not known; set it with UMask=")
    return None
