"""Files that sockgatectl writes."""

from pathlib import Path

import pytest

from sockgate.core.errors import ConfigError
from sockgate.ctl.files import write_atomically


def test_a_file_is_replaced_as_a_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "folder/file"
    for text, mode in (("one\n", 0o600), ("two\n", 0o644)):
        write_atomically(str(path), text, mode)
        assert (path.read_text(), path.stat().st_mode & 0o777) == (text, mode)
    assert list(path.parent.iterdir()) == [path]


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(ConfigError) as caught:
        write_atomically(f"{tmp_path}/taken", "text")
    assert str(caught.value) == f"unable to write '{tmp_path}/taken': Is a directory"
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
