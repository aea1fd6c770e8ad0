"""`make corpus CORPUS=DIR`: what becomes of every file in a folder of real configurations.

Each file is converted, or refused with its name and the line. A traceback, an entry of the report without a place or a
word of `systemd-analyze verify` about the units is a fault, and the exit status is then 1.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

TREE = Path(__file__).parents[2]
BIN = TREE / "build/bin"
RULES = "tcprules"
PROGRAMS = {"xinetd": "xinetd", "inetd": "inetd", "tcpserver": "tcpserver", "courier": "couriertcpd", RULES: RULES}
LONGEST = 60  # seconds for one file
# The first that is found in a file says which program the file is for.
SIGNS = (
    ("xinetd", re.compile(r"^\s*(service\s+\S+|defaults)\s*\{?\s*$|^\s*includedir\s", re.MULTILINE)),
    ("courier", re.compile(r"^(SSL|ESMTPD?|IMAP|POP3)?(MAXDAEMONS|TCPDOPTS|PIDFILE|ADDRESS|PORT)=", re.MULTILINE)),
    ("tcpserver", re.compile(r"^#!|\b(tcpserver|sslserver|tcpsvd|udpsvd|socat|ncat)\b|\bs6-tcpserver")),
    (RULES, re.compile(r"^[^#:\s]*:(allow|deny)", re.MULTILINE)),
    ("inetd", re.compile("")),
)


@dataclass(slots=True)
class Outcome:
    """What became of one file.

    ending   converted, refused, or nothing if the file starts no service
    counts   services, units, and the report's entries by their outcome
    faults   what must not be, one line each
    """

    path: Path
    kind: str
    ending: str = "refused"
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def kind_of(path: Path, corpus: Path) -> str:
    """The folder says it, as in `xinetd/some-file`; else the content does."""
    first = path.relative_to(corpus).parts[0]
    if first in PROGRAMS:
        return first
    text = path.read_text(errors="replace")
    return next(kind for kind, sign in SIGNS if sign.search(text))


def sockgatectl(*words: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"PATH": f"{BIN}:{os.environ.get('PATH', '')}", "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        [str(BIN / "sockgatectl"), *words], env=environment, capture_output=True, text=True, errors="replace",
        timeout=LONGEST, check=False,
    )  # fmt: skip


def try_file(path: Path, kind: str) -> Outcome:
    outcome = Outcome(path, kind)
    if kind == RULES:
        try_rules(outcome)
        return outcome
    with tempfile.TemporaryDirectory(prefix="sockgate-corpus-") as folder:
        done = sockgatectl("convert", PROGRAMS[kind], str(path), "--output", folder, "--json")
        judge_error(outcome, done)
        if done.stdout:
            judge_report(outcome, json.loads(done.stdout))
        verify(outcome, Path(folder))
    return outcome


def try_rules(outcome: Outcome) -> None:
    done = sockgatectl("rules", "show", str(outcome.path))
    judge_error(outcome, done)
    if done.returncode == 0:
        outcome.ending = "converted"
        outcome.counts["rules"] = len(done.stdout.splitlines())


def judge_error(outcome: Outcome, done: "subprocess.CompletedProcess[str]") -> None:
    """One line that names the file is a refusal. All else on standard error is a fault."""
    lines = done.stderr.splitlines()
    if "Traceback" in done.stderr or done.returncode not in (0, 1, 2, 100, 111):
        outcome.faults.append(f"exit status {done.returncode}: {lines[-1:] or 'nothing said'}")
    elif any(str(outcome.path) not in line for line in lines):
        outcome.faults.append(f"an error without the name of the file: {lines}")


def judge_report(outcome: Outcome, report: dict[str, list[dict[str, object]]]) -> None:
    entries = report["report"]
    outcome.counts.update(str(entry["outcome"]) for entry in entries)
    outcome.counts["services"] = len(report["services"])
    outcome.counts["units"] = len(report["units"])
    outcome.faults += [f"an entry without a place: {entry}" for entry in entries if not entry["file"]]
    lost = [entry for entry in entries if entry["outcome"] != "translated"]
    outcome.faults += [f"an entry without a reason: {entry}" for entry in lost if not entry["text"]]
    if report["services"]:
        outcome.ending = "converted"
    elif not lost:
        outcome.ending = "nothing"


def verify(outcome: Outcome, folder: Path) -> None:
    units = sorted(str(path) for path in folder.iterdir() if path.suffix in (".socket", ".service"))
    if units and shutil.which("systemd-analyze"):
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, timeout=LONGEST,
            check=False,
        )  # fmt: skip
        said = (done.stdout + done.stderr).strip()
        outcome.faults += [f"systemd-analyze verify: {line}" for line in said.splitlines()]
        outcome.counts["verified"] = len(units)


def files_of(corpus: Path) -> Iterator[Path]:
    for path in sorted(corpus.rglob("*")):
        if path.is_file() and path.name != "ORIGINS.tsv" and not path.name.startswith("."):
            yield path


def table(outcomes: list[Outcome]) -> Iterator[str]:
    """One line for each kind of file, and one for all of them."""
    columns = ("files", "converted", "refused", "nothing", "services", "units", "verified", "rules", "translated",
               "approximated", "ignored", "lost")  # fmt: skip
    yield " ".join([f"{'':10}", *(f"{column:>12}" for column in columns)])
    for kind in (*PROGRAMS, ""):
        chosen = [outcome for outcome in outcomes if kind in ("", outcome.kind)]
        counts: Counter[str] = Counter()
        for outcome in chosen:
            found = dict(outcome.counts)
            counts.update(found | {"lost": found.pop("refused", 0), "files": 1, outcome.ending: 1})
        yield " ".join([f"{kind or 'all':10}", *(f"{counts[column]:12}" for column in columns)])


def main() -> int:
    parser = argparse.ArgumentParser(description="Try the converter on every file of a folder.")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--each", action="store_true", help="say what became of each file")
    arguments = parser.parse_args()
    corpus = arguments.corpus.resolve()
    paths = list(files_of(corpus))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(lambda path: try_file(path, kind_of(path, corpus)), paths))
    for outcome in outcomes:
        if arguments.each:
            print(f"{outcome.ending:10} {outcome.path.relative_to(corpus)}")
        for fault in outcome.faults:
            print(f"FAULT {outcome.path.relative_to(corpus)}: {fault}")
    print(*table(outcomes), sep="\n")
    faults = sum(bool(outcome.faults) for outcome in outcomes)
    print(f"{len(outcomes)} files, {faults} with a fault")
    return 1 if faults or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
