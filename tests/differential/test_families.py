"""The two programs that are called tcpserver: which clients reach each, and which the units of its run script."""

import socket
import subprocess
import time
from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.host.host import Host

from .debian import unpacked
from .namespace import Namespace, require

PORT = 2001
HOSTS = ("0", "''", "0.0.0.0", "127.0.0.1", "::1")
OPTIONS = ("", "-4", "-6", "-4 -6")
CLIENTS = ("127.0.0.1", "::1")
FAMILY = {"127.0.0.1": socket.AF_INET, "::1": socket.AF_INET6}


def reaches_it(client: str) -> bool:
    with socket.socket(FAMILY[client]) as connection:
        try:
            connection.connect((client, PORT))
        except ConnectionRefusedError:
            return False
        return True


def listens_for(address: str, client: str) -> bool:
    """What systemd does with ListenStream=, where BindIPv6Only= is both."""
    host = address.rpartition(":")[0].strip("[]")
    return host == "" or host == client or (host == "0.0.0.0" and ":" not in client)


@pytest.mark.parametrize("package", ["ucspi-tcp", "ucspi-tcp-ipv6"])
def test_the_units_listen_on_the_families_of_the_tcpserver_that_runs(package: str, tmp_path: Path) -> None:
    require("ip", "dpkg-deb", "apt-get")
    program = unpacked(package) / "usr/bin/tcpserver"
    compared = 0
    for option in OPTIONS:
        for host in HOSTS:
            words = f"{option} -RHl0 {host} {PORT} /bin/cat"
            (tmp_path / "run").write_text(f"#!/bin/sh\nexec {program} {words}\n")
            conversion = programs.convert("tcpserver", [str(tmp_path / "run")], Host(systemd=257, asks_services=False))
            with Namespace() as network, network.running("/bin/sh", tmp_path / "run") as process:
                started = wait(network, process)
                theirs = [started and network.run(lambda: reaches_it(client)) for client in CLIENTS]  # noqa: B023
            if not started:
                continue  # this program does not know the option, or has no such family
            (listen,) = conversion.services[0].listens
            assert [listens_for(listen.address, client) for client in CLIENTS] == theirs, (words, listen)
            compared += 1
    assert compared >= len(HOSTS) - 1


def wait(network: Namespace, process: subprocess.Popen[bytes]) -> bool:
    """Whether the server listens; False when it has ended."""
    while process.poll() is None:
        if any(network.run(lambda: reaches_it(client)) for client in CLIENTS):  # noqa: B023
            return True
        time.sleep(0.02)
    return False
