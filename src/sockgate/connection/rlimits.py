"""--rlimit NAME=VALUE: resource limits for the server, set just before exec.

They do not limit the gate itself. An old `softlimit -m 8000000`, set in the unit, would stop Python, which needs 16 MB
of address space to start. qmail-smtpd runs well with 8 MB.
"""

import resource

from ..core import Cause, SystemFailure, UsageError

NAMES = {
    name[len("RLIMIT_") :].lower(): number
    for name, number in vars(resource).items()
    if name.startswith("RLIMIT_") and name != "RLIMIT_OFILE"
}
MULTIPLES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
LARGEST = (1 << 63) - 1
KEPT = -2  # RLIM_INFINITY is -1


def parse_limits(words: list[str], _option: str = "--rlimit") -> list[tuple[int, int, int]]:
    """(resource number, soft, hard) for each `NAME=SOFT[:HARD]`; hard is KEPT for `NAME=SOFT:`. Raises UsageError.

    NAME is a name of setrlimit(2) without RLIMIT_, in upper or lower case. Sizes are in bytes or have K, M, G or T
    (1,024 each) behind them; cpu is in seconds; `infinity` means no limit. This is the syntax of systemd's Limit*=
    (systemd.exec(5)). `SOFT:` does what softlimit(8) does: the hard limit stays, and the soft limit is no higher.
    """
    limits = []
    for word in words:
        name, equals, value = word.partition("=")
        number = NAMES.get(name.lower().removeprefix("rlimit_"))
        if number is None or not equals:
            raise wrong(word, f"{word!r} is not NAME=VALUE", "NAME is one of: " + " ".join(sorted(NAMES)))
        soft, colon, hard = value.partition(":")
        if colon and not hard:
            limits.append((number, parse_size(soft, word), KEPT))
            continue
        limits.append((number, parse_size(soft, word), parse_size(hard if colon else soft, word)))
        if limits[-1][2] != resource.RLIM_INFINITY and (
            limits[-1][1] == resource.RLIM_INFINITY or limits[-1][1] > limits[-1][2]
        ):
            raise wrong(word, f"in {word!r} the soft limit is above the hard limit")
    return limits


def wrong(word: str, message: str, hint: str = "") -> UsageError:
    return UsageError(f"--rlimit: {message}", hint, Cause("--rlimit", word))


def parse_size(text: str, word: str) -> int:
    if text in ("infinity", "unlimited"):
        return resource.RLIM_INFINITY
    digits, factor = (text[:-1], MULTIPLES[text[-1]]) if text[-1:] in MULTIPLES else (text, 1)
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 18 or int(digits) * factor > LARGEST:
        raise wrong(word, f"{word!r} has no valid size", "write 8000000, 8M or infinity")
    return int(digits) * factor


def apply_limits(limits: list[tuple[int, int, int]]) -> None:
    """Set the limits of this process. Raises SystemFailure, for example if a hard limit would have to rise."""
    for number, soft, hard in limits:
        try:
            resource.setrlimit(number, limit_to_set(number, soft, hard))
        except (OSError, ValueError) as error:
            name = next(name for name, known in NAMES.items() if known == number)
            raise SystemFailure(f"unable to set --rlimit {name}: {error}") from None


def limit_to_set(number: int, soft: int, hard: int) -> tuple[int, int]:
    """What setrlimit(2) gets for a limit, soft and hard."""
    if hard != KEPT:
        return soft, hard
    hard = resource.getrlimit(number)[1]
    return lower(soft, hard), hard


def lower(soft: int, hard: int) -> int:
    if hard == resource.RLIM_INFINITY:
        return soft
    return hard if soft == resource.RLIM_INFINITY else min(soft, hard)
