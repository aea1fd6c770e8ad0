"""`make fuzz-keep`: of what `make fuzz` found, the fewest inputs that reach every line go into the corpus in the tree.

libFuzzer's own merge starts its program anew, which is Python here. Lines instead of its edges keep the corpus small.
"""

import hashlib
import sys
from types import FrameType

from .run import CORPUS, FOUND
from .targets import TARGETS

Line = tuple[str, int]
LARGEST = 2000  # bytes; what is larger says it less clearly


def main() -> None:
    for name in sys.argv[1:] or TARGETS:
        seeds = sorted((CORPUS / name).iterdir())
        inputs = [path.read_bytes() for path in [*seeds, *sorted((FOUND / name).glob("*"))]]
        reached = {data: lines_of(name, data) for data in inputs if len(data) <= LARGEST}
        kept = [path.read_bytes() for path in seeds]
        missing = set().union(*reached.values()) - set().union(*(reached.get(data, set()) for data in kept))
        before = len(kept)
        while missing:
            best = max(reached, key=lambda data: (len(reached[data] & missing), -len(data)))
            missing -= reached[best]
            kept.append(best)
            (CORPUS / name / hashlib.sha256(best).hexdigest()[:12]).write_bytes(best)
        print(f"{name:18} {len(kept) - before} new, {len(kept)} altogether")


def lines_of(name: str, data: bytes) -> set[Line]:
    """The lines of sockgate that this input reaches."""
    lines: set[Line] = set()

    def trace(frame: FrameType, event: str, argument: object) -> object:
        if "/sockgate/" not in frame.f_code.co_filename:
            return None
        if event == "line":
            lines.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    sys.settrace(trace)  # type: ignore[arg-type]  # typeshed wants the tracer's own recursive type
    try:
        TARGETS[name](data)
    finally:
        sys.settrace(None)
    return lines


if __name__ == "__main__":
    main()
