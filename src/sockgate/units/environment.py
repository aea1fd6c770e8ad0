"""The variables of a service, as systemd merges them: Environment=, then the environment files."""

import glob
from collections.abc import Iterator
from typing import NamedTuple

from . import envfile
from .command import Variable
from .names import expand
from .quoting import skip_blanks, strict_escape, take_word
from .reader import Assignment, Place
from .search import UnitSearch
from .unit import Unit

# The first systemd for which UnsetEnvironment= takes a variable from the process alone, not from its command line too.
UNSET_LAST_SINCE = 262


class EnvironmentFile(NamedTuple):
    """One EnvironmentFile= line. The path may be a pattern. With `-` the file may be missing."""

    path: str
    optional: bool
    place: Place


class Trouble(NamedTuple):
    """Something wrong with a service's variables. systemd ignores it or, if it is `fatal`, fails the service."""

    text: str
    place: Place
    fatal: bool
    file: str = ""


def load_environment(unit: Unit, search: UnitSearch) -> tuple[dict[str, Variable], list[Trouble]]:
    """The variables for the expansion of command lines. The variables of a file replace those of Environment=."""
    variables: dict[str, Variable] = {}
    troubles: list[Trouble] = []
    for assignment in unit.list("Service", "Environment"):
        found, complaints = parse_environment(assignment, unit)
        variables |= found
        troubles += [Trouble(f"systemd ignores a part of it: {text}", assignment.place, False) for text in complaints]
    files, ignored = environment_files(unit)
    troubles += ignored
    for file in files:
        for path in matching(file, search):
            try:
                variables |= read_file(path, search)
            except ValueError as error:
                what = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else error
                troubles.append(
                    Trouble(f"systemd cannot read {path!r}: it {what}", file.place, not file.optional, path)
                )
            except OSError as error:
                if not file.optional:
                    text = f"unable to read {path!r}: {error.strerror}"
                    troubles.append(Trouble(text, file.place, fatal=True, file=path))
    if search.systemd_version < UNSET_LAST_SINCE:
        unset = unset_words(unit)
        variables = {
            name: variable
            for name, variable in variables.items()
            if name not in unset and f"{name}={variable.value}" not in unset
        }
    return variables, troubles


def parse_environment(assignment: Assignment, unit: Unit) -> tuple[dict[str, Variable], list[str]]:
    """The variables of one line, and its errors. systemd skips a wrong word, and all words after a broken quote."""
    variables: dict[str, Variable] = {}
    complaints: list[str] = []
    for word, complaint in expanded_words(assignment, unit):
        name, equals, value = word.partition("=")
        if equals and envfile.is_name(name):
            variables[name] = Variable(value, assignment.place)
        else:
            complaints.append(complaint or f"{word!r} is not NAME=VALUE")
    return variables, complaints


def unset_words(unit: Unit) -> dict[str, Place]:
    """Which variables UnsetEnvironment= takes away, as NAME or NAME=VALUE, and where it says so."""
    lines = unit.list("Service", "UnsetEnvironment")
    return {word: line.place for line in lines for word, _ in expanded_words(line, unit)}


def expanded_words(assignment: Assignment, unit: Unit) -> Iterator[tuple[str, str]]:
    """The words of one line. In the place of a wrong one: "", and what is wrong with it."""
    text = assignment.value
    at = skip_blanks(text, 0)
    while at < len(text):
        try:
            word, at = take_word(text, at, strict_escape)
        except ValueError as error:
            yield "", str(error)
            return
        at = skip_blanks(text, at)
        try:
            yield expand(word, unit.unit_name), ""
        except ValueError as error:
            yield "", str(error)


def environment_files(unit: Unit) -> tuple[list[EnvironmentFile], list[Trouble]]:
    files = []
    troubles = []
    for assignment in unit.list("Service", "EnvironmentFile"):
        try:
            path = expand(assignment.value, unit.unit_name)
        except ValueError as error:
            troubles.append(Trouble(f"systemd ignores it: {error}", assignment.place, fatal=False))
            continue
        if path.removeprefix("-").startswith("/"):
            files.append(EnvironmentFile(path.removeprefix("-"), path.startswith("-"), assignment.place))
        else:
            troubles.append(Trouble(f"systemd ignores it: {path!r} is not absolute", assignment.place, fatal=False))
    return files, troubles


def matching(file: EnvironmentFile, search: UnitSearch) -> Iterator[str]:
    """The files that match a pattern. Without a match, the pattern itself, which is then reported as missing."""
    if not glob.has_magic(file.path):
        yield file.path
        return
    found = sorted(glob.glob(search.host_path(file.path)))
    yield from (path[len(search.root) :] for path in found) if found else (file.path,)


def read_file(path: str, search: UnitSearch) -> dict[str, Variable]:
    """The variables of one environment file. Raises OSError, and ValueError if the file is not text."""
    with open(search.host_path(path), encoding="utf-8", newline="") as file:
        text = file.read()
    if "\0" in text:
        raise ValueError("contains a NUL byte")
    return {
        name: Variable(value, Place(path, line)) for name, value, line in envfile.parse(text) if envfile.is_name(name)
    }
