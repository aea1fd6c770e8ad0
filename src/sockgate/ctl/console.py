"""Output for a terminal: colours, tables, progress bars. Only this module uses rich, and it works without rich."""

import re
import sys
import time
from collections.abc import Callable, Sequence
from typing import TextIO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.progress import Progress

SECONDS_UNTIL_SHOWN = 1.0
# What a terminal obeys, or shows in another order than it stands: controls but line feed and tab, and directions.
CONTROLS = {*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)} - {ord("\n"), ord("\t")}
SHOWN = {code: chr(code).encode("unicode_escape").decode() for code in CONTROLS}  # such as \x1b and \u202e
NUMBER = re.compile(r"(\d[\d,.]*(/\d+)?( s)?|-)\Z")  # 1,024; 3/200; 0.5 s


class Terminal:
    """A terminal that gets no control characters: rules, units and old configurations can belong to other users."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        self.stream.write(text.translate(SHOWN))
        return len(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self.stream, name)


def protect_terminal() -> None:
    """From now on, what is printed on a terminal has no control characters."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and stream.isatty():
            setattr(sys, name, Terminal(stream))


def unprotected(stream: TextIO | Terminal) -> TextIO:
    """The same stream, for our own control characters."""
    return stream.stream if isinstance(stream, Terminal) else stream


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
    return Progress(console=Console(file=unprotected(sys.stderr)), transient=True)


def terminal() -> "Console | None":
    """Standard output, if it is a terminal and rich is installed."""
    if not sys.stdout.isatty():
        return None
    try:
        from rich.console import Console
    except ImportError:
        return None
    return Console(highlight=False, soft_wrap=True, file=unprotected(sys.stdout))


def line_printer() -> Callable[[str, str], None]:
    """A function that prints a line in a style. The style counts only on a terminal with rich."""
    console = terminal()
    if console is None:
        return lambda line, _: print(line, flush=True)
    return lambda line, style: console.print(line.translate(SHOWN), style=style or None, markup=False)


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
        table.add_row(*(Text(cell.translate(SHOWN)) for cell in row))
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

            self._live.update(Text(text.translate(SHOWN), no_wrap=True), refresh=True)
        else:
            if sys.stdout.isatty():
                unprotected(sys.stdout).write("\x1b[H\x1b[2J")
            print(text, flush=True)

    def __exit__(self, *failure: object) -> None:
        if self._live:
            self._live.stop()


def counted(number: int, noun: str) -> str:
    """`1 session`, `2 processes`."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
