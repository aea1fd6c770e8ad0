"""What a terminal shows and a pipe does not: the only user of rich, and content without it."""

import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rich.progress import Progress

SECONDS_UNTIL_SHOWN = 1.0


class ProgressBar:
    """A bar on a terminal's standard error, if the work takes longer than a second and rich is installed.

    `with ProgressBar("compiling") as show: show(done, total)`
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._start = time.monotonic()
        self._bar: Progress | None = None

    def __enter__(self) -> "ProgressBar":
        return self

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            if time.monotonic() - self._start < SECONDS_UNTIL_SHOWN or not sys.stderr.isatty():
                return
            self._bar = make_bar()
            if self._bar is None:
                return
            self._bar.add_task(self._label)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done, total=total)

    def __exit__(self, *failure: object) -> None:
        if self._bar is not None:
            self._bar.stop()


def make_bar() -> "Progress | None":
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:  # a bar is a comfort: Debian's package is python3-rich
        return None
    return Progress(console=Console(stderr=True), transient=True)
