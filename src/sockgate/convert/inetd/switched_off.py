"""Lines of an inetd.conf that update-inetd has switched off, or that packages bring switched off."""

from collections.abc import Iterable, Iterator

from ..input_files import Place
from ..report import Report
from ..service import DATAGRAM, STREAM
from .services import texts_of

OFF = "#<off>#"  # update-inetd(8)
KINDS = {"stream": STREAM, "dgram": DATAGRAM}


def switched_off(paths: Iterable[str]) -> Iterator[tuple[Place, str, str]]:
    """The place of each, the name of its service, and the kind of its socket."""
    for file, text in (found for path in paths for found in texts_of(path, Report())):
        for number, line in enumerate(text.split("\n"), 1):
            words = line.removeprefix(OFF).split()
            if line.startswith(OFF) and len(words) > 1 and words[1] in KINDS:
                yield Place(file, number), words[0], KINDS[words[1]]
