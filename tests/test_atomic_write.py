"""The writer of files: whole or not at all, and no file elsewhere changes, also if other users interfere."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sockgate.atomic_write import FileAccess, link_once, located, replacement, write_atomically
from sockgate.core import ConfigError
from tests.connection.launch import SOURCE
from tests.owner_of_folder import SECRET, SECRET_MODE, WRITERS


def test_a_file_is_replaced_as_a_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "folder/file"
    for text, mode in (("one\n", 0o600), ("two\n", 0o644)):
        write_atomically(str(path), text, FileAccess(mode))
        assert (path.read_text(), path.stat().st_mode & 0o777) == (text, mode)
    assert list(path.parent.iterdir()) == [path]


def test_a_group_or_an_owner_can_be_given_alone(tmp_path: Path) -> None:
    path, other = tmp_path / "file", 12345 if os.geteuid() == 0 else -1
    for access, owner in (
        (FileAccess(0o640, gid=other), (-1, other)),
        (FileAccess(0o640, uid=other), (other, -1)),
        (FileAccess(0o640), (-1, -1)),
    ):
        write_atomically(str(path), "text", access)
        expected = tuple(
            own if given < 0 else given for given, own in zip(owner, (os.geteuid(), os.getegid()), strict=True)
        )
        assert (path.stat().st_uid, path.stat().st_gid) == expected


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(ConfigError) as caught:
        write_atomically(f"{tmp_path}/taken", "text")
    assert str(caught.value) == f"unable to write '{tmp_path}/taken': Is a directory"
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


NOBODY = 65534


def test_a_user_without_the_right_to_write_is_told_to_run_it_as_root() -> None:
    own = os.geteuid()
    if own == 0:
        os.seteuid(NOBODY)
    try:
        with pytest.raises(ConfigError) as caught:
            write_atomically("/etc/sockgate-test", "text")
    finally:
        os.seteuid(own)
    assert (caught.value.message, caught.value.hint) == (
        "unable to write '/etc/sockgate-test': Permission denied",
        "run it as root",
    )


@pytest.mark.parametrize("name", ["a\0b", "a/b\0/c", "a\ud800"])
def test_a_name_that_no_file_can_have_is_an_error(tmp_path: Path, name: str) -> None:
    path = f"{tmp_path}/{name}"
    for write in (write_atomically, link_once):
        with pytest.raises(ConfigError) as caught:
            write(*((path, "text") if write is write_atomically else ("target", path)))
        assert str(caught.value).startswith(f"unable to write {path!r}: ")
    assert not any(path.is_file() or path.is_symlink() for path in tmp_path.rglob("*"))


def test_a_text_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unable to write '.*/file': .*surrogates not allowed"):
        write_atomically(f"{tmp_path}/file", "\ud800")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", ["", "/", "/.", "/.."])
def test_a_folder_is_no_file_to_write(tmp_path: Path, end: str) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        write_atomically(f"{tmp_path}{end}", "text")


def test_a_link_is_replaced_and_what_it_points_to_stays(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("old")
    target.chmod(0o640)
    (tmp_path / "file").symlink_to(target)
    write_atomically(f"{tmp_path}/file", "new")
    assert not (tmp_path / "file").is_symlink()
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("old", 0o640)


def test_links_of_this_user_lead_to_the_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "absolute").symlink_to(tmp_path / "real")
    (tmp_path / "relative").symlink_to("./absolute")
    write_atomically(f"{tmp_path}/relative/../real/./new//file", "text")
    assert (tmp_path / "real/new/file").read_text() == "text"


def test_links_in_a_circle_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(ConfigError, match="Too many levels of symbolic links"):
        write_atomically(f"{tmp_path}/circle/file", "text")


@pytest.mark.parametrize("path", ["trap/file", "trap/deeper/file", "between/trap/file"])
def test_a_link_of_another_user_is_not_followed(tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere/deeper").mkdir(parents=True)
    link = (tmp_path / path[: path.index("trap")]) / "trap"
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(tmp_path / "elsewhere")
    foreign(link, monkeypatch)
    with pytest.raises(ConfigError, match="the symbolic link 'trap' in its path belongs to another user"):
        write_atomically(f"{tmp_path}/{path}", "text")
    assert sorted(path.name for path in (tmp_path / "elsewhere").rglob("*")) == ["deeper"]


def foreign(link: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it belong to another user: truly where this user may do that, or by being another user."""
    if os.geteuid() == 0:
        os.chown(link, 12345, 12345, follow_symlinks=False)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)


def test_a_link_that_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "unit.d/a.conf"
    link_once("/dev/null", str(path))
    link_once("/dev/zero", str(path))
    assert os.readlink(path) == "/dev/null"


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "taken").mkdir()
    for path in ("a", "link/b/c", "taken", "taken/.", "missing/x"):
        try:
            with located(f"{tmp_path}/{path}", follow=True):
                write_atomically(f"{tmp_path}/{path}", "text")
        except (ConfigError, OSError):
            continue
    assert os.listdir("/proc/self/fd") == before


MOST_CALLS = 60


@pytest.mark.parametrize("what", ["files", "folder"])
@pytest.mark.parametrize("writer", WRITERS)
def test_the_owner_of_the_folder_changes_no_file_elsewhere_at_any_step(tmp_path: Path, writer: str, what: str) -> None:
    command = [sys.executable, "-S", "-m", "tests.owner_of_folder", str(tmp_path), writer, what]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=SOURCE.parent, env=os.environ | {"PYTHONPATH": "src"}
    )
    calls = int(done.stdout)
    assert 3 < calls < MOST_CALLS
    assert len(list(tmp_path.iterdir())) == calls + 1
    for folder in tmp_path.iterdir():
        target = folder / "elsewhere/file"
        status = target.stat()
        assert (target.read_text(), status.st_mode, status.st_uid) == (
            SECRET, stat.S_IFREG | SECRET_MODE, os.geteuid()
        ), folder.name  # fmt: skip
        assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_a_file_that_has_the_name_of_the_new_one_already_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but the name stands between them, and that is random: the call must not depend on it."""
    monkeypatch.setattr(os, "urandom", bytes)
    (tmp_path / f".sockgate-{bytes(8).hex()}.tmp").write_text("of another user")
    with pytest.raises(ConfigError, match="File exists"):
        write_atomically(f"{tmp_path}/file", "text")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["of another user"]


def test_until_it_is_complete_no_other_user_can_read_it(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        with located(f"{tmp_path}/file") as target, replacement(target, FileAccess(0o644)) as file:
            assert os.fstat(file.fileno()).st_mode & 0o777 == 0o600
            assert not (tmp_path / "file").exists()
    finally:
        os.umask(old)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644
