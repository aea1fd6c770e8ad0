"""Wait for several answers at the same time, in one thread.

A task is a generator. It yields what it waits for: a descriptor, the events of poll(2), and a time limit in seconds of
time.monotonic(). It is sent True if the event has happened, and False if its time limit is over. When the common
deadline comes, TooLate is raised in the task, and the task must end.
"""

import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from typing import TypeVar

    Result = TypeVar("Result")
    Wait = tuple[int, int, float]
    Task = Generator[Wait, bool, Result]

READ, WRITE = select.POLLIN, select.POLLOUT
FOREVER = float("inf")


class NotThere(Exception):
    """It is known that there is no answer, such as no name for an address."""


class Unable(Exception):
    """The answer could not be found out. The text says why."""


class TooLate(Unable):
    """The answer did not come before the deadline."""

    def __init__(self) -> None:
        super().__init__("no answer in time")


def run(tasks: "Iterable[Task[None]]", deadline: float) -> None:
    """Run all these tasks at the same time. If one raises an exception, the others end."""
    waiting: dict[int, tuple[Task[None], float]] = {}
    poll = select.poll()

    def go_on(task: "Task[None]", happened: bool | None) -> None:
        try:
            # A new generator takes only None.
            descriptor, events, until = task.send(happened)  # type: ignore[arg-type]
        except StopIteration:
            return
        waiting[descriptor] = task, until
        poll.register(descriptor, events)

    def take(descriptor: int) -> "Task[None]":
        poll.unregister(descriptor)
        return waiting.pop(descriptor)[0]

    try:
        for task in tasks:
            go_on(task, None)
        while waiting:
            now = time.monotonic()
            if now >= deadline:
                break
            next_due = min(deadline, *(until for _, until in waiting.values()))
            ready = [descriptor for descriptor, _ in poll.poll(max(0.0, next_due - now) * 1000 + 1)]
            late = [] if ready else [at for at, (_, until) in waiting.items() if until <= time.monotonic()]
            for descriptor in ready + late:
                go_on(take(descriptor), descriptor in ready)
        while waiting:
            give_up(take(next(iter(waiting))))
    finally:
        for task, _ in waiting.values():
            task.close()


def give_up(task: "Task[None]") -> None:
    try:
        task.throw(TooLate())
    except StopIteration:
        return
    task.close()  # it yielded again, but its result is no longer needed


def ask(task: "Task[Result]", deadline: float) -> "Result":
    """Run one task and return its result. Raises what the task raises."""
    answers: list[Result] = []

    def keep() -> "Task[None]":
        answers.append((yield from task))

    run([keep()], deadline)
    return answers[0]
