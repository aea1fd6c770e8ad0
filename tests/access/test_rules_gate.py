"""--rules through the real gate: what the server gets, what a refused client is told, what the log says."""

import os
import subprocess
import threading
from pathlib import Path

import pytest

from sockgate.rulefile.compiler import compile_rules
from tests.connection.launch import AS_GIVEN, Launcher, internet

# Without the capability to read everything, root is a user like any other.
LIKE_ANY_USER = 'exec setpriv --bounding-set=-dac_override,-dac_read_search "$@"' if os.geteuid() == 0 else AS_GIVEN
RULES = '127.0.0.1:allow,RELAYCLIENT="",TCPREMOTEINFO="known"\n127.0.0.2:deny,DIEMSG="554 go away"\n:deny\n'


@pytest.fixture
def rules(tmp_path: Path) -> str:
    (tmp_path / "rules").write_text(RULES)
    return f"{tmp_path}/rules"


def test_the_variables_of_the_rule_come_last_and_strongest(launcher: Launcher, rules: str) -> None:
    options = ["--rules", rules, "--relay", "127.0.0.2", "--env", "RELAYCLIENT=no", "--env", "A=b"]
    given = launcher.serve(internet(), options).own_environment()
    assert (given[b"RELAYCLIENT"], given[b"TCPREMOTEINFO"], given[b"A"]) == (b"", b"known", b"b")


def test_a_refused_client_is_told_the_message_and_its_server_never_runs(launcher: Launcher, rules: str) -> None:
    outcome = launcher.run(internet("0.0.0.0", "127.0.0.2"), ["--rules", rules, *launcher.dumper()])
    assert (outcome.server, outcome.code, outcome.said) == (None, 0, b"554 go away\r\n")
    assert f'{rules}:2: 127.0.0.2:deny,DIEMSG="554 go away"' in outcome.log
    outcome = launcher.run(internet("0.0.0.0", "127.0.0.3"), ["--rules", rules, *launcher.dumper()])
    assert (outcome.server, outcome.said) == (None, b"")


def test_rules_that_cannot_be_read_refuse_every_client_with_one_line(launcher: Launcher, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "bad").write_text("127.0.0.1:allow\n10.1:deny\n:allow\n")
    for name, reason in (
        ("missing", f"unable to read '{tmp_path}/missing': No such file or directory"),
        ("fifo", f"unable to read '{tmp_path}/fifo': not a regular file"),
        (".", f"unable to read '{tmp_path}/.': not a regular file"),
        ("bad", f"{tmp_path}/bad:2: '10.1' is not an IP address (for the network write 10.1. or 10.1.0.0/16)"),
    ):
        outcome = launcher.run(internet(), ["--rules", f"{tmp_path}/{name}", *launcher.dumper()])
        assert (outcome.server, outcome.code, outcome.said) == (None, 100, b"")
        assert outcome.log.count("\n") == 1
        assert reason in outcome.log


def test_a_server_that_cannot_read_the_rules_serves_no_client(launcher: Launcher, rules: str) -> None:
    os.chmod(rules, 0)
    outcome = launcher.run(internet(), ["--rules", rules, *launcher.dumper()], prelude=LIKE_ANY_USER)
    assert (outcome.server, outcome.code) == (None, 100)
    assert f"unable to read '{rules}': Permission denied" in outcome.log


def test_a_file_of_patterns_that_may_not_be_read_concerns_its_own_rule_alone(
    launcher: Launcher, tmp_path: Path
) -> None:
    (tmp_path / "patterns").write_text("198.51.100.7\n")
    (tmp_path / "patterns").chmod(0)
    (tmp_path / "hosts.allow").write_text("ALL: 127.0.0.1\n")
    (tmp_path / "hosts.deny").write_text(f"ALL: {tmp_path}/patterns\n")
    words = ["--hosts-access", f"smtp,{tmp_path}"]
    assert launcher.run(internet(), [*words, *launcher.dumper()], prelude=LIKE_ANY_USER).server is not None
    refused = launcher.run(internet("0.0.0.0", "127.0.0.2"), [*words, *launcher.dumper()], prelude=LIKE_ANY_USER)
    assert (refused.server, refused.code) == (None, 0)
    assert "Permission denied" in refused.log


def test_rules_that_are_swapped_under_load_are_the_old_or_the_new_ones(launcher: Launcher, in_memory: Path) -> None:
    texts = [in_memory / "one", in_memory / "two"]
    texts[0].write_text("10.:deny\n:deny\n")
    texts[1].write_text("".join(f"10.{n}.:allow\n" for n in range(256)) + ":deny\n")
    target = str(in_memory / "cdb")
    compile_rules(str(texts[0]), target)
    done = threading.Event()

    def swap() -> None:
        for number in range(300):
            compile_rules(str(texts[number % 2]), target)
        done.set()

    writer = threading.Thread(target=swap)
    writer.start()
    outcomes = set()
    while not done.is_set():
        outcome = launcher.run(internet(), ["--rules", target, *launcher.dumper()])
        outcomes.add((outcome.server, outcome.code, outcome.said))
    writer.join()
    assert outcomes == {(None, 0, b"")}


def test_rules_load_only_what_they_need(launcher: Launcher, rules: str) -> None:
    command = ["/usr/bin/python3", "-ISX", "importtime", str(launcher.program), "--rules", rules, "/bin/true"]
    near, far = internet()
    with near, far:
        done = subprocess.run(command, stdin=near.fileno(), capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert {"sockgate.access.tcprules_access", "sockgate.access.tcprules"} <= loaded
    assert not {"os", "re", "struct", "mmap", "socket", "sockgate.access.courier_access", "sockgate.resolve"} & loaded
