"""Files that a converted service needs in addition to its units."""

from dataclasses import dataclass

FOLDER = "/etc/sockgate"


@dataclass(frozen=True, slots=True)
class ExtraFile:
    """A file: its path, its text, and its access mode.

    A comment on the first line says from which place it was converted. So another conversion may replace it.
    """

    path: str
    text: str
    mode: int = 0o644

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]
