"""`sockgatectl convert couriertcpd`: clients of couriertcpd, and then of what became of Debian's own settings."""

import json
import re

import pytest

from tests.system import services
from tests.system.convert import oracle
from tests.system.machine import Machine

pytestmark = pytest.mark.oldest_and_newest("Courier differs from release to release, systemd's part does not")

PROFILE = "more"

IMAP_RULES = """192.168.0\tallow,NOTE='a, b'
10\tallow,NOTE=ten
10.1\tdeny
127.0.0.1\tallow
:fd00:0001\tallow,NOTE=six
*\tdeny
"""
SMTP_RULES = "127.0.0.1\tallow,RELAYCLIENT\n192.168.0\tallow,RELAYCLIENT\n10.1\tdeny\n:fd00:0002\tdeny\n"
SETTINGS = """
cd /etc/courier
echo MAXPERIP=3 >> pop3d
sed -i 's/^TCPDOPTS=.*/TCPDOPTS="-nodnslookup -stderrlogger=\\/usr\\/sbin\\/courierlogger"/' esmtpd
echo 'IMAP_CAPABILITY="$IMAP_CAPABILITY X-EVALUATED"' >> imapd
echo 'IMAP_UMASK=027' >> imapd
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=mail.example.test \
    -addext subjectAltName=DNS:mail.example.test -keyout key -out cert 2> /dev/null
cat key cert > imapd.pem
cp cert /root/authority
chown courier imapd.pem
chmod 600 imapd.pem
cp -p imapd.pem pop3d.pem
cp -p imapd.pem esmtpd.pem
sed -i '/^TLS_DHPARAMS/d' imapd-ssl pop3d-ssl esmtpd-ssl
makeimapaccess
makesmtpaccess
"""
OLD = ("/usr/lib/courier/imapd", "/usr/lib/courier/pop3d", "/usr/sbin/esmtpd", "/usr/sbin/esmtpd-msa")
PORTS = {"imapd": 143, "pop3d": 110, "esmtpd": 25, "esmtpd-msa": 587}
OVER_TLS = ("imapd-ssl", "pop3d-ssl", "esmtpd-ssl")
SERVERS = (
    "/usr/lib/courier/courier/imaplogin", "/usr/lib/courier/courier/courierpop3login", "/usr/sbin/courieresmtpd"
)  # fmt: skip
AUTHORITY = "/root/authority"
INSIDER, OUTSIDER = "192.168.0.5", "203.0.113.7"
MAXPERIP = 3
# What the start scripts have of their own: where they stand, and the folders that their builder put into them.
SCRIPTS_OWN = re.compile(r" folder \S+|^(exec_)?prefix=.*|^(bin|sbin|libexec|sysconf)dir=.*", re.MULTILINE)
Outcome = tuple[oracle.Answers, oracle.Answers, list[list[str]]]


def old_servers(machine: Machine, action: str) -> None:
    machine.shell("renice --priority 0 $$ > /dev/null; mkdir -p /run/courier; chown courier /run/courier; "
                  + "; ".join(f"{script} {action}" for script in OLD))  # fmt: skip
    wanted = action == "start"
    machine.wait_for(
        lambda: all(bool(machine.run("ss", "-Hltn", f"sport = :{port}").stdout) == wanted for port in PORTS.values()),
        f"Courier to {action}",
    )


def normal(answers: oracle.Answers) -> oracle.Answers:
    """Addresses are not mapped any more; the start scripts stood in different folders."""
    return {key: answer and SCRIPTS_OWN.sub("", answer.replace("::ffff:", "")) for key, answer in answers.items()}


def greetings(machine: Machine) -> list[str]:
    text = services.client(machine, "perip", INSIDER, "110", str(MAXPERIP + 1))
    return [str(greeting) for greeting in json.loads(text)]


@pytest.fixture(scope="module")
def converted(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    oracle.prepare(machine, tmp_path_factory.mktemp("build"))
    machine.write("/etc/courier/imapaccess/default", IMAP_RULES)
    machine.write("/etc/courier/smtpaccess/default", SMTP_RULES)
    machine.shell(SETTINGS)
    machine.shell("".join(f"mv {path} {path}.real; cp /opt/probe {path}; " for path in SERVERS))
    old_servers(machine, "start")
    before = oracle.ask(machine, PORTS.values())
    old_servers(machine, "stop")
    report = oracle.convert(machine, "couriertcpd", *(f"/etc/courier/{name}" for name in (*PORTS, *OVER_TLS)))
    assert [service["name"] for service in report["services"]] == [*PORTS, *OVER_TLS]
    after = oracle.ask(machine, PORTS.values())
    machine.shell("".join(f"mv {path}.real {path}; " for path in SERVERS))
    machine.systemctl("stop", *(f"{name}.socket" for name in PORTS))
    old_servers(machine, "start")
    limited = [greetings(machine)]
    old_servers(machine, "stop")
    machine.systemctl("start", *(f"{name}.socket" for name in PORTS))
    return normal(before), normal(after), [*limited, greetings(machine)]


@pytest.fixture(scope="module")
def mail(machine: Machine, converted: Outcome) -> Machine:
    services.courier_accounts(machine)
    services.courier_smtp_settings(machine)
    machine.systemctl("restart", "courier-authdaemon", *(f"{name}.socket" for name in PORTS))
    return machine


def test_clients_get_from_the_converted_services_what_couriertcpd_gave(converted: Outcome) -> None:
    before, after, _ = converted
    assert len(oracle.admitted(before)) > len(before) / 2, "the comparison is worth something"
    beside = re.compile(r"(PROTO|TCP6(LOCAL|REMOTE)(IP|PORT))=")
    found = oracle.differences(before, after, "110 10.0.0.1", beside)
    assert not found, "\n".join(found)


def test_no_client_gets_in_that_couriertcpd_refused(converted: Outcome) -> None:
    before, after, _ = converted
    assert oracle.admitted(after) <= oracle.admitted(before)
    assert len(set(before) - oracle.admitted(before)) > 8


def test_the_limit_for_each_address_holds_as_before(converted: Outcome) -> None:
    before, after = converted[2]
    assert before == after == ["+OK"] * MAXPERIP + [""]


@pytest.mark.parametrize(("name", "setting", "limit"),
                         [("esmtpd", "ULIMIT", "data size"), ("imapd", "IMAP_ULIMITD", "address space")])  # fmt: skip
def test_the_gate_lives_under_the_limit_of_its_servers_so_that_they_need_no_fork(
    machine: Machine, converted: Outcome, name: str, setting: str, limit: str
) -> None:
    assert converted
    machine.systemctl("start", f"{name}.service")
    kilobytes = machine.shell(f"sed -n s/^{setting}=//p /etc/courier/{name}").stdout
    gate = machine.systemctl("show", "--property=MainPID", "--value", f"{name}.service").stdout.strip()
    soft_and_hard = machine.shell(f"sed -n 's/^Max {limit} *//p' /proc/{gate}/limits").stdout.split()[:2]
    assert int(soft_and_hard[1]) == int(kilobytes) << 10


@pytest.mark.parametrize("protocol", ["imap", "imaptls", "pop3"])
def test_an_insider_reads_mail(mail: Machine, protocol: str) -> None:
    services.client(mail, "mailbox", "imap", INSIDER, services.INSIDE)
    read = services.client(mail, "mailbox", protocol, INSIDER, services.INSIDE)
    assert read.split() == ["Subject:", "greeting", "hello"]


@pytest.mark.parametrize("protocol", ["imaps", "pop3s"])
def test_a_client_that_verifies_the_certificate_reads_mail_through_couriertls(mail: Machine, protocol: str) -> None:
    services.client(mail, "mailbox", "imap", INSIDER, services.INSIDE)
    read = services.client(mail, "mailbox", protocol, INSIDER, services.INSIDE, AUTHORITY)
    assert read.split() == ["Subject:", "greeting", "hello"]
    other = "/etc/ssl/certs/ca-certificates.crt"
    assert services.client(mail, "mailbox", protocol, INSIDER, services.INSIDE, other, check=False) == ""


def test_a_refused_client_reads_no_mail_over_tls_either(mail: Machine) -> None:
    assert services.client(mail, "mailbox", "imaps", OUTSIDER, services.INSIDE, AUTHORITY, check=False) == ""


@pytest.mark.parametrize(("source", "code"), [(INSIDER, "250"), (OUTSIDER, "513")])
def test_mail_over_tls_is_relayed_for_those_of_smtpaccess_alone(mail: Machine, source: str, code: str) -> None:
    say = [
        "EHLO client.example.test",
        "MAIL FROM:<>",
        "RCPT TO:<user@foreign.example>",
        "QUIT",
    ]
    wish = {"source": source, "destination": services.INSIDE, "port": 465, "ca": AUTHORITY,
            "name": "mail.example.test", "certificate": None, "say": say}  # fmt: skip
    session = json.loads(services.client(mail, "tls", json.dumps(wish)))
    assert [reply[:3] for reply in session["replies"]] == ["220", "250", "250", code, "221"], session


def test_mail_is_relayed_for_those_of_smtpaccess_alone(mail: Machine) -> None:
    stranger, member = "user@foreign.example", f"alice@{services.LOCAL_DOMAIN}"
    clients = [(INSIDER, services.INSIDE, 25), (OUTSIDER, services.INSIDE, 25)]
    answers = services.converse(mail, clients, [stranger, member])
    assert [codes[3:5] for codes in answers] == [[250, 250], [513, 250]]


def test_systemd_has_nothing_to_say_about_the_units(machine: Machine, converted: Outcome) -> None:
    assert oracle.verify(machine) == ""
