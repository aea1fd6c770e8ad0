"""`sockgatectl convert tcpserver` of sslserver's run scripts: what a server sees behind TLS.

ucspi-ssl is in no release of Debian. What sslserver -e shows its server is what tcpserver shows its own: so the same
scripts run under the real tcpserver first, and then, with sslserver in its place, converted and behind stunnel.
"""

import json
import re
from pathlib import Path

import pytest

from sockgate.connection.log import ACCEPTED
from tests.system import certificates
from tests.system.convert import oracle
from tests.system.convert.scripts import FILES, scripts_of, start_all, stop_all
from tests.system.machine import Machine

pytestmark = pytest.mark.oldest_and_newest("stunnel differs from release to release, systemd's part does not")

PROFILE = "more"

TLS_CLIENT = (Path(__file__).parent / "convert/tls_client.py").read_text()
FIRST_PORT = 21000
TARGET = "127.0.0.1"
SOME = ("192.168.0.5", "203.0.113.7")
T = "SERVER -vRHl0"
SCRIPTS = {
    "plain": f"exec 2>&1\nexec {T} 0 PORT /opt/probe",
    "words": f"exec {T} 0 PORT /opt/probe a 'b  c' '$HOME ${{x}}' %n 100% '\\x41' \"'q'\" '' '#' 'x\ty' '\"'",
    "rules": f"exec {T} -x rules.cdb 0 PORT /opt/probe",
    "rules-and-user": f"exec {T} -x rules.cdb -u 1234 -g 5678 0 PORT /opt/probe",
    "id": f"U=`id -u prober`\nG=$(id -g prober)\nexec {T} -u \"$U\" -g \"$G\" 0 PORT /opt/probe",
    "group-alone": f"exec {T} -g 8 0 PORT /opt/probe",
    "setuidgid-behind": f"exec {T} 0 PORT setuidgid prober /opt/probe",
    "envuidgid": f"exec envuidgid prober {T} -U 0 PORT /opt/probe",
    "chpst-groups": f"exec {T} 0 PORT chpst -u prober:games -m 200000000 /opt/probe",
    "softlimit": f"exec softlimit -m 20000000 -o 40 {T} 0 PORT /opt/probe",
    "softlimit-behind": f"exec {T} 0 PORT softlimit -a 300000000 -t 30 /opt/probe",
    "limits": f"umask 077\nulimit -n 60\nulimit -S -v 400000\nexec {T} 0 PORT /opt/probe",
    "banner": f"exec {T} -B '220 hello %n $x \"q\"\n' 0 PORT /opt/probe a ''",
    "envdir": f"exec envdir ./env {T} 0 PORT /opt/probe",
    "env": f"export GONE=1\nexec env - PATH=$PATH A=b CERTFILE={certificates.SERVER} {T} 0 PORT /opt/probe",
    "argv0": f"exec {T} 0 PORT argv0 /bin/cat another-name /proc/self/cmdline",
    "argv0-behind-banner": f"exec {T} -B x 0 PORT argv0 /bin/cat another-name /proc/self/cmdline",
    "path": f"PATH=/opt:$PATH\nexec {T} 0 PORT probe x",
    "nice": f"exec nice -n 7 {T} 0 PORT /opt/probe",
}  # fmt: skip
PORTS = {name: FIRST_PORT + number for number, name in enumerate(SCRIPTS)}
CLIENT_CERTIFICATES = {"mail": ("-m", 21100), "host-without-look-up": ("-z", 21101), "older": ("-i", 21102)}
PLAIN_PORT = 21103  # sslserver without -e
# A client that hears everything before it says anything: a handshake would begin with what it says.
PLAIN_CLIENT = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30, ("203.0.113.7", 0)) as client:
    print(client.recv(100))
"""
# What sslserver adds, and what stunnel tells of its client.
OF_TLS = re.compile(r"^(SSL(LOCAL|REMOTE)(IP|PORT|HOST)|REMOTE_HOST)=")


def text_of(name: str, server: str) -> str:
    """The script for one of both programs. Both have the variables, so that the server has them, too."""
    script = SCRIPTS[name].replace("SERVER", server).replace("PORT", str(PORTS[name]))
    return f"#!/bin/sh\nexport CERTFILE={certificates.SERVER} CIPHERS='HIGH:!aNULL'\n{script}\n"


def ask(machine: Machine, ports: list[int], clients: tuple[str, ...], certificate: str | None = None) -> oracle.Answers:
    question = json.dumps([clients, ports, TARGET, certificates.AUTHORITY, certificates.NAME, certificate])
    answers: oracle.Answers = json.loads(machine.python(TLS_CLIENT, question, timeout=300).stdout)
    return answers


def sort_ports(machine: Machine) -> tuple[list[int], list[int]]:
    """Those with rules are asked by all clients, the others by some."""
    names = scripts_of(machine.release, SCRIPTS)
    ruled = [PORTS[name] for name in names if "-x" in SCRIPTS[name]]
    return ruled, [PORTS[name] for name in names if PORTS[name] not in ruled]


@pytest.fixture(scope="module")
def before(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> oracle.Answers:
    """What tcpserver's clients get."""
    oracle.prepare(machine, tmp_path_factory.mktemp("build"))
    certificates.make(machine)
    machine.run("chmod", "600", certificates.SERVER)
    names = scripts_of(machine.release, SCRIPTS)
    for name in names:
        machine.write(f"/service/{name}/run", text_of(name, "tcpserver"), 0o755)
        for file, text in FILES.items():
            machine.write(f"/service/{name}/{file}", text, 0o755)
    machine.shell("cd /service; for folder in *; do (cd $folder; tcprules rules.cdb tmp < rules); done")
    start_all(machine)
    listening = "ss -Hltn | grep -c :21"
    machine.wait_for(lambda: machine.shell(listening, check=False).stdout.strip() == str(len(names)), "old servers")
    ruled, others = sort_ports(machine)
    answers = oracle.ask(machine, ruled, oracle.IPV4_CLIENTS) | oracle.ask(machine, others, SOME)
    stop_all(machine)
    machine.wait_for(lambda: machine.shell(listening, check=False).stdout.strip() == "0", "the old servers to end")
    return answers


@pytest.fixture(scope="module")
def report(machine: Machine, before: oracle.Answers) -> oracle.Report:
    """The same with sslserver, and others that have no equal under tcpserver; installed and started."""
    environment = f"#!/bin/sh\nexport CERTFILE={certificates.SERVER} CAFILE={certificates.AUTHORITY}\n"
    for name in scripts_of(machine.release, SCRIPTS):
        machine.write(f"/service/{name}/run", text_of(name, "sslserver -e"), 0o755)
    for name, (letter, port) in CLIENT_CERTIFICATES.items():
        line = f"exec sslserver -eRHl0 {letter} 0 {port} /opt/probe\n"
        machine.write(f"/service/{name}/run", environment + line, 0o755)
    machine.write("/service/ssl/run", f"{environment}exec sslserver -RHl me 0 {PLAIN_PORT} /opt/probe\n", 0o755)
    files = sorted(machine.shell("echo /service/*/run").stdout.split())
    done = machine.run("sockgatectl", "convert", "tcpserver", *files, "--install", "--json", check=False)
    assert done.returncode in (0, 1), done.stderr
    converted: oracle.Report = json.loads(done.stdout)
    oracle.start(machine, converted)
    return converted


@pytest.fixture(scope="module")
def after(machine: Machine, report: oracle.Report) -> oracle.Answers:
    ruled, others = sort_ports(machine)
    return ask(machine, ruled, oracle.IPV4_CLIENTS) | ask(machine, others, SOME)


def test_every_script_is_converted(machine: Machine, report: oracle.Report) -> None:
    names = {str(service["name"]) for service in report["services"]}
    assert names == {*scripts_of(machine.release, SCRIPTS), *CLIENT_CERTIFICATES, "ssl"}


def test_servers_behind_tls_see_what_tcpserver_showed_them(before: oracle.Answers, after: oracle.Answers) -> None:
    assert len(oracle.admitted(before)) > len(before) / 2, "the comparison is worth something"
    names = {str(port): name for name, port in PORTS.items()}
    differences = oracle.differences(before, after, f"{PORTS['plain']} {SOME[0]}", OF_TLS)
    found = [f"{names[line.split()[0]]} {line}" for line in differences]
    assert not found, "\n".join(found)


def test_no_client_gets_in_that_tcpserver_refused(before: oracle.Answers, after: oracle.Answers) -> None:
    assert oracle.admitted(after) <= oracle.admitted(before)
    assert set(before) > oracle.admitted(before)


@pytest.mark.parametrize("name", CLIENT_CERTIFICATES)
def test_a_client_that_had_to_show_a_certificate_still_has_to(
    machine: Machine, report: oracle.Report, name: str
) -> None:
    port = CLIENT_CERTIFICATES[name][1]
    for certificate in (None, certificates.SELF_SIGNED):
        assert ask(machine, [port], SOME[:1], certificate) == {f"{port} {SOME[0]}": ""}
    (answer,) = ask(machine, [port], SOME[:1], certificates.CLIENT).values()
    assert "SSL_CLIENT_DN=" in (answer or "")


def test_without_e_the_client_is_known_by_the_names_of_ucspi_ssl(machine: Machine, report: oracle.Report) -> None:
    (answer,) = ask(machine, [PLAIN_PORT], SOME[:1]).values()
    variables = dict(line.split("=", 1) for line in (answer or "").splitlines() if "=" in line)
    told = {
        "PROTO": "SSL", "SSLREMOTEIP": SOME[0], "SSLLOCALIP": TARGET, "SSLLOCALPORT": str(PLAIN_PORT),
        "SSLLOCALHOST": "me", "SSLREMOTEPORT": variables["TCPREMOTEPORT"],
    }  # fmt: skip
    assert {name: variables.get(name) for name in told} == told


def test_the_key_is_read_before_stunnel_becomes_the_servers_user(machine: Machine, after: oracle.Answers) -> None:
    assert machine.run("stat", "--format=%a %U", certificates.SERVER).stdout == "600 root\n"
    assert "uid 1234 gid 5678" in (after[f"{PORTS['rules-and-user']} {SOME[0]}"] or "")


def test_systemd_and_sockgatectl_have_nothing_to_say_about_the_units(machine: Machine, report: oracle.Report) -> None:
    assert oracle.verify(machine) == ""
    found = machine.run("sockgatectl", "check", "--level", "error", "plain", "rules", check=False)
    assert (found.stdout, found.returncode) == ("", 0)


def test_a_session_leaves_only_the_gates_records(machine: Machine, after: oracle.Answers) -> None:
    machine.journal("_SYSTEMD_UNIT=plain.service", f"MESSAGE_ID={ACCEPTED}")
    said = [record["MESSAGE"] for record in machine.journal("_SYSTEMD_UNIT=plain.service")]
    assert not [message for message in said if not message.startswith("plain: ")]


def test_a_refused_client_gets_no_handshake(machine: Machine, after: oracle.Answers) -> None:
    assert after[f"{PORTS['rules']} 203.0.113.7"] == ""
    heard = machine.python(PLAIN_CLIENT, str(PORTS["rules"])).stdout
    assert heard == "b''\n"


def test_the_commands_to_switch_back_take_the_files_of_stunnel_along(report: dict[str, dict[str, list[str]]]) -> None:
    assert "/etc/sockgate/plain.conf" in " ".join(report["install"]["switch_back"]).split()
