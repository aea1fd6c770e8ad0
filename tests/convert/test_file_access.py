"""Files that only root may read: the gate runs as the service's user, and the report says what it cannot read."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.convert.report import Outcome
from sockgate.convert.result import Conversion
from sockgate.host.host import Host

HOST = Host(systemd=257, hosts_files=())
XINETD = "service x\n{{\ntype = UNLISTED\nport = 7\nsocket_type = stream\nwait = no\nserver = /bin/cat\n{lines}\n}}\n"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask the kernel as another user")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user may enter, which pytest's own are not."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def file(path: Path, mode: int, text: str = ":allow\n", group: int = 0) -> Path:
    path.write_text(text)
    path.chmod(mode)
    os.chown(path, 0, group)
    return path


def convert(program: str, path: Path, text: str) -> Conversion:
    path.write_text(text)
    return programs.convert(program, [str(path)], HOST.anew())


def said(conversion: Conversion) -> list[str]:
    """The files that are said to be unreadable."""
    assert len(conversion.services) == 1
    texts = [one.text for one in conversion.report.entries if one.outcome is Outcome.BROKEN and "read by" in one.text]
    assert all("LoadCredential=NAME:" in text and "mode 0640" in text for text in texts)
    return [text.split("'")[1] for text in texts]


@pytest.mark.parametrize(
    ("mode", "group", "lines", "found"),
    [
        (0o600, 0, "user = games", True), (0o640, 0, "user = games", True), (0o644, 0, "user = games", False),
        (0o640, 60, "user = games", False), (0o640, 60, "user = games\ngroup = news", True),
        (0o640, 9, "user = games\ngroup = news", False), (0o600, 0, "user = root", False),
        (0o640, 60, "user = 5", True), (0o640, 5, "user = 5", False), (0o600, 0, "user = 54321", True),
    ],
)  # fmt: skip
def test_a_banner_that_the_services_user_cannot_read_is_said(
    mode: int, group: int, lines: str, found: bool, folder: Path
) -> None:
    banner = file(folder / "banner", mode, "hello\n", group)
    text = XINETD.format(lines=f"{lines}\nbanner = {banner}")
    conversion = convert("xinetd", folder / "x", text)
    assert said(conversion) == ([str(banner)] if found else [])
    assert conversion.broken == (["x"] if found else [])


def test_rules_in_a_folder_that_the_user_cannot_enter_are_said(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o700)
    rules = file(folder / "closed/rules", 0o644)
    text = f"exec tcpserver -RHl0 -u5 -g60 -x {rules} 0 7 /bin/cat\n"
    assert said(convert("tcpserver", folder / "run", text)) == [str(rules)]
    assert said(convert("tcpserver", folder / "run", text.replace("-u5 -g60", ""))) == [], "root can"
    (folder / "closed").chmod(0o711)
    assert said(convert("tcpserver", folder / "run", text)) == []


def test_a_folder_of_variables_that_envdir_read_as_root_is_said(folder: Path) -> None:
    (folder / "env").mkdir(mode=0o700)
    text = f"exec envdir {folder}/env setuidgid games tcpserver -RHl0 0 7 /bin/cat\n"
    assert said(convert("tcpserver", folder / "run", text)) == [f"{folder}/env"]


def test_access_rules_of_courier_that_only_root_may_read_are_said(folder: Path) -> None:
    rules = file(folder / "smtpaccess", 0o600, "10\tallow\n")
    file(folder / "smtpaccess.dat", 0o600, "")
    text = f"ACCESSFILE={rules}\nMAILUSER=games\nMAILGROUP=games\nTCPDOPTS=-nodnslookup\n"
    assert said(convert("couriertcpd", folder / "esmtpd", text)) == [str(rules)]


def test_hosts_files_that_only_root_may_read_are_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    allow = file(folder / "hosts.allow", 0o600, "ALL: ALL\n")
    monkeypatch.setattr("sockgate.access.hosts_access.DIRECTORY", str(folder))
    text = "26 stream tcp nowait games /usr/sbin/tcpd /bin/cat\n"
    assert said(convert("inetd", folder / "inetd.conf", text)) == [str(allow)]


def test_a_file_that_is_missing_is_said_once_and_differently(folder: Path) -> None:
    text = f"exec tcpserver -RHl0 -u5 -g60 -x {folder}/none 0 7 /bin/cat\n"
    conversion = convert("tcpserver", folder / "run", text)
    assert said(conversion) == []
    assert any("No such file or directory" in entry.text for entry in conversion.report.entries)
