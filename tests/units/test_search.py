"""Which files make a unit, in which order: the search path, aliases, masks and drop-ins."""

import pytest

from sockgate.core import ConfigError
from sockgate.units.search import UnitSearch, shorter_prefix, specific_names
from tests.units.conftest import MakeRoot

ETC, RUN, LIB = "/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system"


def settings(search: UnitSearch, name: str) -> list[tuple[str, str]]:
    unit = search.load(name)
    assert unit is not None
    return [(a.key, a.value) for a in unit.assignments]


def test_the_first_folder_of_the_search_path_wins(make_root: MakeRoot) -> None:
    search = make_root({f"{LIB}/a.socket": "[Socket]\nA=lib\n", f"{RUN}/a.socket": "[Socket]\nA=run\n"})
    assert settings(search, "a.socket") == [("A", "run")]
    assert search.fragment("a.socket") == f"{RUN}/a.socket"


def test_a_unit_that_links_to_dev_null_or_is_empty_is_masked(make_root: MakeRoot) -> None:
    search = make_root(
        {
            f"{LIB}/a.socket": "[Socket]\n",
            f"{ETC}/a.socket": "-> /dev/null",
            f"{ETC}/b.socket": "",
            f"{LIB}/c.socket": "x",
        }
    )
    assert search.load("a.socket") is search.load("b.socket") is search.load("d.socket") is None
    assert search.names("socket") == ["c.socket"]


def test_an_instance_is_loaded_from_its_template(make_root: MakeRoot) -> None:
    search = make_root({f"{LIB}/a@.service": "[Service]\nA=1\n", f"{ETC}/a@.service.d/x.conf": "[Service]\nA=2\n"})
    unit = search.load("a@7.service")
    assert unit is not None
    assert (unit.name, unit.path) == ("a@7.service", f"{LIB}/a@.service")
    assert settings(search, "a@7.service") == [("A", "1"), ("A", "2")]


def test_an_alias_is_the_unit_that_it_links_to_with_the_drop_ins_of_both(make_root: MakeRoot) -> None:
    search = make_root(
        {
            f"{LIB}/real.socket": "[Socket]\nA=1\n",
            f"{ETC}/alias.socket": f"-> {LIB}/real.socket",
            f"{ETC}/alias.socket.d/2.conf": "[Socket]\nA=3\n",
            f"{ETC}/real.socket.d/1.conf": "[Socket]\nA=2\n",
        }
    )
    unit = search.load("alias.socket")
    assert unit is not None
    assert (unit.name, unit.path) == ("real.socket", f"{LIB}/real.socket")
    assert settings(search, "alias.socket") == [("A", "1"), ("A", "2"), ("A", "3")]
    assert search.names("socket") == ["real.socket"]


def test_a_linked_unit_outside_of_the_search_path_is_read(make_root: MakeRoot) -> None:
    search = make_root({"/opt/a.socket": "[Socket]\nA=1\n", f"{ETC}/a.socket": "-> /opt/a.socket"})
    assert settings(search, "a.socket") == [("A", "1")]


def test_drop_ins_are_merged_in_the_order_of_their_names(make_root: MakeRoot) -> None:
    search = make_root(
        {
            f"{LIB}/a-b@.service": "[Service]\nA=unit\n",
            f"{LIB}/service.d/10.conf": "[Service]\nA=type\n",
            f"{LIB}/a-@.service.d/20.conf": "[Service]\nA=no, less specific\n",
            f"{LIB}/a-.service.d/20.conf": "[Service]\nA=prefix\n",
            f"{LIB}/a-b@.service.d/30.conf": "[Service]\nA=own\n",
            f"{ETC}/a-b@.service.d/05.conf": "[Service]\nA=first\n",
            f"{ETC}/a-b@.service.d/40.txt": "[Service]\nA=not a drop-in\n",
        }
    )
    assert [value for _, value in settings(search, "a-b@.service")] == ["unit", "first", "type", "prefix", "own"]


def test_of_two_drop_ins_with_one_name_the_more_important_counts(make_root: MakeRoot) -> None:
    search = make_root(
        {
            f"{LIB}/a.socket": "[Socket]\n",
            f"{LIB}/a.socket.d/1.conf": "[Socket]\nA=lib\n",
            f"{ETC}/a.socket.d/1.conf": "[Socket]\nA=etc\n",
            f"{LIB}/a.socket.d/2.conf": "[Socket]\nB=own\n",
            f"{ETC}/socket.d/2.conf": "[Socket]\nB=type\n",
            f"{LIB}/a.socket.d/3.conf": "[Socket]\nC=masked\n",
            f"{ETC}/a.socket.d/3.conf": "-> /dev/null",
        }
    )
    assert settings(search, "a.socket") == [("A", "etc"), ("B", "own")]


@pytest.mark.parametrize(
    ("prefix", "shorter"),
    [("a", ""), ("a-b", "a-"), ("a-", ""), ("a-b-", "a-"), ("a--b", "a--"), ("a--", "a-"), ("-a", "")],
)
def test_prefixes_are_shortened_as_systemd_does_it(prefix: str, shorter: str) -> None:
    assert shorter_prefix(prefix) == shorter


def test_drop_ins_of_an_instance_are_looked_for_from_its_own_name_to_its_prefixes() -> None:
    assert specific_names("a-b@1.service") == [
        "a-b@1.service", "a-b@.service", "a-.service", "a-@1.service", "a-@.service",
    ]  # fmt: skip
    assert specific_names("a-b@.service") == ["a-b@.service", "a-.service", "a-@.service"]
    assert specific_names("a-b.service") == ["a-b.service", "a-.service"]


@pytest.mark.parametrize("kind", ["wants", "requires", "upholds"])
def test_a_unit_is_enabled_by_a_link_in_the_folder_of_a_target(make_root: MakeRoot, kind: str) -> None:
    link = f"{ETC}/sockets.target.{kind}/a.socket"
    search = make_root({f"{LIB}/a.socket": "[Socket]\n", link: f"-> {LIB}/a.socket"})
    assert search.enabled("a.socket")
    assert not search.enabled("b.socket")


def test_a_file_that_cannot_be_read_is_an_error(make_root: MakeRoot) -> None:
    search = make_root({f"{LIB}/a.socket": "[Socket]\n", f"{ETC}/a.socket.d/x.conf": "[Socket]\n"})
    listed = list(search.drop_ins(["a.socket"]))
    assert listed == [f"{ETC}/a.socket.d/x.conf"]
    search.drop_ins = lambda names: iter([f"{ETC}/gone.conf"])  # type: ignore[method-assign]  # removed meanwhile
    with pytest.raises(ConfigError, match=f"^unable to read '{ETC}/gone.conf': No such file or directory$"):
        search.load("a.socket")


def test_a_name_that_is_none_finds_nothing(make_root: MakeRoot) -> None:
    assert make_root({f"{LIB}/a.socket": "[Socket]\n"}).load("a/b") is None


def test_an_empty_assignment_resets_a_list(make_root: MakeRoot) -> None:
    search = make_root({f"{LIB}/a.socket": "[Socket]\nL=1\nL=2\nL=\nL=3\nL=4\nB=yes\nC=1\nC=\n"})
    unit = search.load("a.socket")
    assert unit is not None
    assert [entry.value for entry in unit.list("Socket", "L")] == ["3", "4"]
    assert unit.value("Socket", "L") == "4"
    assert unit.is_true("Socket", "B")
    assert unit.last("Socket", "C") is None
    assert str(unit.place_of("Socket", "C")) == f"{LIB}/a.socket:1"
    assert str(unit.place_of("Socket", "B")) == f"{LIB}/a.socket:7"
