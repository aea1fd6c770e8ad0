"""tcpsvd, socat, ncat and s6's rules against what becomes of them: which clients get in, what servers are told."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from sockgate.convert import programs
from sockgate.convert.chain.daemon_starter import taken_apart
from sockgate.convert.result import gate_of
from sockgate.convert.service import Service
from sockgate.core import ALLOW
from sockgate.core.peer import internet_peer, pack
from sockgate.host.host import Host
from tests.convert.test_starters import EXEC_TEXTS

from .addresses import around, random_address, random_network
from .namespace import Namespace, ask, require
from .scale import amount, seeded

PORT = 2001
FEW = ("127.0.0.1", "10.1.2.3", "192.168.1.5")
CLIENT_PORTS = ("TCPREMOTEPORT", "SOCAT_PEERPORT", "NCAT_REMOTE_PORT")
Told = dict[str, str] | None  # what the server is told of a client, None for one that is refused


def service_of(folder: Path, line: str) -> Service:
    """The service that the script becomes. {probe} in its line is a server that prints its environment."""
    probe = folder / "probe"
    probe.write_text("#!/bin/sh\nexec env\n")
    probe.chmod(0o755)
    line = line.replace("{probe}", str(probe))
    (folder / "run").write_text(f"#!/bin/sh\nexec {line}\n")
    conversion = programs.convert("tcpserver", [str(folder / "run")], Host(systemd=257, hosts_files=()))
    assert conversion.services, [str(entry) for entry in conversion.report.entries]
    return conversion.services[0]


def ours(service: Service, clients: list[str]) -> list[Told]:
    gate = gate_of(service)
    told: list[Told] = []
    for address in clients:
        peer = internet_peer(pack(address), 4711, pack("::1" if ":" in address else "127.0.0.1"), PORT)
        verdict = gate.decide(peer)
        environment = gate.environment(gate.base_environment({}), peer, verdict, None)
        told.append({os.fsdecode(name): os.fsdecode(value) for name, value in environment.items()}
                    if verdict.outcome == ALLOW else None)  # fmt: skip
    return told


def theirs(folder: Path, clients: list[str]) -> list[Told]:
    """The real program; its script and its server are those of service_of."""
    with Namespace() as network, network.running("/bin/sh", "-c", f"cd {folder} && . ./run"):
        network.wait_for_port("127.0.0.1", PORT)
        connections = [(ip, "::1" if ":" in ip else "127.0.0.1", PORT) for ip in clients]
        answers = network.run(lambda: ask(connections))
    lines = [answer.decode(errors="surrogateescape").splitlines() for answer in answers]
    return [{name: value for name, _, value in (word.partition("=") for word in one)} if one else None for one in lines]


def compare(folder: Path, line: str, clients: list[str], own: Callable[[str], bool]) -> int:
    """Both must let in the same clients and tell the same of them. own: the names of the variables that count."""

    def counted(told: Told) -> Told:
        if told is None:
            return None
        return {name: "port" if name in CLIENT_PORTS else value
                for name, value in told.items() if own(name)}  # fmt: skip

    here = list(map(counted, ours(service_of(folder, line), clients)))
    there = list(map(counted, theirs(folder, clients)))
    assert [*zip(clients, here, strict=True)] == [*zip(clients, there, strict=True)], line
    return sum(told is not None for told in there)


def instructions(random: Random, folder: Path) -> None:
    """A folder of instructions about networks that overlap."""
    folder.mkdir()
    for _ in range(random.randint(1, 8)):
        octets = random_address(random, 4).split(".")
        name = ".".join(octets[: random.randint(1, 4)])
        path = folder / random.choice((name, name, name, "0"))
        lines = random.choices(("+A=one", "+B=two words", "+RELAYCLIENT=", "# nothing", "", "+", "+=x", "C5"), k=3)
        path.write_text("\n".join(lines) + random.choice(("", "\n")))
        path.chmod(random.choice((0o644, 0o400, 0o044, 0)))


@pytest.mark.parametrize("form", ["i", "x"])
def test_tcpsvd_lets_in_by_its_instructions_the_clients_that_the_rules_let_in(form: str, tmp_path: Path) -> None:
    require("tcpsvd", "ipsvd-cdb", "ip")
    random = seeded(form == "x")
    let_in = asked = 0
    for number in range(amount(6, 60)):
        folder = tmp_path / str(number)
        folder.mkdir()
        instructions(random, folder / "peers")
        clients = [*FEW, *(name for name in os.listdir(folder / "peers") if name.count(".") == 3)]
        clients += [address for _ in range(4) for address in around(random_network(random, 4))]
        clients = [address for address in dict.fromkeys(clients) if not address.startswith(("0.", "224.", "25"))]
        subprocess.run(["ipsvd-cdb", "peers.cdb", "peers.tmp", "peers"], cwd=folder, check=True)
        option = "-i peers" if form == "i" else "-x peers.cdb"
        let_in += compare(
            folder, f"tcpsvd -l me {option} 0 {PORT} {{probe}}", clients,
            lambda name: name in ("A", "B", "RELAYCLIENT", "PROTO") or name.startswith(("TCPREMOTE", "TCPLOCAL")),
        )  # fmt: skip
        asked += len(clients)
    assert 0 < let_in < asked


@pytest.mark.parametrize("program", ["tcpserver -RHl0", "tcpsvd -l0"])
def test_a_variable_in_front_of_the_listener_says_nothing_of_a_client(program: str, tmp_path: Path) -> None:
    require(program.partition(" ")[0], "ip")
    names = ("PROTO", "TCPREMOTEIP", "TCPREMOTEHOST", "TCPREMOTEINFO", "TCPLOCALIP", "TCPLOCALHOST", "A")
    line = f"env {' '.join(f'{name}=1' for name in names)} {program} 0 {PORT} {{probe}}"
    assert compare(tmp_path, line, list(FEW), lambda name: name in names) == len(FEW)


@pytest.mark.parametrize(
    "words",
    ["--start --exec {echo} -- -b c", "-Sqx {echo} z --quiet -- -b -- c", "-S --startas={echo} -x {echo}",
     "--start --exe {echo} --nice=1 a -- y", "-S --exec {echo} --user root - a"],
)  # fmt: skip
def test_start_stop_daemon_gives_its_program_the_words_of_the_converter(words: str, tmp_path: Path) -> None:
    """A copy of the program: start-stop-daemon starts none that runs already, for whichever test."""
    require("start-stop-daemon")
    own = words.format(echo=shutil.copy("/bin/echo", tmp_path / "echo")).split()
    done = subprocess.run(["start-stop-daemon", *own], capture_output=True, text=True, check=True)
    assert done.stdout.split() == taken_apart(own)[1]


@pytest.mark.parametrize(
    "line",
    [
        f"socat TCP4-LISTEN:{PORT},fork,reuseaddr EXEC:{{probe}}",
        f"socat -t5 -Llock TCP4-LISTEN:{PORT},fork,reuseaddr,reuseport,pktinfo EXEC:{{probe}},sighup,sigint,sigquit",
    ],
)
def test_the_server_of_socat_is_told_of_its_client(line: str, tmp_path: Path) -> None:
    require("socat", "ip")
    names = ("SOCAT_PEERADDR", "SOCAT_PEERPORT", "SOCAT_SOCKADDR", "SOCAT_SOCKPORT")
    assert compare(tmp_path, line, list(FEW), lambda name: name in names) == len(FEW)


@pytest.mark.parametrize("text", ["10.0.0.0/8", "10.1.0.0:255.255.0.0", "10.1.2.3/24", "0.0.0.0/0", "10.1.2.3/32"])
def test_a_range_of_socat_lets_in_the_clients_that_the_gate_lets_in(text: str, tmp_path: Path) -> None:
    require("socat", "ip")
    clients = [*FEW, *around("10.1.2.0/24"), *around("10.1.0.0/16"), *around("10.0.0.0/8")]
    line = f"socat TCP4-LISTEN:{PORT},fork,reuseaddr,range={text} EXEC:{{probe}}"
    assert compare(tmp_path, line, clients, lambda name: name == "SOCAT_PEERADDR")


def test_socat_splits_the_text_of_exec_as_the_converter_does(tmp_path: Path) -> None:
    require("socat", "ip")
    program = tmp_path / "args"
    program.write_text("#!/bin/sh\nfor word; do printf '%s\\0' \"$word\"; done\n")
    program.chmod(0o755)
    for text, words in EXEC_TEXTS.items():
        address = f"EXEC:{text.replace('/opt/args', str(program))}"
        command = ("socat", f"TCP4-LISTEN:{PORT},fork,reuseaddr", address)
        with Namespace() as network, network.running(*command):
            network.wait_for_port("127.0.0.1", PORT)
            (answer,) = network.run(lambda: ask([("127.0.0.1", "127.0.0.1", PORT)]))
        assert answer.decode().split("\0")[:-1] == words[1:], text


NCAT = f"ncat -l -k -e {{probe}} 0.0.0.0 {PORT}"


def test_the_server_of_ncat_is_told_of_its_client(tmp_path: Path) -> None:
    require("ncat", "ip")
    assert compare(tmp_path, NCAT, list(FEW), lambda name: name.startswith("NCAT_")) == len(FEW)


@pytest.mark.parametrize(
    "options",
    ["--allow 10.0.0.0/8", "--deny 10.0.0.0/8", "--allow 10.0.0.0/8 --deny 10.1.0.0/16",
     "--allow 10.1.2.3 --deny 10.1.2.4", "--allow 10.1.2.3 --allow '10.1.3.*'", "--deny 10.1.2.77/24,192.168.1.5"],
)  # fmt: skip
def test_ncat_lets_in_by_its_lists_the_clients_that_the_gate_lets_in(options: str, tmp_path: Path) -> None:
    require("ncat", "ip")
    clients = [*FEW, *around("10.1.2.0/24"), *around("10.1.3.0/24"), *around("10.1.0.0/16"), *around("10.0.0.0/8")]
    assert compare(tmp_path, f"{NCAT} {options}", clients, lambda name: name == "NCAT_REMOTE_ADDR")


def s6_rules(random: Random, folder: Path) -> None:
    for _ in range(random.randint(1, 6)):
        network = random_network(random, 4)
        rule = folder / "ip4" / network.replace("/", "_")
        rule.mkdir(parents=True, exist_ok=True)
        (rule / random.choice(("allow", "allow", "deny", "neither"))).touch()
        if random.random() < 0.5:
            (rule / "env").mkdir(exist_ok=True)
            (rule / "env/A").write_text(random.choice(("one", "two words \nnot this", "=\t")))


def test_a_cdb_of_s6_gives_the_same_rules_as_its_folder(tmp_path: Path) -> None:
    require("s6-accessrules-cdb-from-fs")
    random = seeded()
    lines = 0
    for number in range(amount(20, 200)):
        folder = tmp_path / str(number)
        s6_rules(random, folder / "rules")
        subprocess.run(["s6-accessrules-cdb-from-fs", "rules.cdb", "rules"], cwd=folder, check=True)
        line = f"s6-tcpserver 0.0.0.0 {PORT} s6-tcpserver-access -H {{}} /bin/cat"
        found = [set(service_of(folder, line.format(option)).rules) for option in ("-i rules", "-x rules.cdb")]
        assert found[0] == found[1]
        lines += len(found[0])
    assert lines > amount(20, 200)
