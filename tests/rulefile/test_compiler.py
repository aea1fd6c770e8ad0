"""Compiling rules: the content of the cdb, the users that can read it, and that no reader ever sees half of one."""

import os
import re
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sockgate.access.tcprules_access import RulesAccess
from sockgate.atomic_write import located
from sockgate.core import ConfigError
from sockgate.rulefile.cdbwriter import CdbWriter
from sockgate.rulefile.compiler import compile_rules, status_of_compiled
from tests.access.damage import found_in, records_of, require
from tests.core.clients import client

SOURCE = '127.:allow,RELAYCLIENT=""\n10.2-3.:deny\n10.0.0.0/9:allow\n2001:db8::/32:deny\n:allow\n'
DATA = {
    b"127.": b"+RELAYCLIENT=\0L1\0",
    b"10.2.": b"D\0L2\0",
    b"10.3.": b"D\0L2\0",
    b"10.0.0.0/9": b"L3\0",
    b"2001:db8::/32": b"D\0L4\0",
    b"": b"L5\0",
}
ANOTHER = "it exists and is no compiled rules file (remove it first)"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "tcp.smtp"
    path.write_text(SOURCE)
    return path


def error_of(source: Path, target: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        compile_rules(str(source), str(target))
    return str(caught.value)


def test_the_cdb_holds_what_tcprules_would_write_and_the_line(source: Path, tmp_path: Path) -> None:
    compiled = compile_rules(str(source), str(tmp_path / "cdb"))
    assert (compiled.rules, compiled.warning) == (5, None)
    about = {b"\0sockgate": b"1\0" + os.fsencode(source) + b"\0" + b"8,9,16,24\0" + b"32\0"}
    assert dict(records_of(tmp_path / "cdb")) == DATA | about


def test_tcprulescheck_reads_it(source: Path, tmp_path: Path) -> None:
    require("tcprulescheck")
    compile_rules(str(source), str(tmp_path / "cdb"))
    for ip, said in (
        ("127.0.0.1", "rule 127.:\nset environment variable RELAYCLIENT=\nallow connection\n"),
        ("10.3.0.1", "rule 10.3.:\ndeny connection\n"),
        ("8.8.8.8", "rule :\nallow connection\n"),
    ):
        command = ["tcprulescheck", str(tmp_path / "cdb")]
        assert subprocess.run(command, env={"TCPREMOTEIP": ip}, capture_output=True, text=True).stdout == said


def test_a_text_without_a_catch_all_rule_can_be_compiled(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("10.:deny\n")
    warning = compile_rules(str(tmp_path / "text"), str(tmp_path / "cdb")).warning
    assert str(warning).startswith(f"{tmp_path}/text:1: no catch-all rule")


def test_of_rules_with_one_key_only_the_first_is_written(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("10.0-2.:deny\n10.1.:allow\n:allow\n")
    compile_rules(str(tmp_path / "text"), str(tmp_path / "cdb"))
    assert [key for key, _ in records_of(tmp_path / "cdb")] == [b"10.0.", b"10.1.", b"10.2.", b"", b"\0sockgate"]
    assert found_in(tmp_path / "cdb", b"10.1.") == b"D\0L1\0"


def test_progress_is_reported_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("10.:deny\n" * 25000)
    steps: list[tuple[int, int]] = []
    compile_rules(str(tmp_path / "text"), str(tmp_path / "cdb"), lambda done, total: steps.append((done, total)))
    assert steps == [(10000, 25000), (20000, 25000)]


def test_an_error_leaves_the_old_cdb_and_nothing_else(source: Path, tmp_path: Path) -> None:
    compile_rules(str(source), str(tmp_path / "cdb"))
    before = (tmp_path / "cdb").read_bytes()
    source.write_text("10.:deny\n10:deny\n")
    hint = "(for the network write 10. or 10.0.0.0/8)"
    assert error_of(source, tmp_path / "cdb") == f"{source}:2: '10' is not an IP address {hint}"
    assert (tmp_path / "cdb").read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["cdb", "tcp.smtp"]


def test_errors_say_what_is_wrong(source: Path, tmp_path: Path) -> None:
    compile_rules(str(source), str(tmp_path / "cdb"))
    (tmp_path / "comments").write_text("# nothing\n")
    (tmp_path / "cut").write_text(":allow")
    (tmp_path / "folder").mkdir()
    for given_source, target, message in (
        ("missing", "x", "unable to read '{}/missing': No such file or directory"),
        ("comments", "x", "'{}/comments' holds no rules (without an entry every client would be let in)"),
        ("cut", "x", "{}/cut:1: the last line has no end (the file may have been cut short)"),
        ("cdb", "x", "'{}/cdb' is compiled already (the text comes first: rules compile FILE CDB)"),
        ("tcp.smtp", "comments", f"unable to write '{{}}/comments': {ANOTHER}"),
        ("tcp.smtp", "tcp.smtp", f"unable to write '{{}}/tcp.smtp': {ANOTHER}"),
        ("tcp.smtp", "folder", f"unable to write '{{}}/folder': {ANOTHER}"),
        ("tcp.smtp", "no/x", "unable to write '{}/no/x': No such file or directory"),
        ("tcp.smtp", "a\0b", "unable to write '{}/a\\x00b': embedded null byte"),
    ):  # fmt: skip
        assert error_of(tmp_path / given_source, tmp_path / target) == message.format(tmp_path)


def test_a_new_cdb_is_readable_by_users_that_can_read_the_text(source: Path, tmp_path: Path) -> None:
    source.chmod(0o640)
    compile_rules(str(source), str(tmp_path / "cdb"))
    assert stat.S_IMODE((tmp_path / "cdb").stat().st_mode) == 0o640


def test_a_cdb_is_no_program_also_if_the_text_is_one(source: Path, tmp_path: Path) -> None:
    source.chmod(0o6755)
    compile_rules(str(source), str(tmp_path / "cdb"))
    assert stat.S_IMODE((tmp_path / "cdb").stat().st_mode) == 0o644


def test_mode_and_owner_of_an_old_cdb_stay(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "cdb"
    compile_rules(str(source), str(target))
    target.chmod(0o604)
    owner = (12345, 23456) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(target, *owner)
    compile_rules(str(source), str(target))
    status = target.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o604, *owner)


def test_a_symbolic_link_stays_a_link(source: Path, tmp_path: Path) -> None:
    (tmp_path / "cdb").symlink_to("real.cdb")
    compile_rules(str(source), str(tmp_path / "cdb"))
    assert (tmp_path / "cdb").is_symlink()
    assert (tmp_path / "real.cdb").stat().st_size > 2048


def test_a_reader_sees_the_old_rules_or_the_new_ones_while_they_are_swapped_1000_times(in_memory: Path) -> None:
    good, other, target = in_memory / "good", in_memory / "other", in_memory / "cdb"
    good.write_text("10.:deny\n:deny\n")
    other.write_text('127.:allow,RELAYCLIENT=""\n10.0-20.:deny\n:deny\n')
    compile_rules(str(good), str(target))
    done = threading.Event()

    def swap() -> None:
        for number in range(1000):
            compile_rules(str(good if number % 2 else other), str(target))
        done.set()

    writer = threading.Thread(target=swap)
    writer.start()
    decisions = 0
    while not done.is_set():
        assert RulesAccess(str(target)).decide(client("10.1.2.3")).outcome == "deny"
        decisions += 1
    writer.join()
    assert decisions > 100


def test_the_new_cdb_is_on_the_disk_before_it_takes_the_place_of_the_old(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, rename = os.fsync, os.rename

    def synced(descriptor: int) -> None:
        steps.append("sync " + os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    def renamed(old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        steps.append("rename")
        rename(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    compile_rules(str(source), str(tmp_path / "cdb"))
    assert [re.sub("[0-9a-f]{16}", "N", step) for step in steps] == [
        "sync .sockgate-N.tmp", "rename", f"sync {tmp_path.name}",
    ]  # fmt: skip


records = st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=8)), max_size=30)
# Words of a command line, which have no NUL.
keys = st.binary(max_size=8).map(lambda key: key.replace(b"\0", b""))


@given(records, keys, st.binary(max_size=8))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_writer_writes_what_tinycdb_reads(
    in_memory: Path, pairs: list[tuple[bytes, bytes]], sought: bytes, value: bytes
) -> None:
    pairs.insert(len(pairs) // 2, (sought, value))
    with open(in_memory / "cdb", "wb") as file:
        writer = CdbWriter(file)
        for key, data in pairs:
            writer.add(key, data)
        writer.finish()
    assert records_of(in_memory / "cdb") == pairs
    for wanted in {key for key, _ in pairs[:10] if b"\0" not in key} | {sought}:
        assert found_in(in_memory / "cdb", wanted) == next(data for key, data in pairs if key == wanted)


def test_a_link_that_was_put_there_at_the_last_moment_is_not_read(source: Path, tmp_path: Path) -> None:
    compile_rules(str(source), str(tmp_path / "cdb"))
    (tmp_path / "link").symlink_to("cdb")
    with located(f"{tmp_path}/link") as place, pytest.raises(OSError, match="Too many levels of symbolic links"):
        status_of_compiled(place, "link")
