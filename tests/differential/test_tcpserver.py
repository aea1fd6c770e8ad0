"""--rules against the real tcpserver -x, in whole connections: who is let in, and what the server is told.

The gate reads the cdb of tcprules, or the text that it was made of. Some have a catch-all rule, some have none.
"""

from pathlib import Path

from tests.connection.launch import make_launcher

from .namespace import Namespace, ask, require
from .scale import SEED, amount
from .tcprules import Maker, compile_really

CLIENTS = 30
TCPSERVER_PORT, SOCKGATE_PORT = 2001, 2002


def test_a_gate_with_rules_answers_as_tcpserver(tmp_path: Path) -> None:
    require("tcpserver", "tcprules", "systemd-socket-activate", "ip")
    maker = Maker(SEED)
    let_in = refused = 0
    for number in range(amount(4, 20)):
        folder = tmp_path / str(number)
        folder.mkdir()
        text = folder / "text"
        text.write_text("".join(f"{rule}\n" for rule in [*maker.file(), "1.:deny", "2.:deny"]))
        cdb = compile_really(folder, text.read_text())
        assert cdb is not None
        clients = [maker.ip() for _ in range(CLIENTS)]
        theirs, ours = answers(cdb, (cdb, text)[number % 2], folder, clients)
        assert [*zip(clients, ours, strict=True)] == [*zip(clients, theirs, strict=True)]
        let_in += sum(answer is not None for answer in theirs)
        refused += sum(answer is None for answer in theirs)
    assert let_in > CLIENTS
    assert refused > CLIENTS


def answers(cdb: Path, rules: Path, folder: Path, clients: list[str]) -> tuple[list[object], list[object]]:
    """The environments that tcpserver and sockgate give their server for each client, None for a refusal."""
    gate = make_launcher(folder).program
    tcpserver = ("tcpserver", "-x", cdb, "-HRl0", "-c200", "-b200", "127.0.0.1", str(TCPSERVER_PORT), "env")
    sockgate = (
        "systemd-socket-activate", "--listen", f"127.0.0.1:{SOCKGATE_PORT}", "--accept", "--inetd", "--",
        gate, "--rules", rules, "/usr/bin/env",
    )  # fmt: skip
    with Namespace() as network, network.running(*tcpserver), network.running(*sockgate):
        for port in (TCPSERVER_PORT, SOCKGATE_PORT):
            network.wait_for_port("127.0.0.1", port)
        connections = [(ip, "127.0.0.1", port) for port in (TCPSERVER_PORT, SOCKGATE_PORT) for ip in clients]
        said = [environment(answer) for answer in network.run(lambda: ask(connections))]
    return said[: len(clients)], said[len(clients) :]


def environment(answer: bytes) -> object:
    """What does not depend on the port of this connection: who the client is, and what the rule set."""
    if b"PROTO=TCP" not in answer:
        return None  # the message of a refusal, DIEMSG, is ours alone
    variables = dict(line.split(b"=", 1) for line in answer.splitlines())
    own = ("PROTO", "TCPLOCALIP", "TCPREMOTEIP", "TCPREMOTEHOST", "RELAYCLIENT", "RBLSMTPD", "A", "DATABYTES", "DIEMSG")
    return {name: variables.get(name.encode()) for name in own}
