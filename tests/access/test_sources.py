"""What a build looked at: each file and folder, also those that were missing, and also when the build failed."""

import errno
import os
import posix
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from sockgate.access import xinetd_access
from sockgate.connection import Gate
from sockgate.core import ConfigError, rule_files
from sockgate.core.options import parse
from sockgate.core.rule_files import (
    MISSING,
    UNSTEADY,
    Sources,
    exists,
    is_current,
    kind_of,
    names_in,
    read_file,
    sign,
    signature_of,
)


def sources_of(*words: str) -> Sources:
    """Of a build that succeeds."""
    return Gate(parse([*words, "--", "/bin/server"])).sources


def sources_of_failure(*words: str) -> Sources:
    sources: Sources = {}
    with pytest.raises(ConfigError):
        Gate(parse([*words, "--", "/bin/server"]), sources)
    return sources


def let_the_clock_tick() -> None:
    """Longer than the grain in which the kernel counts the times of files."""
    time.sleep(0.02)


def names(sources: Sources, folder: Path) -> dict[str, bool]:
    """The names below the folder, each with whether there is a file."""
    return {path.removeprefix(f"{folder}/"): signature != MISSING for path, signature in sources.items()}


def test_options_without_a_file_look_at_none() -> None:
    assert sources_of("--allow", "any", "--only-from", "10.0.0.0", "--deny-message", "no") == {}


def test_every_file_of_every_option_is_named(tmp_path: Path) -> None:
    for name, text in (("rules", ":allow\n"), ("access", "*\tallow\n"), ("banner", "hello\n"), ("fail", "no\n")):
        (tmp_path / name).write_text(text)
    options = {"--rules": "rules", "--courier-access": "access", "--courier-access-local": "access",
               "--banner": "banner", "--banner-success": "banner", "--banner-fail": "fail"}  # fmt: skip
    words = [word for option, name in options.items() for word in (option, f"{tmp_path}/{name}")]
    assert names(sources_of(*words), tmp_path) == dict.fromkeys(("rules", "access", "banner", "fail"), True)


def test_missing_tables_pattern_files_banners_and_networks_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xinetd_access, "NETWORKS_FILE", f"{tmp_path}/networks")
    (tmp_path / "messages").mkdir()
    (tmp_path / "hosts.allow").write_text(f"ALL: {tmp_path}/list : banners {tmp_path}/messages\n")
    (tmp_path / "list").write_text(f"10. {tmp_path}/more\n")
    (tmp_path / "more").write_text("11.\n")
    sources = sources_of("--hosts-access", f"smtpd,{tmp_path}", "--only-from", "office")
    assert names(sources, tmp_path) == {
        "networks": False, "hosts.allow": True, "list": True, "more": True, "messages/smtpd": False,
        "messages": True, "hosts.deny": False,
    }  # fmt: skip


def test_a_build_that_fails_names_what_it_looked_at_until_then(tmp_path: Path) -> None:
    access = tmp_path / "access"
    access.mkdir()
    (access / "half").write_text("10\tal")
    assert set(sources_of_failure("--courier-access", str(access))) == {str(access), f"{access}/half"}
    (tmp_path / "hosts.deny").write_text(f"ALL: {tmp_path}/list\n")
    missing = sources_of_failure("--rules", f"{tmp_path}/rules")
    assert missing == {f"{tmp_path}/rules": MISSING}
    (tmp_path / "rules").mkdir()
    assert sources_of_failure("--rules", f"{tmp_path}/rules") == {f"{tmp_path}/rules": sign(f"{tmp_path}/rules")}


def write(path: Path) -> None:
    path.write_text("other\n")


def replace(path: Path) -> None:
    write(path.with_suffix(".new"))
    path.with_suffix(".new").rename(path)


def replace_unseen_by_times(path: Path) -> None:
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    replace(path)
    os.utime(path, ns=times)


def relink(path: Path) -> None:
    write(path.with_suffix(".target"))
    path.unlink()
    path.symlink_to(path.with_suffix(".target"))


@pytest.mark.parametrize("change", [write, replace, replace_unseen_by_times, relink, Path.unlink])
def test_a_record_is_current_until_a_file_changes(tmp_path: Path, change: Callable[[Path], object]) -> None:
    path = tmp_path / "file"
    path.write_text("text\n")
    let_the_clock_tick()
    sources: Sources = {}
    read_file(str(path), sources=sources)
    assert is_current(sources)
    change(path)
    assert not is_current(sources)


def test_a_record_is_current_until_a_missing_file_is_there(tmp_path: Path) -> None:
    sources: Sources = {}
    assert not exists(f"{tmp_path}/file", sources)
    with pytest.raises(ConfigError):
        read_file(f"{tmp_path}/other", sources=sources)
    for name in ("file", "other"):
        assert is_current(sources)
        (tmp_path / name).write_text("")
        assert not is_current(sources)
        (tmp_path / name).unlink()


def test_a_record_is_current_until_a_name_is_added_to_a_folder(tmp_path: Path) -> None:
    sources: Sources = {}
    let_the_clock_tick()
    assert names_in(str(tmp_path), sources) == []
    assert kind_of(str(tmp_path), sources) == rule_files.DIRECTORY
    assert is_current(sources)
    (tmp_path / "name").write_text("")
    assert not is_current(sources)


def test_the_signature_is_that_of_the_file_that_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that leads elsewhere while the file is opened, and back again: the look before and after see the same."""
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    link = tmp_path / "link"
    link.symlink_to("a")
    opened = posix.open

    def open_the_other(path: str, flags: int) -> int:
        return opened(f"{tmp_path}/b", flags)

    monkeypatch.setattr(rule_files.posix, "open", open_the_other)  # type: ignore[attr-defined]
    sources: Sources = {}
    assert read_file(str(link), sources=sources) == b"b"
    assert not is_current(sources)


def test_another_device_is_another_file(tmp_path: Path) -> None:
    """Two images of the same source can have the same number and time for files that differ."""
    one = tmp_path.stat()
    other = SimpleNamespace(st_ino=one.st_ino, st_ctime_ns=one.st_ctime_ns, st_dev=one.st_dev + 1)
    assert signature_of(cast("posix.stat_result", other)) != signature_of(one)


def test_two_looks_that_saw_different_files_are_never_current(tmp_path: Path) -> None:
    sources: Sources = {}
    path = tmp_path / "file"
    for text in ("one", "two"):
        path.write_text(text)
        let_the_clock_tick()
        read_file(str(path), sources=sources)
    assert sources == {str(path): UNSTEADY}
    assert not is_current(sources)


@pytest.mark.parametrize("words", ["ALL: {}/list", "ALL: ALL: banners {}"])
def test_a_build_fails_as_a_whole_where_a_part_could_not_be_read_by_chance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    (tmp_path / "hosts.deny").write_text(words.format(tmp_path) + "\n")
    for name in ("list", "smtpd"):
        (tmp_path / name).write_text("10.\n")
    opened = posix.open

    def fail(path: str, flags: int) -> int:
        if path.endswith(("list", "smtpd")):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return opened(path, flags)

    monkeypatch.setattr(rule_files.posix, "open", fail)  # type: ignore[attr-defined]
    assert UNSTEADY in sources_of_failure("--hosts-access", f"smtpd,{tmp_path}").values()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO])
def test_a_look_that_failed_by_chance_is_never_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (tmp_path / "file").write_text("text\n")

    def fail(path: str, flags: int = 0) -> int:
        raise OSError(number, os.strerror(number))

    for call, look in (("open", read_file), ("open", names_in), ("stat", kind_of)):
        sources: Sources = {}
        with monkeypatch.context() as patch:
            patch.setattr(rule_files.posix, call, fail)  # type: ignore[attr-defined]
            with pytest.raises(ConfigError, match=os.strerror(number)):
                look(str(tmp_path / "file"), sources=sources)
        assert not is_current(sources)
