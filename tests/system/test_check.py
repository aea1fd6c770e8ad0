"""sockgatectl check, install and uninstall on a running machine: ports, users, sockets that start or do not."""

import pytest

from sockgate.connection.log import ACCEPTED
from tests.system.machine import Machine
from tests.system.services import listen

AS_MAIL = "[Service]\nUser=mail\n"
RULES = "/etc/sockgate.rules"
OTHER_PROGRAM = """\
[Service]
Type=exec
ExecStart=/usr/bin/python3 -c "import socket, time; s = socket.create_server(('127.0.0.1', 25)); time.sleep(600)"
"""
# What a check at the start of a socket costs, in CPU time of a bare interpreter: the fastest of five runs of each.
MEASURE = """
import resource, subprocess
def seconds(*command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
check = ("sockgatectl", "check", "--level", "error", "smtp.socket")
runs = [(seconds(*check), seconds("/usr/bin/python3", "-I", "-S", "-c", "")) for _ in range(5)]
print(min(first for first, _ in runs) / min(second for _, second in runs))
"""

# A server that writes the records of a hundred connections. They cannot be told from those of the gate in its unit.
CROWD = f"""\
#!/usr/bin/python3
import socket
record = b"MESSAGE_ID={ACCEPTED}\\nSOCKGATE_SERVICE=crowd\\nSOCKGATE_VERDICT=allow\\nMESSAGE=crowd\\n"
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for _ in range(100):
    journal.sendto(record, "/run/systemd/journal/socket")
print("done")
"""


@pytest.fixture(scope="module")
def smtp(machine: Machine) -> Machine:
    """smtp.socket with a server that is there, options that are right, and a user that exists."""
    machine.write("/etc/systemd/system/smtp@.service.d/user.conf", AS_MAIL)
    machine.write("/etc/default/sockgate-smtp", "SOCKGATE_OPTIONS=--allow localhost\nSOCKGATE_SERVER=/bin/cat\n")
    machine.systemctl("daemon-reload")
    return machine


def check(machine: Machine, *words: str) -> tuple[int, str]:
    done = machine.run("sockgatectl", "check", *words, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_good_units_have_no_findings_before_and_after_the_start(smtp: Machine) -> None:
    assert check(smtp, "smtp") == (0, "")
    smtp.systemctl("start", "smtp.socket")
    assert check(smtp, "smtp") == check(smtp, "smtp@.service") == (0, "")
    smtp.systemctl("stop", "smtp.socket")


def test_status_and_top_do_without_a_service_whose_socket_is_masked(smtp: Machine) -> None:
    smtp.systemctl("mask", "smtp.socket")
    assert smtp.run("sockgatectl", "status").stdout == "no service with a gate is enabled or listening\n"
    assert "0 services, 0 clients" in smtp.run("sockgatectl", "top", "--count", "1").stdout
    refused = smtp.run("sockgatectl", "status", "smtp", check=False)
    assert (refused.returncode, refused.stderr) == (
        1,
        "sockgatectl: there is no unit 'smtp.socket', or it is masked\n",
    )
    smtp.systemctl("unmask", "smtp.socket")


def test_a_port_that_another_program_has_is_named_with_it(smtp: Machine) -> None:
    smtp.write("/run/systemd/system/squatter.service", OTHER_PROGRAM)
    smtp.systemctl("daemon-reload")
    smtp.systemctl("start", "squatter.service")
    smtp.wait_for(lambda: bool(smtp.run("ss", "-Hltn", "sport", "=", "25").stdout), "it to listen")
    pid = smtp.systemctl("show", "-P", "MainPID", "squatter.service").stdout.strip()
    line = (
        "/usr/lib/systemd/system/smtp.socket:7: error: smtp.socket: port 25 is taken by python3"
        f" (pid {pid}) (systemctl stop squatter.service; systemctl disable squatter.service)"
    )
    assert check(smtp, "smtp") == (1, line + "\n")
    assert smtp.systemctl("start", "smtp.socket", check=False).returncode
    assert line in [record["MESSAGE"] for record in smtp.journal("-u", "smtp.socket")]
    smtp.systemctl("stop", "squatter.service")
    smtp.systemctl("reset-failed", "smtp.socket")


def test_a_file_that_only_root_can_read_is_found(smtp: Machine) -> None:
    smtp.write(RULES, ":allow\n", mode=0o600)
    smtp.write("/etc/default/sockgate-smtp", f"SOCKGATE_OPTIONS=--rules {RULES}\nSOCKGATE_SERVER=/bin/cat\n")
    assert check(smtp, "smtp") == (
        1,
        f"/etc/default/sockgate-smtp:1: error: smtp@.service: unable to read '{RULES}' as user 'mail'"
        f" (chmod +r {RULES}, and +x for the folders above it)\n",
    )
    smtp.path(RULES).chmod(0o644)
    assert check(smtp, "smtp") == (0, "")


def test_a_missing_table_of_libwrap_is_no_fault_unless_its_folder_is_closed(smtp: Machine) -> None:
    options = "SOCKGATE_OPTIONS=--hosts-access smtpd,/etc/tables\nSOCKGATE_SERVER=/bin/cat\n"
    smtp.write("/etc/default/sockgate-smtp", options)
    smtp.write("/etc/tables/hosts.allow", "ALL: 127.0.0.1\n")
    assert check(smtp, "smtp") == (0, "")
    smtp.path("/etc/tables").chmod(0o700)
    code, said = check(smtp, "smtp")
    assert code == 1
    assert said.splitlines()[0].startswith(
        "/etc/default/sockgate-smtp:1: error: smtp@.service: unable to read '/etc/tables/hosts.allow' as user 'mail'"
    )


def test_a_port_that_only_another_family_has_is_not_taken(smtp: Machine) -> None:
    """Also while the socket itself listens, so that the kernel refuses the port to every program."""
    smtp.write("/etc/default/sockgate-smtp", "SOCKGATE_OPTIONS=--allow localhost\nSOCKGATE_SERVER=/bin/cat\n")
    smtp.write("/etc/systemd/system/smtp.socket.d/4.conf", "[Socket]\nListenStream=\nListenStream=0.0.0.0:25\n")
    listen = "import socket, time; s = socket.create_server(('::', 25), family=socket.AF_INET6); time.sleep(60)"
    smtp.systemctl("daemon-reload")
    smtp.systemctl("start", "smtp.socket")
    try:
        smtp.run("systemd-run", "--quiet", "--unit=other", "/usr/bin/python3", "-c", listen)
        smtp.wait_for(lambda: "[::]:25" in smtp.run("ss", "-Hltn", "sport", "=", "25").stdout, "it to listen")
        assert check(smtp, "smtp") == (0, "")
    finally:
        smtp.run("rm", "/etc/systemd/system/smtp.socket.d/4.conf")
        smtp.systemctl("stop", "smtp.socket", "other.service")
        smtp.systemctl("daemon-reload")


def test_a_wrong_option_fails_the_socket_with_one_clear_line(smtp: Machine) -> None:
    smtp.write("/etc/default/sockgate-smtp", "SOCKGATE_OPTIONS=--alow any\nSOCKGATE_SERVER=/bin/cat\n")
    assert smtp.systemctl("start", "smtp.socket", check=False).returncode
    messages = [record["MESSAGE"] for record in smtp.journal("-u", "smtp.socket", "-t", "sockgatectl")]
    assert messages[-1] == (
        "/etc/default/sockgate-smtp:1: error: smtp@.service: unknown option '--alow' (see sockgate(8))"
    )
    smtp.systemctl("reset-failed", "smtp.socket")


def test_it_takes_little_time_at_the_start_of_a_socket(smtp: Machine) -> None:
    smtp.write("/etc/default/sockgate-smtp", "SOCKGATE_OPTIONS=--allow localhost\nSOCKGATE_SERVER=/bin/cat\n")
    assert float(smtp.python(MEASURE).stdout) < 25


def test_a_server_of_ones_own_takes_two_commands(machine: Machine) -> None:
    words = ["--listen", "7007", "--user", "daemon", "--server", "/bin/echo 'hello  there' 50% $x"]
    said = machine.run("sockgatectl", "install", "hello", *words).stdout
    command = said.splitlines()[-1].removeprefix("next: ")
    assert command == "systemctl enable --now hello.socket"
    for unit in ("hello.socket", "hello@.service"):
        verify = machine.run("systemd-analyze", "verify", unit, check=False)
        assert (verify.stdout + verify.stderr, verify.returncode) == ("", 0)
    machine.shell(command)
    assert check(machine, "hello") == (0, "")
    assert [text for _, text in listen(machine, 7007)] == ["hello  there 50% $x\n"]


def test_a_port_that_has_outgrown_a_gate_for_each_connection_is_told(machine: Machine) -> None:
    machine.write("/usr/local/bin/crowd", CROWD, mode=0o755)
    own = ("--listen", "7009", "--user", "daemon", "--server", "/usr/local/bin/crowd")
    machine.run("sockgatectl", "install", "crowd", *own)
    machine.systemctl("enable", "--now", "crowd.socket")
    assert check(machine, "crowd") == (0, "")
    assert [text for _, text in listen(machine, 7009)] == ["done\n"]
    machine.wait_for(lambda: check(machine, "crowd")[0] == 1, "the journal to have it", 60)
    told = check(machine, "crowd")[1]
    assert "connections a second came in its busiest 10 seconds of the last hour" in told
    assert "a gate for each connection is too slow for this port (" in told
    assert "put Accept=no under [Socket] with `systemctl edit crowd.socket`" in told
    assert told.removesuffix("\n") in machine.run("sockgatectl", "status", "crowd", check=False).stdout
    machine.systemctl("disable", "--now", "crowd.socket")
    machine.run("sockgatectl", "uninstall", "crowd")
    machine.systemctl("daemon-reload")


def test_it_is_removed_when_it_is_no_longer_in_use(machine: Machine) -> None:
    machine.run("sockgatectl", "install", "brief", "--listen", "7008", "--user", "daemon", "--server", "/bin/cat")
    machine.systemctl("enable", "--now", "brief.socket")
    refused = machine.run("sockgatectl", "uninstall", "brief", check=False)
    assert (refused.returncode, refused.stderr) == (
        1,
        "sockgatectl: brief.socket is in use (systemctl disable --now brief.socket)\n",
    )
    machine.systemctl("disable", "--now", "brief.socket")
    machine.run("sockgatectl", "uninstall", "brief")
    machine.systemctl("daemon-reload")
    assert machine.systemctl("cat", "brief.socket", check=False).returncode


def test_without_a_unit_only_what_is_in_use_is_checked(machine: Machine) -> None:
    done = machine.run("sockgatectl", "check", check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == (
        "sockgatectl: left out, not enabled: imap.socket imaps.socket pop3.socket pop3s.socket smtp.socket smtps.socket"
        " (--all includes them)\n"
    )
