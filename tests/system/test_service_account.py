"""A hostile service account: what it can do to root, who writes files into its folders."""

import pytest

from tests.system.machine import Machine
from tests.system.services import CLIENTS

pytestmark = pytest.mark.newest("the files are written by sockgatectl, without systemd")

# The owner of the folder won at the tenth file, as a rule, before files were written through descriptors.
TAKEN = 16
# How many of the files the owner can take depends on the machine: 7 of 60 were seen on a busy one, 50 on a quiet one.
TRIES = 1000
FOLDER, TARGET = "/var/lib/attacker/own", "/etc/target"
# Each of them writes FOLDER/file as root.
WRITERS = {
    "the session cache of courier-environment": "sockgatectl courier-environment /root/courier/pop3d"
    " --output /run/pop3.env",
    "a compiled rules file": f"rm -f {FOLDER}/file; sockgatectl rules compile /root/rules {FOLDER}/file",
}


@pytest.fixture(scope="module")
def attacked(machine: Machine) -> Machine:
    machine.shell(f"""
        mkdir -p {FOLDER} /root/courier
        chown -R courier:courier /var/lib/attacker
        printf 'TLS_CACHEFILE={FOLDER}/file\\n' > /root/courier/pop3d-ssl
        touch /root/courier/pop3d
        printf ':allow\\n' > /root/rules
    """)
    machine.write("/usr/local/lib/race.py", (CLIENTS / "race.py").read_text())
    return machine


@pytest.mark.parametrize("writer", WRITERS)
def test_the_owner_of_a_folder_does_not_get_another_file_by_what_root_writes_there(
    attacked: Machine, writer: str
) -> None:
    attacked.shell(f"""
        rm -f {FOLDER}/* {FOLDER}/../enough
        echo secret > {TARGET}
        chmod 604 {TARGET}
        chown 0:0 {TARGET}
    """)
    race = ("/usr/bin/python3", "/usr/local/lib/race.py", FOLDER, TARGET, str(TAKEN))
    process = attacked.popen("setpriv", "--reuid=courier", "--regid=courier", "--clear-groups", *race)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        until = f"[ ! -e {FOLDER}/../enough ] || break"
        attacked.shell(f"for try in $(seq {TRIES}); do {until}; {WRITERS[writer]} || true; done", timeout=480)
        taken = process.communicate(timeout=30)[0].count("took")
    assert taken == TAKEN
    assert attacked.run("stat", "--format=%U %a", TARGET).stdout == "root 604\n"
    assert attacked.read(TARGET) == "secret\n"
