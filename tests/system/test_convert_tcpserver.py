"""`sockgatectl convert tcpserver`: clients of real run scripts, and then of what became of them."""

import pytest

from tests.system.convert import oracle
from tests.system.convert.scripts import FILES, PORTS, SCRIPTS, scripts_of, start_all, stop_all, text_of
from tests.system.machine import Machine

pytestmark = pytest.mark.oldest_and_newest("the units have no setting that is younger than 252")

PROFILE = "more"

REFUSES_WITHOUT_FILE = "rules-missing-allowed"
SOME = ("192.168.0.5", "10.0.0.1", "203.0.113.7")
Outcome = tuple[oracle.Answers, oracle.Answers, dict[str, list[dict[str, str]]]]


def ask(machine: Machine) -> oracle.Answers:
    """Who has rules is asked by all clients, who has none by some."""
    names = scripts_of(machine.release)
    ruled = [PORTS[name] for name in names if "-x" in SCRIPTS[name]]
    others = [PORTS[name] for name in names if PORTS[name] not in ruled]
    return oracle.ask(machine, ruled, oracle.IPV4_CLIENTS) | oracle.ask(machine, others, SOME)


@pytest.fixture(scope="module")
def converted(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    oracle.prepare(machine, tmp_path_factory.mktemp("build"))
    names = scripts_of(machine.release)
    for name in names:
        machine.write(f"/service/{name}/run", text_of(name), 0o755)
        for file, text in FILES.items():
            machine.write(f"/service/{name}/{file}", text, 0o600 if file == "secret" else 0o755)
    machine.shell("""
        cd /service
        for folder in *; do (cd $folder; for f in rules not-looked-up blocked; do tcprules $f.cdb tmp < $f; done); done
    """)
    start_all(machine)
    listening = "ss -Hltn | grep -c :21"
    machine.wait_for(lambda: machine.shell(listening, check=False).stdout.strip() == str(len(names)), "old servers")
    before = ask(machine)
    stop_all(machine)
    machine.wait_for(lambda: machine.shell(listening, check=False).stdout.strip() == "0", "the old servers to end")
    report = oracle.convert(machine, "tcpserver", *(f"/service/{name}/run" for name in names))
    return before, ask(machine), report


def test_every_script_is_converted(machine: Machine, converted: Outcome) -> None:
    services = {str(service["name"]) for service in converted[2]["services"]}
    assert services == set(scripts_of(machine.release))


def test_clients_get_from_the_converted_services_what_the_scripts_gave(converted: Outcome) -> None:
    before, after, _ = converted
    assert len(oracle.admitted(before)) > len(before) / 2, "the comparison is worth something"
    names = {str(port): name for name, port in PORTS.items()}
    found = [
        f"{names[line.split()[0]]} {line}" for line in oracle.differences(before, after, f"{PORTS['plain']} 10.0.0.1")
    ]
    found = [line for line in found if not line.startswith(f"{REFUSES_WITHOUT_FILE} ")]
    assert not found, "\n".join(found)


def test_while_its_rules_are_missing_the_gate_refuses_each_client_also_with_capital_x(converted: Outcome) -> None:
    before, after, _ = converted
    port = f"{PORTS[REFUSES_WITHOUT_FILE]} "
    assert any(key.startswith(port) for key in oracle.admitted(before))
    assert not any(key.startswith(port) for key in oracle.admitted(after))


def test_no_client_gets_in_that_tcpserver_refused(converted: Outcome) -> None:
    before, after, _ = converted
    assert oracle.admitted(after) <= oracle.admitted(before)
    assert set(before) > oracle.admitted(before)


def test_a_secret_is_in_no_unit_and_in_no_report(machine: Machine, converted: Outcome) -> None:
    assert "s3 cr" not in str(converted[2])
    assert not machine.shell("grep -lF 's3 cr' /etc/systemd/system/*.service", check=False).stdout


def test_systemd_has_nothing_to_say_about_the_units(machine: Machine, converted: Outcome) -> None:
    assert oracle.verify(machine) == ""
