"""The real couriertcpd: which options it takes, as whom its server runs, and where it listens."""

import contextlib
import itertools
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.convert.couriertcpd.options import HANDLERS
from sockgate.convert.result import Conversion
from sockgate.host.host import Host

from .namespace import Namespace, require

HOST = Host(systemd=257)
PORTS = itertools.count(2143)  # a logger that an earlier one started may still hold its port
NOT_HERE = "-haproxy"  # newer versions alone know it


@pytest.fixture(scope="module")
def network() -> Iterator[Namespace]:
    require("couriertcpd", "ip")
    with Namespace() as network:
        yield network


def answers(network: Namespace, text: str, port: int) -> dict[str, str] | None:
    """By the address that a client connects to: the ids of the server. None if couriertcpd does not start."""
    command = ["couriertcpd", "-nodnslookup", "-noidentlookup", *shlex.split(text), str(port), "/usr/bin/id"]
    with network.running(*command) as process:
        deadline = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < deadline:
            sent = {address: network.run(partial(ask, address, port)) for address in ("127.0.0.1", "127.0.0.2")}
            if any(sent.values()):
                return {address: text for address, text in sent.items() if text}
            time.sleep(0.05)
    return None


def ask(address: str, port: int) -> str:
    with contextlib.suppress(ConnectionError), socket.create_connection((address, port), 10) as client:
        return "".join(iter(lambda: client.recv(65536).decode(), ""))
    return ""


def converted(folder: Path, text: str, port: int) -> Conversion:
    (folder / "imapd").write_text(f"PORT={port}\nADDRESS=0\nTCPDOPTS={shlex.quote(f'-nodnslookup {text}')}\n")
    return programs.convert("couriertcpd", [str(folder / "imapd")], HOST)


@pytest.mark.parametrize("option", [*sorted(HANDLERS), "-haltmsg", "-detach", "-nonsense", "-user2"])
def test_convert_knows_exactly_the_options_of_couriertcpd(option: str, network: Namespace, tmp_path: Path) -> None:
    command = ["timeout", "1", "couriertcpd", f"{option}=x", str(next(PORTS)), "/bin/true"]
    run = partial(subprocess.run, command, capture_output=True, text=True, check=False, cwd=tmp_path)
    said = network.run(run).stderr
    assert ("Invalid option" in said) is (option not in HANDLERS or option == NOT_HERE), said


@pytest.mark.parametrize(
    "text",
    ["-user=games", "-user=games -group=disk", "-group=disk", "-user=5 -group=6", "-user=5", "-user=games -user=root",
     "-user=nosuchuser", "-address=127.0.0.2", "-address=127.0.0.1 -address=127.0.0.2", "-address=", "-maxprocs=0",
     "-maxperip=x", "-maxperc", "-maxprocs=3"],
)  # fmt: skip
def test_the_server_runs_as_the_same_user_at_the_same_addresses(text: str, network: Namespace, tmp_path: Path) -> None:
    port = next(PORTS)
    theirs, conversion = answers(network, text, port), converted(tmp_path, text, port)
    if theirs is None:
        assert conversion.services == () or conversion.broken
        return
    (service,) = conversion.services
    account = HOST.account(service.user or "0")
    assert account is not None
    group = HOST.group_id(service.group) if service.group else account.pw_gid
    for sent in theirs.values():
        assert f"uid={account.pw_uid}(" in sent
        assert f"gid={group}(" in sent
    addresses = {listen.address.rpartition(":")[0] for listen in service.listens}
    assert (set(theirs) == addresses) or addresses == {""}
