"""Output for a terminal: colours, tables, progress bars. Only this module uses rich, and it works without rich."""

import re
import sys
import time
from collections.abc import Callable, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.progress import Progress

SECONDS_UNTIL_SHOWN = 1.0
NUMBER = re.compile(r"(\d[\d,.]*(/\d+)?( s)?|-)\Z")  # 1,024; 3/200; 0.5 s


class ProgressBar:
    """A progress bar on standard error, if that is a terminal, the work takes over a second, and rich is installed.

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
    except ImportError:  # rich is optional; Debian's package is python3-rich
        return None
    return Progress(console=Console(stderr=True), transient=True)


def terminal() -> "Console | None":
    """Standard output, if it is a terminal and rich is installed."""
    if not sys.stdout.isatty():
        return None
    try:
        from rich.console import Console
    except ImportError:
        return None
    return Console(highlight=False, soft_wrap=True)


def line_printer() -> Callable[[str, str], None]:
    """A function that prints a line in a style. The style counts only on a terminal with rich."""
    console = terminal()
    if console is None:
        return lambda line, _: print(line, flush=True)
    return lambda line, style: console.print(line, style=style or None, markup=False)


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table. Each column is as wide as it needs to be. The first row holds the headers."""
    console = terminal()
    if console is None:
        print("\n".join(plain_table(headers, rows)))
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for header, *cells in zip(headers, *rows, strict=True):
        table.add_column(header, justify="right" if are_numbers(cells) else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def plain_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    columns = list(zip(headers, *rows, strict=True))
    formats = [f"{'>' if are_numbers(column[1:]) else '<'}{max(map(len, column))}" for column in columns]
    return ["  ".join(format(cell, how) for cell, how in zip(row, formats, strict=True)).rstrip()
            for row in (headers, *rows)]  # fmt: skip


def are_numbers(cells: Sequence[str]) -> bool:
    """Whether a column holds numbers. Numbers are aligned at their last digits."""
    return any(cell != "-" for cell in cells) and all(NUMBER.match(cell) for cell in cells)


class Screen:
    """Shows one text after the other in the same place. Without a terminal, the texts follow each other.

    With rich it uses the terminal's second screen, so the old content comes back afterwards. Else it clears the screen.
    """

    def __init__(self) -> None:
        self._console = terminal()
        self._live: Live | None = None

    def __enter__(self) -> "Screen":
        if self._console:
            from rich.live import Live

            self._live = Live(console=self._console, screen=True, auto_refresh=False)
            self._live.start()
        return self

    def show(self, text: str) -> None:
        if self._live:
            from rich.text import Text

            self._live.update(Text(text, no_wrap=True), refresh=True)
        else:
            clear = "\x1b[H\x1b[2J" if sys.stdout.isatty() else ""
            print(clear + text, flush=True)

    def __exit__(self, *failure: object) -> None:
        if self._live:
            self._live.stop()


def counted(number: int, noun: str) -> str:
    """`1 session`, `2 processes`."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
