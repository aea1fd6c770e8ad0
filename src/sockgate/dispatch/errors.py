"""Errors that are kept for longer than the moment in which they were raised."""

from ..core import GateError


def without_trace(error: GateError) -> GateError:
    """The same error without the frames that it came through: they keep alive all that was being worked on."""
    return type(error)(error.message, error.hint, error.cause)
