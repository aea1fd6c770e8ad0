"""Nice= of nice(1) and of the programs with an option for it."""

import re

from ..outcomes import Answer, blocked, translated
from .peeling import Chain


def niceness(chain: Chain, number: str) -> Answer:
    if not re.fullmatch(r"-?\d{1,2}", number, re.ASCII):
        return blocked(f"{number!r} is no niceness")
    value = max(-20, min(19, int(number)))
    return translated(chain.directives.replace("Nice", str(value)))
