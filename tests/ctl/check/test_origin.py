"""sockgatectl check: sockets that outlived the line from which they were converted, or their server."""

from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.convert.obstacles import Surroundings
from sockgate.ctl.check.origin import line_gone, server_gone
from sockgate.ctl.convert_install import install
from sockgate.ctl.main import run
from sockgate.host.host import Host
from sockgate.units.search import UnitSearch

LINES = "79 stream tcp nowait nobody /bin/cat cat\n113 stream tcp nowait nobody /bin/echo echo\n"
ENTRY = "service probe\n{\n type = UNLISTED\n port = 7\n socket_type = stream\n protocol = tcp\n wait = no\n user = root\n server = /bin/cat\n}\n"  # noqa: E501


def converted(root: Path, program: str, file: str, text: str, prefix: str = "") -> Path:
    """The old file, converted and installed in this system."""
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    search = UnitSearch(str(root))
    host = Host(systemd=257, asks_services=False)
    conversion = programs.convert(program, [str(path)], host, prefix, Surroundings(search, replaces=True))
    install(conversion, program, search)
    units = root / "etc/systemd/system"
    for unit in units.iterdir():  # as if it had been converted in that system
        unit.write_text(unit.read_text().replace(f"Converted from {root}/", "Converted from /"))
    for folder in ("bin", "usr/sbin"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for server in ("cat", "echo"):
        (root / "bin" / server).write_text("")
        (root / "bin" / server).chmod(0o755)
    return path


def told(root: Path) -> list[str]:
    host = Host(str(root))
    names = host.search.names("socket")
    return [problem.message for name in names for find in (server_gone, line_gone) for problem in find(name, host)]


@pytest.mark.parametrize("prefix", ["", "old-"])
def test_a_line_that_is_gone_or_switched_off_is_told(prefix: str, tmp_path: Path) -> None:
    file = converted(tmp_path, "inetd", "etc/inetd.conf", LINES, prefix)
    assert told(tmp_path) == []
    gone = "it was converted from '/etc/inetd.conf', where its line is gone or switched off"
    file.write_text(LINES.replace("79", "#<off># 79"))
    assert told(tmp_path) == [gone]
    file.write_text("# a line above\n" + LINES.replace("/bin/cat cat", "/bin/cat -u"))
    assert told(tmp_path) == [], "another line is no line that is gone"
    file.unlink()
    assert told(tmp_path) == [], "the old program was purged"


def test_an_entry_of_xinetd_that_is_switched_off_is_told(tmp_path: Path) -> None:
    file = converted(tmp_path, "xinetd", "etc/xinetd.d/probe", ENTRY)
    assert told(tmp_path) == []
    file.write_text(ENTRY.replace("{\n", "{\n disable = yes\n"))
    assert told(tmp_path) == ["it was converted from '/etc/xinetd.d/probe', where its line is gone or switched off"]


def test_a_server_that_was_removed_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    converted(tmp_path, "inetd", "etc/inetd.conf", LINES)
    (tmp_path / "bin/echo").unlink()
    message = "'/bin/echo' is not installed: each client is accepted, and then its connection is reset"
    assert told(tmp_path) == [message]
    assert run(["check", "--all", "--root", str(tmp_path), "--systemd", "257"]) == 1
    assert message in capsys.readouterr().out
