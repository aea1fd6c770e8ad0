"""Signals that the accept loop takes from a pipe."""

import signal
from collections.abc import Iterator

import pytest

from sockgate.dispatch.signals import Signals, let_go_of_pipe


@pytest.fixture
def signals() -> Iterator[Signals]:
    before = signal.getsignal(signal.SIGCHLD)
    yield Signals(())
    let_go_of_pipe()
    signal.signal(signal.SIGCHLD, before)


def send() -> None:
    """To this thread: another thread of the process might take a signal that this one blocks."""
    signal.raise_signal(signal.SIGCHLD)


def test_a_signal_comes_by_the_pipe_while_it_is_collected(signals: Signals) -> None:
    send()
    assert signals.read() == set()
    signals.collect(signal.SIGCHLD)
    send()
    assert signals.read() == {signal.SIGCHLD}
    signals.stop_collecting(signal.SIGCHLD)
    send()
    assert signals.read() == set()


def test_a_signal_that_comes_while_its_action_changes_waits_until_that_is_done(
    signals: Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CPython would note it, find no handler for it, and write a traceback to standard error."""
    change, waited = signal.signal, []

    def change_late(number: int, action: object) -> object:
        send()
        waited.append(signal.SIGCHLD in signal.sigpending())
        return change(number, action)  # type: ignore[arg-type]

    monkeypatch.setattr(signal, "signal", change_late)
    signals.collect(signal.SIGCHLD)
    assert signals.read() == {signal.SIGCHLD}
    signals.stop_collecting(signal.SIGCHLD)
    assert signals.read() == set()
    assert waited == [True, True]
    assert signal.SIGCHLD not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
