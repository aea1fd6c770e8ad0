"""The options of this version of the gate. The converter writes no option that the gate would refuse."""

from ..core.options import GATE_OPTIONS

NAMES = frozenset(option.name for option in GATE_OPTIONS)


def offers(option: str) -> bool:
    return option in NAMES
