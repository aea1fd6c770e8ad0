"""What a run script reads from a file that only some users may read stays in such a file."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.convert.report_text import render_text
from sockgate.convert.result import Conversion
from sockgate.host.host import Host
from sockgate.units import envfile
from sockgate.units.writer import format_unit

HOST = Host(systemd=257, asks_services=False)
SECRET = "s3 cr$et \"x\" 'y' %n \\"  # noqa: S105
READS = {
    "cat": "X=$(cat secret)",
    "head": "X=`head -1 secret`",
    "less than": "X=$(cat < secret)",
    "sourced": ". ./settings",
    "sourced and copied": '. ./settings\nY="$X"; X=$Y',
    "in a function": "f() { X=$(cat secret); }; f",
    "in a loop": 'for X in "$(cat secret)"; do :; done',
    "as an argument": 'set -- a "$(cat secret)"; X=$2',
    "as all arguments": 'set -- "$(cat secret)"; X=$*',
    "as an argument of a function": 'f() { X=$2; }; f a "$(cat secret)"',
    "in a loop over arguments": 'set -- "$(cat secret)"; for X; do :; done',
    "in a loop over quoted arguments": 'set -- "$(cat secret)"; for X in "$@"; do :; done',
    "as a default": "X=${NONE:-$(cat secret)}",
    "of an envdir": "eval `env - PATH=$PATH envdir ./env awk 'BEGIN { for (i in ENVIRON) print \"export\", i }'`",
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user may enter: pytest's own is for its user alone."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # the folders above it are open as well
        Path(name).chmod(0o755)
        yield Path(name)


def convert(folder: Path, script: str, mode: int = 0o600) -> Conversion:
    quoted = SECRET.replace("'", "'\\''")
    (folder / "env").mkdir()
    (folder / "env" / "X").write_text("plain secret\n")
    (folder / "secret").write_text(f"{SECRET}\n")
    (folder / "settings").write_text(f"X='{quoted}'\n")
    for file in (folder / "secret", folder / "settings", folder / "env" / "X"):
        file.chmod(mode)
    (folder / "run").write_text(f"#!/bin/sh\n{script}\n")
    return programs.convert("tcpserver", [str(folder / "run")], HOST)


def written(conversion: Conversion) -> str:
    """What every user may read: the units, and the report."""
    return "\n".join(map(format_unit, conversion.units)) + render_text(conversion, "DIR") + str(conversion.as_json())


@pytest.mark.parametrize("reads", READS.values(), ids=READS)
def test_a_secret_of_the_environment_is_in_a_file_for_root_alone(reads: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, f"{reads}\nexport X\nexec tcpserver -RHl0 0 7 /bin/cat")
    (file,) = conversion.files
    name = conversion.services[0].name
    assert (file.path, file.mode) == (f"/etc/sockgate/{name}.env", 0o600)
    secret = "plain secret" if "envdir" in reads else SECRET
    assert [(name, value) for name, value, _ in envfile.parse(file.text)] == [("X", secret)]
    assert f"EnvironmentFile=/etc/sockgate/{name}.env\n" in written(conversion)
    for part in ("cr$et", "plain secret"):
        assert part not in written(conversion)
    (entry,) = (entry for entry in conversion.report.entries if entry.what == "export X")
    assert entry.became == ("EnvironmentFile=",)


@pytest.mark.parametrize("reads", READS.values(), ids=READS)
def test_a_secret_word_of_the_server_is_a_variable_of_that_file(reads: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, f'{reads}\nexec tcpserver -RHl0 0 7 /bin/cat -p "$X" "x$X" plain')
    assert "-- /bin/cat -p ${SOCKGATE_WORD_1} ${SOCKGATE_WORD_2} plain\n" in written(conversion)
    secret = "plain secret" if "envdir" in reads else SECRET
    variables = {name: value for name, value, _ in envfile.parse(conversion.files[0].text)}
    assert (variables["SOCKGATE_WORD_1"], variables["SOCKGATE_WORD_2"]) == (secret, f"x{secret}")
    assert "cr$et" not in written(conversion)


def test_a_variable_that_env_sets_is_kept_apart_and_handed_on(tmp_path: Path) -> None:
    line = 'X=$(cat secret)\nexec env - A=b X="$X" tcpserver -RHl0 0 7 /bin/cat'
    conversion = convert(tmp_path, line)
    assert "--pass-env X --env A=b -- /bin/cat\n" in written(conversion)
    assert "cr$et" not in written(conversion)


def test_what_each_user_may_read_stays_in_the_unit(folder: Path) -> None:
    conversion = convert(folder, "X=$(cat secret)\nexport X\nexec tcpserver -RHl0 0 7 /bin/cat", mode=0o644)
    assert conversion.files == ()
    assert "s3 cr$$et" in written(conversion)


@pytest.mark.parametrize("mode", [0o640, 0o600, 0o400, 0o660])
def test_each_mode_that_keeps_some_users_out_counts(mode: int, folder: Path) -> None:
    assert convert(folder, "X=$(cat secret)\nexport X\nexec tcpserver -RHl0 0 7 /bin/cat", mode).files


def test_a_folder_that_keeps_some_users_out_counts(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o700)
    assert convert(folder / "closed", "X=$(cat secret)\nexport X\nexec tcpserver -RHl0 0 7 /bin/cat", 0o644).files


def test_a_secret_that_is_an_option_is_told(tmp_path: Path) -> None:
    conversion = convert(tmp_path, 'X=$(cat secret)\nexec tcpserver -RHl0 -B "$X" 0 7 /bin/cat')
    (entry,) = (entry for entry in conversion.report.entries if entry.what == "--banner-text")
    assert entry.text == "it is from a file that only some users may read, and each user may read it in the unit"
    assert "cr$et" not in render_text(conversion, "DIR")


@pytest.mark.parametrize(
    "question",
    ['[ "$X" = y ] && Z=1', '[ -n "$X" ]', 'case "$X" in y) Z=1;; esac', 'test "$X" != "" || exit 1', "exit-program $X",
     'exec 2>/dev/null; Z="$X"; [ a$Z = b ] && Y=1'],
)  # fmt: skip
def test_the_report_does_not_tell_it(question: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, f"X=$(cat secret)\n{question}\nexec tcpserver -RHl0 0 7 /bin/cat")
    assert "cr$et" not in render_text(conversion, "DIR") + str(conversion.as_json())


def test_a_secret_behind_stunnel_is_refused(tmp_path: Path) -> None:
    script = 'X=$(cat secret)\nexport CERTFILE=/c\nexec sslserver -RHl0 0 7 /bin/cat "$X"'
    conversion = convert(tmp_path, script)
    assert (conversion.units, conversion.files) == ((), ())
    assert "cr$et" not in render_text(conversion, "DIR")
