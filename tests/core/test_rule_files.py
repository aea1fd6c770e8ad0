"""Stores: opening files safely, and cdb files whole and damaged."""

import os
import subprocess
from pathlib import Path

import pytest

from sockgate.access.keys import evaluate
from sockgate.core import ALLOW, NO_MATCH, Cause, ConfigError, Verdict
from sockgate.core.cdb import Cdb
from sockgate.core.rule_files import open_file, read_file, text_lines
from tests.access.damage import cdb_of, random_bytes, require

RECORDS = {b"one": b"1", b"": b"nothing", b"three": b"", b"a\0b": b"\0\n\xff"}


class Answers:
    """A store with one key."""

    name = "answers"

    def find(self, key: str) -> Verdict | None:
        return Verdict(ALLOW, Cause("answers:1")) if key == "b" else None


def open_cdb(path: Path) -> Cdb:
    return Cdb(*open_file(str(path)), str(path))


def error_of(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read_file(str(path))
    return str(caught.value)


def test_the_first_key_that_the_store_knows_decides() -> None:
    assert str(evaluate(["a", "b", ""], Answers()).cause) == "answers:1"
    assert evaluate(["a", ""], Answers()).outcome == NO_MATCH


def test_the_keys_before_it_were_considered() -> None:
    considered: list[str] = []
    evaluate(["a", "b", ""], Answers(), considered)
    evaluate([""], Answers(), considered)
    assert considered == ["answers: no rule for 'a'", "answers: no catch-all rule"]


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\xff\0\n")
    assert read_file(str(tmp_path / "f")) == b"\xff\0\n"


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo", Path("/dev/zero")):
        assert error_of(path) == f"unable to read {str(path)!r}: not a regular file"
    assert error_of(tmp_path / "missing") == f"unable to read '{tmp_path}/missing': No such file or directory"
    assert error_of(tmp_path / "fifo" / "x") == f"unable to read '{tmp_path}/fifo/x': Not a directory"
    with pytest.raises(ConfigError, match=r"^unable to read 'a\\x00b': embedded null byte$"):
        read_file("a\0b")


def test_a_file_that_has_another_size_than_it_said_is_refused() -> None:
    assert error_of(Path("/proc/version")) == (
        "'/proc/version' changed while it was read (replace it as a whole: write another file beside it, then mv)"
    )


def test_a_text_of_100_megabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(100 << 20)
    assert error_of(large) == (f"unable to read {str(large)!r}: 104857600 bytes, more than 1048576 of text")


def test_a_text_that_is_not_whole_is_refused() -> None:
    for data, message in (
        (b"", "'f' is empty (without an entry every client would be let in)"),
        (b" \n\n", "'f' is empty (without an entry every client would be let in)"),
        (b"a\0b\n", "'f' is neither text nor a complete cdb: it holds a NUL byte"),
        (b"one\ntwo", "f:2: the last line has no end (the file may have been cut short)"),
    ):
        with pytest.raises(ConfigError) as caught:
            text_lines(data, "f")
        assert str(caught.value) == message


def test_every_byte_of_a_line_is_one_character() -> None:
    assert text_lines(b"a\n\xe4\xff\r\n", "f") == ["a", "\xe4\xff\r"]


def test_a_cdb_answers_every_key_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "cdb").write_bytes(cdb_of(RECORDS))
    cdb = open_cdb(tmp_path / "cdb")
    assert {key: cdb.get(key) for key in RECORDS} == RECORDS
    assert [cdb.get(key) for key in (b"on", b"two", b"a", b"\0")] == [None] * 4
    assert not cdb.is_empty
    cdb.require_unchanged()


def test_the_first_of_two_records_with_one_key_is_found(tmp_path: Path) -> None:
    require("cdb")
    text = b"+1,1:a->1\n+1,1:a->2\n\n"
    subprocess.run(["cdb", "-c", str(tmp_path / "cdb")], input=text, check=True)
    assert open_cdb(tmp_path / "cdb").get(b"a") == b"1"


def test_a_cdb_that_is_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cdb"
    whole = path.write_bytes(cdb_of(RECORDS))
    for length in reversed(range(whole)):
        os.truncate(path, length)
        with pytest.raises(ConfigError, match=r"is not a complete cdb: (it ends too early|its size is not what)"):
            open_cdb(path)


def test_a_cdb_with_something_behind_it_or_without_a_header_is_refused(tmp_path: Path) -> None:
    whole = cdb_of(RECORDS)
    for data in (whole + b"\0", bytes(len(whole)), bytes(2048), bytes(2048) + whole[2048:]):
        (tmp_path / "cdb").write_bytes(data)
        with pytest.raises(ConfigError, match="is not a complete cdb: its size is not what its header says"):
            open_cdb(tmp_path / "cdb")


def test_a_damaged_record_is_an_error_or_another_record_and_never_a_crash(tmp_path: Path) -> None:
    whole = cdb_of(RECORDS)
    path = tmp_path / "cdb"
    messages = set()
    for at in range(2048, len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        for key in RECORDS:
            try:
                open_cdb(path).get(key)
            except ConfigError as error:
                messages.add(str(error).removeprefix(repr(str(path))))
    assert messages == {" is not a complete cdb: a record lies outside (compile it anew)"}


def test_random_bytes_are_no_cdb(tmp_path: Path) -> None:
    for seed in range(200):
        (tmp_path / "cdb").write_bytes(random_bytes(seed, 3000))
        with pytest.raises(ConfigError, match="is not a complete cdb"):
            open_cdb(tmp_path / "cdb")


def test_a_cdb_that_is_overwritten_while_it_is_in_use_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "cdb"
    path.write_bytes(cdb_of(RECORDS))
    cdb = open_cdb(path)
    path.write_bytes(b"")
    with pytest.raises(ConfigError, match="it ends too early"):
        cdb.get(b"one")
    path.write_bytes(cdb_of({b"one": b"2"}))
    with pytest.raises(ConfigError) as caught:
        cdb.require_unchanged()
    assert str(caught.value) == (
        f"{str(path)!r} changed while it was in use (replace it as a whole: write another file beside it, then mv)"
    )


def test_a_cdb_that_was_replaced_stays_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "cdb"
    path.write_bytes(cdb_of(RECORDS))
    cdb = open_cdb(path)
    (tmp_path / "new").write_bytes(cdb_of({b"one": b"2"}))
    (tmp_path / "new").rename(path)
    assert cdb.get(b"one") == b"1"
    cdb.require_unchanged()


def test_a_store_that_is_dropped_closes_its_file(tmp_path: Path) -> None:
    (tmp_path / "cdb").write_bytes(cdb_of(RECORDS))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        open_cdb(tmp_path / "cdb").get(b"one")
    assert len(os.listdir("/proc/self/fd")) == before
