"""A hundred conversations with an SMTP server to QUIT, behind what became of each old program: nothing is left."""

import pytest

from tests.system import services
from tests.system.convert import oracle
from tests.system.machine import Machine
from tests.system.test_smtp import ACCEPTED, MEMBER, STRANGER

PROFILE = "more"

SERVER = "/usr/sbin/courieresmtpd"
AT_A_TIME, CLIENTS = 50, 100
XINETD = f"""service moved
{{
    type = UNLISTED
    flags = NAMEINARGS
    socket_type = stream
    protocol = tcp
    wait = no
    user = courier
    port = 2501
    cps = 500 10
    instances = {AT_A_TIME}
    server = /var/qmail/bin/tcp-env
    server_args = tcp-env -R /usr/local/bin/relaycheck 127.0.0. {SERVER}
    passenv = PATH
}}
"""
RUN = f"""#!/bin/sh
exec tcpserver -HRl0 -x /etc/moved.cdb -c {AT_A_TIME} -u $(id -u courier) -g $(id -g courier) 0 2502 {SERVER}
"""
COURIER = f"""PORT=2503
MAXDAEMONS={AT_A_TIME}
MAXPERIP={AT_A_TIME}
MAXPERC={AT_A_TIME}
TCPDOPTS="-nodnslookup -stderrlogger=/usr/sbin/courierlogger"
"""
# The program, its configuration, the name of what becomes of it, and its port.
MOVED = [
    ("xinetd", "/etc/xinetd.conf", "moved", 2501),
    ("tcpserver", "/service/moved-run/run", "moved-run", 2502),
    ("couriertcpd", "/etc/courier/esmtpd", "esmtpd", 2503),
]


@pytest.fixture(scope="module")
def mail(machine: Machine) -> Machine:
    """A machine with the three services. Each lets 127.0.0.1 relay."""
    services.courier_accounts(machine)
    services.courier_smtp_settings(machine)
    machine.systemctl("start", "courier-authdaemon")
    machine.write("/etc/xinetd.conf", XINETD)
    machine.write("/service/moved-run/run", RUN, 0o755)
    machine.write("/etc/courier/esmtpd", machine.read("/etc/courier/esmtpd") + COURIER)
    machine.write("/etc/courier/smtpaccess/default", "127.0.0\tallow,RELAYCLIENT\n")
    machine.shell("""
        makesmtpaccess
        echo '127.0.0.:allow,RELAYCLIENT=""' | tcprules /etc/moved.cdb /etc/moved.tmp
    """)
    for program, path, _, _ in MOVED:
        oracle.convert(machine, program, path)
    return machine


@pytest.mark.parametrize(("name", "port"), [row[2:] for row in MOVED], ids=[row[0] for row in MOVED])
def test_a_hundred_conversations_leave_no_process(mail: Machine, name: str, port: int) -> None:
    for _ in range(0, CLIENTS, AT_A_TIME):
        answers = services.converse(mail, [("127.0.0.1", "127.0.0.1", port)] * AT_A_TIME, [STRANGER, MEMBER])
        assert answers == [ACCEPTED] * AT_A_TIME
    services.wait_until_idle(mail, name)
    assert mail.run("pgrep", "-x", "courieresmtpd", check=False).stdout == ""
    assert services.failed_units(mail) == ""
