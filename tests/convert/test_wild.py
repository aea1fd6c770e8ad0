"""What `make corpus` makes of a folder, and that no file from the wild stands in this tree."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.convert import wild

TREE = Path(__file__).parents[2]
WILD = Path(os.environ.get("SOCKGATE_CORPUS", TREE.parent / "shared/corpus"))
LONG = 24  # characters that a line must have to say where it comes from
MOST = 10  # lines of one file that may stand in a file from the wild by chance: inetd's own services are as many
XINETD = """service probe
{
	type = UNLISTED
	port = 7
	wait = no
	socket_type = stream
	user = root
	server = /bin/cat
}
"""


def lines_of(path: Path) -> set[bytes]:
    lines = (re.sub(rb"\s+", b" ", line).strip() for line in path.read_bytes().split(b"\n"))
    return {line for line in lines if len(line) >= LONG}


def files_in_the_tree() -> Iterator[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", "tests", "src"], cwd=TREE, capture_output=True, check=True)
    for name in listed.stdout.decode().split("\0"):
        path = TREE / name
        if name and path.is_file():
            yield path


def test_no_file_in_the_tree_is_a_copy_of_a_file_from_the_wild() -> None:
    copied = {path.read_bytes() for path in wild.files_of(WILD)} - {b""}
    known = set().union(*(lines_of(path) for path in wild.files_of(WILD)))
    for path in files_in_the_tree():
        assert path.read_bytes() not in copied, path
        assert len(lines_of(path) & known) <= MOST, f"{path} has these lines from elsewhere: {lines_of(path) & known}"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("# by hand\nservice probe\n{\n}\n", "xinetd"),
        ("defaults {\n}\n", "xinetd"),
        ("includedir /etc/xinetd.d\n", "xinetd"),
        ("ADDRESS=0\nPORT=110\n", "courier"),
        ("SSLPORT=993\n", "courier"),
        ("#!/bin/sh\nexec something\n", "tcpserver"),
        ("exec tcpserver 0 25 /bin/cat\n", "tcpserver"),
        ("# relays\n10.:allow,RELAYCLIENT=\"\"\n:deny\n", "tcprules"),
        ("time stream tcp nowait root internal\n", "inetd"),
    ],
)  # fmt: skip
def test_content_says_which_program_a_file_is_for(text: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / "some").write_text(text)
    assert wild.kind_of(tmp_path / "some", tmp_path) == kind


def test_each_file_is_counted_by_what_became_of_it(tmp_path: Path) -> None:
    for name, text in {
        "xinetd/probe": XINETD,
        "xinetd/off": XINETD.replace("}", "\tdisable = yes\n}"),
        "xinetd/rpc": XINETD.replace("UNLISTED", "RPC"),
        "tcprules/rules": "10.:allow\n:deny\n",
        "tcprules/torn": "10.:allow\nno colon here\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    outcomes = {str(path.relative_to(tmp_path)): wild.try_file(path, wild.kind_of(path, tmp_path))
                for path in wild.files_of(tmp_path)}  # fmt: skip
    assert {name: (outcome.ending, outcome.faults) for name, outcome in outcomes.items()} == {
        "xinetd/probe": ("converted", []),
        "xinetd/off": ("nothing", []),
        "xinetd/rpc": ("refused", []),
        "tcprules/rules": ("converted", []),
        "tcprules/torn": ("refused", []),
    }
    assert outcomes["xinetd/probe"].counts["units"] == 3
    assert outcomes["tcprules/rules"].counts["rules"] == 2


def test_a_traceback_and_an_error_about_no_file_are_faults(tmp_path: Path) -> None:
    outcome = wild.Outcome(tmp_path / "some", "xinetd")
    for error, status in (("Traceback (most recent call last):\nKeyError: 'x'\n", 1), ("it is all wrong\n", 111)):
        wild.judge_error(outcome, subprocess.CompletedProcess([], status, "", error))
    assert [fault.partition(":")[0] for fault in outcome.faults] == [
        "exit status 1",
        "an error without the name of the file",
    ]
