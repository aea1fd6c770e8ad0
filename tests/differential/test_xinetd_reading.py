"""The reader of `convert xinetd` against the real xinetd: what each makes of the same generated files.

xinetd says what it made of them in the dump that it writes on SIGUSR1.
"""

import os
import pwd
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.convert.report import Entry, Outcome
from sockgate.convert.result import Conversion
from sockgate.convert.service import Service
from sockgate.host.host import Host

from .namespace import Namespace, require
from .scale import amount, seeded
from .xinetd_files import FIRST_PORT, write_files

HOST = Host(hosts_files=())
DUMP = Path("/run/xinetd.dump")
WRITTEN_AS = {
    "10.0.0.0(NUMERIC)": "10.0.0.0", "10.1.0.0/255.255.0.0(NET)": "10.1.0.0/16", "fd00::/ff00::(NET)": "fd00::/8",
    "127.0.0.1(NUMERIC)": "127.0.0.1", "192.168.1.1(NUMERIC)": "192.168.1.1",
    "192.168.1.0(NUMERIC)": "192.168.{1,2}", "192.168.2.0(NUMERIC)": "",
}  # fmt: skip
Facts = dict[str, str]
FILES_AT_ONCE = 250


@pytest.fixture
def network() -> Iterator[Namespace]:
    require("xinetd", "ip")
    with Namespace({"nsswitch.conf": "passwd: files\ngroup: files\nservices: files\nhosts: files\n"}) as network:
        network.run(lambda: os.system("mount -t tmpfs tmpfs /run"))  # noqa: S605
        yield network


def dumped(network: Namespace, file: Path) -> dict[str, Facts] | None:
    """What the real xinetd made of the file: the services that it serves, by port; None if it does not start."""
    log = file.with_name("log")
    network.run(lambda: DUMP.unlink(missing_ok=True))
    command = ("xinetd", "-dontfork", "-filelog", log, "-pidfile", file.with_name("pid"), "-f", file)
    with network.running(*command) as xinetd:
        deadline = time.monotonic() + 20
        while "Started working" not in (log.read_text() if log.exists() else "") and xinetd.poll() is None:
            assert time.monotonic() < deadline, "xinetd does not start"
            time.sleep(0.005)
        if xinetd.poll() is not None:
            assert "fatal error was encountered while parsing the default section" in log.read_text()
            return None
        xinetd.send_signal(signal.SIGUSR1)
        while "state dump" not in log.read_text():
            time.sleep(0.005)
        text = network.run(DUMP.read_text)
    return dict(facts_of_xinetd(entry) for entry in text.split("\nService = ")[1:] if "State = Active" in entry)


def facts_of_xinetd(entry: str) -> tuple[str, Facts]:
    found = dict(re.findall(r"^\t\t([^=:\n]+?)(?: =|:) *(.*)$", entry, re.MULTILINE))
    environment = re.search(r"Environment additions:\n((?:\t\t\t.*\n)*)", entry)
    return found["port"], {
        "kind": found["socket_type"],
        "wait": found["wait"],
        "user": found.get("user", "0"),
        "group": {"8": "mail"}.get(found.get("group", ""), found.get("group", "")),
        "umask": found.get("umask", "22"),
        "nice": str(max(-20, min(19, int(found.get("Nice", "0"))))),  # as setpriority(2) does
        "per source": found.get("PER_SOURCE", "-1"),
        "bind": {"All addresses.": "", "localhost": "127.0.0.1", "0.0.0.0": ""}.get(found["Bind"], found["Bind"]),
        "words": found.get("Server argv", ""),
        "server": found.get("Server", ""),
        "times": found.get("Access times", ""),
        "only from": addresses(found["Only from"]),
        "no access": addresses(found["No access"]),
        "environment": " ".join(environment[1].split()) if environment else "",
    }


def addresses(text: str) -> str:
    if text in ("All sites", "No blocked sites"):
        return ""
    return " ".join(filter(None, (WRITTEN_AS.get(word, word) for word in text.split())))


def converted(file: Path) -> tuple[dict[str, Facts], Conversion]:
    conversion = programs.convert("xinetd", [str(file)], HOST)
    return dict(facts_of_service(service) for service in conversion.services), conversion


def facts_of_service(service: Service) -> tuple[str, Facts]:
    address, _, port = service.listens[0].address.rpartition(":")
    gate, directives = dict(service.gate), dict(service.directives)
    server, *arguments = map(str, service.command)
    return port, {
        "kind": "stream" if service.listens[0].kind == "ListenStream" else "dgram",
        "wait": "yes" if service.wait else "no",
        "user": uid_of(service.user),
        "group": group_of(service),
        "umask": f"{int(str(directives.get('UMask', '22')), 8):o}",
        "nice": str(directives.get("Nice", "0")),
        "per source": str(service.max_per_source or -1),
        "bind": address.strip("[]").replace("0.0.0.0", ""),
        "words": " ".join([service.argv0 or server.rpartition("/")[2], *arguments]),
        "server": server,
        "times": re.sub(r"\b(\d)\b", r"0\1", str(gate.get("--access-times", ""))),
        "only from": str(gate.get("--only-from", "")),
        "no access": str(gate.get("--no-access", "")),
        "environment": " ".join(f"{name}={value}" for name, value in service.environment),
    }


def uid_of(user: str) -> str:
    known = {account.pw_name: str(account.pw_uid) for account in pwd.getpwall()}
    return known.get(user, user or "0")


def group_of(service: Service) -> str:
    """The converter writes a group beside a number, and for setpriv, which xinetd leaves to the account."""
    return "" if service.user.isdigit() and service.group in (service.user, "65534") else service.group


def unexplained(theirs: dict[str, Facts] | None, ours: dict[str, Facts], conversion: Conversion) -> Iterator[str]:
    """What is not the same, unless the report says so."""
    ends = any("xinetd does not start with" in entry.text for entry in conversion.report.entries)
    if theirs is None or ends:
        if theirs is not None or not ends or ours:
            yield f"xinetd serves {theirs}, and here are {ours}"
        return
    for port in sorted(theirs.keys() | ours.keys()):
        entries = [entry for entry in conversion.report.entries if told_of(entry, port)]
        told = " ".join(entry.text for entry in entries)
        if port not in ours:
            if not any(entry.outcome is Outcome.REFUSED for entry in entries):
                yield f"{port}: xinetd serves it, and nothing was refused: {theirs[port]}"
        elif port not in theirs:
            if "would not have started" not in told:
                yield f"{port}: xinetd does not serve it: {ours[port]} {told}"
        else:
            for name, fact in theirs[port].items():
                if fact != ours[port][name] and not expected(name, ours[port], told):
                    yield f"{port}: {name} is {fact!r} in xinetd and {ours[port][name]!r} here"


def expected(name: str, ours: Facts, told: str) -> bool:
    """The differences that are meant."""
    if name in ("words", "server"):
        return ours["server"].endswith("/sockgate-builtin")
    if name in ("user", "group"):  # an account that is missing; a list 'enabled' started the service without it
        return "there is no " in told
    if name == "per source":
        return "so a limit per source has nothing to count" in told
    return name == "nice" and "there was no effect" in told


def told_of(entry: Entry, port: str) -> bool:
    return port == "20099" or entry.service in (f"s{int(port) - FIRST_PORT}", "one", "two", "Three")


@pytest.mark.parametrize("part", range(amount(1, 8)))
def test_the_converter_reads_what_xinetd_reads(network: Namespace, tmp_path: Path, part: int) -> None:
    random = seeded(part)
    served = ended = 0
    files = amount(60, FILES_AT_ONCE)
    for number in range(files):
        folder = tmp_path / str(number)
        folder.mkdir()
        file = write_files(random, folder)
        theirs = dumped(network, file)
        served += len(theirs or {})
        ended += theirs is None
        ours, conversion = converted(file)
        found = list(unexplained(theirs, ours, conversion))
        assert not found, "\n".join((str(file), *found))
        shutil.rmtree(folder)
    assert served > 3 * files
    assert ended > files / 10
