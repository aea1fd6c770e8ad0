"""Files that a converted service needs beside its units."""

from dataclasses import dataclass

FOLDER = "/etc/sockgate"


@dataclass(frozen=True, slots=True)
class ExtraFile:
    """A file: where it must be, its text, and who may read it.

    Its first line says in a comment where it was converted from, so that another conversion may replace it.
    """

    path: str
    text: str
    mode: int = 0o644

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]
