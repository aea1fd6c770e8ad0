"""The gates of a machine as its unit files have them."""

import pwd
from pathlib import Path

from sockgate.ctl.senders import senders_of
from sockgate.journal.senders import GateUnit
from sockgate.units.search import UnitSearch
from tests.units.tree import write_tree

ETC = "/etc/systemd/system"
UNITS = {
    "named@": "ExecStart=/usr/sbin/sockgate --name other -- /bin/true\nUser=4711\n",
    "plain@": "ExecStart=/usr/sbin/sockgate --allow any /usr/bin/server -x\nUser=daemon\n",
    "all": "ExecStart=/usr/sbin/sockgated --max-connections 3 --name %p -- /bin/true\n",
    "dynamic@": "ExecStart=/usr/sbin/sockgate /bin/true\nUser=root\nDynamicUser=yes\n",
    "unknown@": "ExecStart=/usr/sbin/sockgate /bin/true\nUser=no-such-user\n",
    "odd@": "ExecStart=/usr/sbin/sockgate /bin/true\nUser=\u00b2\n",
    "wrong@": "ExecStart=/usr/sbin/sockgate --no-such-option /bin/true\n",
    "both@": "ExecStart=/usr/sbin/sockgate --name %p /bin/true\n",
    "both": "ExecStart=/usr/bin/something\n",
    "web": "ExecStart=/usr/sbin/apache2\n",
    "agent@": "Environment=OPTIONS=--name=agent\nExecStart=/usr/sbin/sockgate $OPTIONS -- /bin/true\n",
}


def test_each_gate_has_the_name_and_the_user_of_its_unit(tmp_path: Path) -> None:
    write_tree(tmp_path, {f"{ETC}/{name}.service": f"[Service]\n{text}" for name, text in UNITS.items()})
    senders = senders_of(UnitSearch(str(tmp_path)))
    daemon = pwd.getpwnam("daemon").pw_uid
    assert set(senders.gates.values()) == {
        GateUnit("named", "other", 4711), GateUnit("plain", "server", daemon), GateUnit("all", "all", 0),
        GateUnit("dynamic", "true"), GateUnit("unknown", "true"), GateUnit("odd", "true"),
        GateUnit("wrong", "wrong", 0),
        GateUnit("both", "both", 0), GateUnit("agent", "agent", 0),
    }  # fmt: skip
    assert senders.others == {"web"}
    assert senders.named("other") == senders.named("named") == (GateUnit("named", "other", 4711),)
    assert senders.named("gone") == (GateUnit("gone", "gone"),)
