"""What may import what, what one connection loads, and that nothing foreign is ever loaded."""

import ast
import os
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connection.launch import PLAIN, SOURCE, Launcher, everything_from, internet, make_launcher

SERVED = 7  # the server's exit code: a gate that refuses ends with 0
SERVER = ["/bin/sh", "-c", f"exit {SERVED}"]

# Imports go down: a part may import from the lines above its own and from itself.
PARTS = (
    {"core"},
    {"access", "resolve"},
    {"connection"},
    {"atomic_write"},
    {"units", "rulefile", "builtin"},
    {"courier", "host"},
    {"shim", "dispatch", "convert"},
    {"journal"},
    {"ctl", "generator"},
    {"demo"},
)
RANK = {part: rank for rank, parts in enumerate(PARTS) for part in parts}

# The lean tier, in any function: modules written in C, of which none loads another but `struct`.
LEAN = {"core", "access", "connection", "shim"}
LEAN_IMPORTS = {
    "sys", "posix", "errno", "time", "mmap", "struct", "_struct", "_socket", "_signal", "fcntl", "gc", "resource",
}  # fmt: skip

# What one connection loads beside what the bare interpreter has: each one costs every connection.
LOADED = {
    "_socket", "errno", "gc",
    "sockgate", "sockgate.shim", "sockgate.core", "sockgate.core.addresses", "sockgate.core.options",
    "sockgate.core.peer", "sockgate.access", "sockgate.access.address_access",
    "sockgate.connection", "sockgate.connection.admission", "sockgate.connection.server", "sockgate.connection.log",
}  # fmt: skip


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name below sockgate."""
    files = (path.relative_to(SOURCE / "sockgate") for path in (SOURCE / "sockgate").rglob("*.py"))
    return {".".join(file.with_suffix("").parts).removesuffix("__init__").rstrip("."): file for file in files}


def imports(file: Path, *, for_types: bool = False) -> Iterator[str]:
    """What this file imports when it runs, absolute: `sockgate.core.peer.pack`, `os.path`.

    With `for_types`, the imports under TYPE_CHECKING as well.
    """
    tree = ast.parse((SOURCE / "sockgate" / file).read_text())
    yield from imports_below(tree, ("sockgate", *file.parent.parts), for_types)


def imports_below(node: ast.AST, package: tuple[str, ...], for_types: bool) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            if for_types:
                yield from imports_below(child, package, for_types)
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = package[: len(package) + 1 - child.level] if child.level else ()
            origin = [*base, *([child.module] if child.module else [])]
            yield from (".".join([*origin, alias.name]) for alias in child.names)
        else:
            yield from imports_below(child, package, for_types)


def part_of(module: str) -> str:
    return module.partition(".")[0]


def test_every_part_has_its_place() -> None:
    assert {part_of(name) for name in modules()} - {""} <= set(RANK)


def test_imports_go_one_way() -> None:
    against = [
        f"{name}: {imported}"
        for name, file in modules().items()
        for imported in imports(file)
        if imported.startswith("sockgate.")
        for target in [part_of(imported.removeprefix("sockgate."))]
        if target in RANK and target != part_of(name) and not RANK[target] < RANK.get(part_of(name), -1)
    ]
    assert against == []


# Circles that exist today. When a circle is resolved, delete its line. Then it cannot come back.
KNOWN_CIRCLES: set[str] = set()


def inner_imports() -> dict[str, set[str]]:
    """Each module with the modules of ours that it imports, those under TYPE_CHECKING included.

    A package itself goes by the name of its `__init__`.
    """
    files = modules()
    packages = {name for name, file in files.items() if file.stem == "__init__"}

    def node(module: str) -> str:
        return f"{module}.__init__".lstrip(".") if module in packages else module

    def target(imported: str) -> str:
        """The module that has this name, or that is it."""
        module = imported.removeprefix("sockgate").lstrip(".")
        return node(module if module in files else module.rpartition(".")[0])

    return {
        node(name): {target(imported) for imported in imports(file, for_types=True) if imported.startswith("sockgate.")}
        for name, file in files.items()
    }


def circles_in(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of nodes that reach each other."""
    reached = {node: reachable(graph, node) for node in graph}
    groups = {frozenset(other for other in reached[node] if node in reached[other]) for node in graph}
    return sorted(sorted(group) for group in groups if len(group) > 1)


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    found, waiting = set[str](), [start]
    while waiting:
        for node in graph.get(waiting.pop(), set()) - found:
            found.add(node)
            waiting.append(node)
    return found


def inside(package: str, graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """What the modules and packages of one package import of each other; each package counts as a whole."""

    def part(module: str) -> str:
        return module.removeprefix(package).partition(".")[0] if module.startswith(package) else ""

    parts: dict[str, set[str]] = defaultdict(set)
    for module, imported in graph.items():
        if part(module):
            parts[part(module)] |= {part(target) for target in imported} - {"", part(module)}
    return parts


def test_no_circle_of_modules_and_none_of_packages() -> None:
    graph = inner_imports()
    packages = {module[: at + 1] for module in graph for at, letter in enumerate(module) if letter == "."}
    found = {
        f"{package.rstrip('.') or 'sockgate'}: {' '.join(circle)}"
        for package in ("", *packages)
        for circle in circles_in(inside(package, graph))
    }
    assert found == KNOWN_CIRCLES


def test_a_circle_is_found_also_through_three_packages() -> None:
    graph = {"a.x": {"b.x"}, "b.x": {"c.x"}, "c.x": {"a.y"}, "a.y": set(), "d": {"a.x"}}
    assert circles_in(graph) == []
    assert circles_in(inside("", graph)) == [["a", "b", "c"]]


def test_the_lean_tier_imports_nothing_but_what_starts_fast() -> None:
    foreign = [
        f"{name}: {imported}"
        for name, file in modules().items()
        if part_of(name) in LEAN
        for imported in imports(file)
        if part_of(imported) not in LEAN_IMPORTS | {"sockgate"}
    ]
    assert foreign == []


def test_each_third_party_library_is_imported_by_one_module() -> None:
    users = defaultdict(set)
    for name, file in modules().items():
        for imported in imports(file):
            library = part_of(imported)
            if library not in sys.stdlib_module_names | {"sockgate"}:
                # systemd-python's modules have nothing in common but the name above them.
                users[".".join(imported.split(".")[:2]) if library == "systemd" else library].add(name)
    assert {library: sorted(names) for library, names in users.items() if len(names) > 1} == {}


def imports_shown(importtime: str) -> set[str]:
    lines = [line for line in importtime.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


def test_one_connection_loads_exactly_these_modules(launcher: Launcher) -> None:
    python = [sys.executable, "-I", "-S", "-X", "importtime"]
    bare = subprocess.run([*python, "-c", ""], capture_output=True, text=True, check=True)
    near, far = socket.socketpair()
    with far:
        with near:  # a stream to the journal, as systemd gives it
            stream = os.fstat(near.fileno())
            environment = PLAIN | {"JOURNAL_STREAM": f"{stream.st_dev}:{stream.st_ino}"}
            words = ["--name", "test", "--allow", "127.0.0.0/8", "--relay", "127.0.0.1", *SERVER]
            prelude = f'exec {" ".join(python)} "$@"'
            outcome = launcher.run(internet(), words, environment, prelude=prelude, stderr=near)
        shown = everything_from(far).decode()
    assert outcome.code == SERVED
    assert imports_shown(shown) - imports_shown(bare.stderr) == LOADED


HIJACKED = 66
FOREIGN = f"import posix; posix._exit({HIJACKED})\n"
INTERPRETER = os.path.realpath(sys.executable)


@pytest.fixture
def hostile(launcher: Launcher) -> Path:
    """The launcher's own folder, with a module for everything that a gate loads from a file."""
    standard_library = launcher.folder / "lib" / f"python3.{sys.version_info.minor}"
    standard_library.mkdir(parents=True)
    (standard_library / "encodings.py").write_text(FOREIGN)
    for name in ("sockgate", "resource", "_socket", "errno", "posix", "fcntl", "mmap", "struct", "os"):
        (launcher.folder / f"{name}.py").write_text(FOREIGN)
    return launcher.folder


def code_of(launcher: Launcher, interpreter: str = "", environment: dict[str, str] | None = None) -> int:
    """How one connection ends, by the launcher's first line or by this interpreter, in the launcher's folder."""
    words = ["--allow", "127.0.0.0/8", "--rlimit", "nofile=100", *SERVER]
    prelude = f'cd "{launcher.folder}" && exec {interpreter} "$@"'
    return launcher.run(internet(), words, PLAIN | (environment or {}), prelude=prelude).code


@pytest.mark.parametrize("variable", ["nothing", "PYTHONPATH", "PYTHONHOME"])
def test_no_module_beside_the_script_or_named_in_the_environment_is_loaded(
    launcher: Launcher, hostile: Path, variable: str
) -> None:
    environment = {variable: str(hostile)}
    assert code_of(launcher, INTERPRETER, environment) == HIJACKED  # what `python3 sockgate` would do
    assert code_of(launcher, environment=environment) == SERVED


def test_no_pth_file_is_executed(tmp_path: Path) -> None:
    site = tmp_path / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    site.mkdir(parents=True)
    (site / "hostile.pth").write_text(FOREIGN)
    (tmp_path / "pyvenv.cfg").write_text(f"home = {os.path.dirname(INTERPRETER)}\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").symlink_to(INTERPRETER)
    launcher = make_launcher(tmp_path, python=str(tmp_path / "bin/python3"))
    assert code_of(launcher, f"{tmp_path}/bin/python3 -I") == HIJACKED  # what -I alone would do
    assert code_of(launcher) == SERVED
