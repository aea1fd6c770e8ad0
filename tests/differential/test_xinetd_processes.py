"""What the real xinetd gives its server, and on which port, against what the converted units say."""

import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.convert.service import Service
from sockgate.host.host import Host
from sockgate.units.model import Words

from .namespace import Namespace, require

HOST = Host(systemd=257, hosts_files=())
INHERITED = {"FOO": "1", "BAR": "2", "RELAYCLIENT": "x", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
SERVICE = """service {name}
{{
    socket_type = stream
    wait = no
    server = {server}
    flags = IPv4
{lines}
}}
"""


@pytest.fixture
def network() -> Iterator[Namespace]:
    require("xinetd", "ip")
    with Namespace({"nsswitch.conf": "passwd: files\ngroup: files\nservices: files\nhosts: files\n"}) as network:
        yield network


def served(network: Namespace, folder: Path, text: str, port: int) -> str | None:
    """What a client of the real xinetd is sent; None if nothing listens on this port."""
    file, log = folder / "xinetd.conf", folder / "log"
    file.write_text(text)
    variables = [f"{name}={value}" for name, value in INHERITED.items()]
    options = ("-dontfork", "-filelog", str(log), "-pidfile", str(folder / "pid"), "-f", str(file))
    probe = "service ready\n{\n type = INTERNAL UNLISTED\n port = 20999\n socket_type = stream\n wait = no\n}\n"
    file.write_text(text + probe.replace("ready", "daytime"))
    with network.running("env", "-i", *variables, "xinetd", *options):
        network.wait_for_port("127.0.0.1", 20999)

        def answer() -> str | None:
            try:
                with socket.create_connection(("127.0.0.1", port), 10) as client:
                    return "".join(iter(lambda: client.recv(65536).decode(), ""))
            except ConnectionRefusedError:
                return None

        return network.run(answer)


def converted(folder: Path, text: str) -> Service | None:
    (folder / "alone.conf").write_text(text)
    conversion = programs.convert("xinetd", [str(folder / "alone.conf")], HOST)
    return conversion.services[0] if conversion.services else None


@pytest.mark.parametrize(
    "line",
    ["passenv = NOSUCH", "passenv = %X", "passenv = FOO NOSUCH", "passenv =", "passenv = FOO=1 FOO", "passenv += FOO",
     "passenv -= FOO", "passenv = REMOTE_HOST", "passenv = RELAYCLIENT BAR"],
)  # fmt: skip
def test_of_the_inherited_variables_the_server_gets_what_passenv_names(
    line: str, network: Namespace, tmp_path: Path
) -> None:
    text = SERVICE.format(name="x", server="/usr/bin/env",
                          lines=f"type = UNLISTED\nport = 20001\nuser = root\n{line}")  # fmt: skip
    sent = served(network, tmp_path, text, 20001)
    assert sent is not None
    theirs = {word.partition("=")[0] for word in sent.split()} - {"REMOTE_HOST"}
    service = converted(tmp_path, text)
    assert service is not None
    assert service.pass_env is not None
    removed = {"RELAYCLIENT"}  # by the gate, which says so
    assert theirs - removed == set(service.pass_env) & INHERITED.keys()


@pytest.mark.parametrize(
    ("family", "theirs"), [("IPv4", "127.0.0.1"), ("IPv6", "::ffff:127.0.0.1"), ("REUSE", "::ffff:127.0.0.1")]
)
@pytest.mark.parametrize("line", ["", "passenv = PATH", "passenv = REMOTE_HOST", "env = REMOTE_HOST=mine"])
def test_xinetd_tells_each_server_the_address_of_its_client(
    line: str, family: str, theirs: str, network: Namespace, tmp_path: Path
) -> None:
    text = SERVICE.format(name="x", server="/usr/bin/env", lines=f"type = UNLISTED\nport = 20001\nuser = root\n{line}")
    sent = served(network, tmp_path, text.replace("flags = IPv4", f"flags = {family}"), 20001)
    assert f"REMOTE_HOST={theirs}" in (sent or "").split()
    service = converted(tmp_path, text)
    assert service is not None
    assert (("--client-env", "REMOTE_HOST={TCPREMOTEIP}") in service.gate) is ("REMOTE_HOST" in line)


@pytest.mark.parametrize(
    "lines",
    ["user = games\ngroup = disk\ngroups = yes", "user = games\ngroups = yes", "user = 5\ngroups = yes",
     "user = 5\ngroup = disk\ngroups = yes", "user = www-data\ngroup = games\ngroups = yes",
     "user = games\ngroup = games\ngroups = yes"],
)  # fmt: skip
def test_the_server_has_the_groups_that_it_had(lines: str, network: Namespace, tmp_path: Path) -> None:
    text = SERVICE.format(name="x", server="/usr/bin/id", lines=f"type = UNLISTED\nport = 20001\n{lines}")
    text = text.replace("flags = IPv4", "flags = IPv4 NAMEINARGS\n    server_args = id -G")
    theirs = served(network, tmp_path, text, 20001)
    assert theirs is not None
    service = converted(tmp_path, text)
    assert service is not None
    assert set(theirs.split()) == groups_by_systemd(service)


def groups_by_systemd(service: Service) -> set[str]:
    """initgroups(3) with Group= in place of the primary group, and SupplementaryGroups= (systemd.exec(5))."""
    account = HOST.account(service.user)
    assert account is not None
    own = HOST.group_id(service.group) if service.group else account.pw_gid
    more = dict(service.directives).get("SupplementaryGroups", Words(()))
    assert isinstance(more, Words)
    return {str(own), *HOST.further_groups(account), *more.words}


@pytest.mark.parametrize("switch", ["", "disable = no"])
@pytest.mark.parametrize("port", ["rsync", "99999", "-1", "0x369", "873/tcp", "873", "0", "874"])
def test_a_listed_service_is_served_on_the_same_port(
    port: str, switch: str, network: Namespace, tmp_path: Path
) -> None:
    lines = f"user = root\nport = {port}\nonly_from = 10.0.0.0\n{switch}"
    text = SERVICE.format(name="rsync", server="/bin/true", lines=lines)
    theirs = served(network, tmp_path, text, 873)
    service = converted(tmp_path, text)
    assert (theirs is None) is (service is None), text
    if service is not None:
        assert [listen.address.rpartition(":")[2] for listen in service.listens] == ["873"]
        assert ("--only-from", "10.0.0.0") in service.gate


@pytest.mark.parametrize("refuses", [False, True])
@pytest.mark.parametrize(
    "lines",
    [
        "log_on_success =\nlog_on_failure =", "log_on_success = PID\nlog_on_failure = ATTEMPT",
        "log_on_success = HOST PID\nlog_on_failure = HOST", "log_on_success = HOST\nlog_on_failure =",
        "log_on_success =\nlog_on_failure = HOST", "log_on_success = EXIT\nlog_on_failure = HOST",
        "log_on_success = HOST PID\nlog_on_success -= HOST PID\nlog_on_failure = HOST",
    ],
)  # fmt: skip
def test_a_converted_service_records_no_more_than_xinetd_logged(
    lines: str, refuses: bool, network: Namespace, tmp_path: Path
) -> None:
    log = tmp_path / "of-the-service"
    access = f"{'no_access' if refuses else 'only_from'} = 127.0.0.1"
    more = f"type = UNLISTED\nport = 20001\nuser = root\nlog_type = FILE {log}\n{access}\n{lines}"
    text = SERVICE.format(name="x", server="/usr/bin/env", lines=more)
    assert bool(served(network, tmp_path, text, 20001)) is not refuses
    # Without log_on_failure, xinetd writes START of a client that it refuses, and nothing else.
    written = [line for line in log.read_text().splitlines() if ("FAIL: x" if refuses else "START: x") in line]
    service = converted(tmp_path, text)
    assert service is not None
    options = dict(service.log)
    kind = "refused" if refuses else "accepted"
    wanted = kind in options.get("--log", kind).split(",")
    assert bool(written) is wanted
    if written and "--log-address" in options:
        assert "from=" not in written[0]


@pytest.mark.parametrize(
    ("access", "is_let_in"),
    [
        ("no_access = 10.0.0.1 # and foe.test", False), ("no_access = 10.0.0.1 # and gone.test", True),
        ("no_access = foe.test", False), ("only_from = 10.0.0.1 # not foe.test", True),
        ("only_from = gone.test", False),
    ],
)  # fmt: skip
def test_xinetd_takes_each_word_that_it_can_resolve_for_a_host(access: str, is_let_in: bool, tmp_path: Path) -> None:
    """tests/test_generator.py: the generator, which resolves no name, leaves them to the gate."""
    require("xinetd", "ip")
    etc = {"nsswitch.conf": "passwd: files\nhosts: files\n", "hosts": "127.0.0.1 foe.test\n"}
    more = f"type = UNLISTED\nport = 20001\nuser = root\n{access}"
    with Namespace(etc) as network:
        answer = served(network, tmp_path, SERVICE.format(name="x", server="/usr/bin/env", lines=more), 20001)
    assert bool(answer) is is_let_in


def test_xinetd_skips_a_link_that_leads_nowhere(network: Namespace, tmp_path: Path) -> None:
    folder = tmp_path / "xinetd.d"
    folder.mkdir()
    (folder / "a").symlink_to("/etc/not-there")
    lines = "type = UNLISTED\nport = 20001\nuser = root"
    (folder / "b").write_text(SERVICE.format(name="x", server="/usr/bin/env", lines=lines))
    assert served(network, tmp_path, f"includedir {folder}\n", 20001)


PORTS = {"daytime": 13, "time": 37, "chargen": 19, "echo": 7, "finger": 79}


@pytest.mark.parametrize("denied", [*PORTS, "daytime-dgram", "internal", "ALL"])
def test_xinetd_asks_hosts_allow_for_what_it_answers_itself_of_inetd_conf(denied: str, tmp_path: Path) -> None:
    require("xinetd", "ip")
    lines = "".join(f"{name} stream tcp nowait root internal\n" for name in PORTS if name != "finger")
    lines += "finger stream tcp nowait root /bin/echo echo\n"
    etc = {"inetd.conf": lines, "hosts.deny": f"{denied}: ALL\n", "hosts.allow": ""}
    (tmp_path / "-f").write_text("defaults\n{\n}\n")
    files = (f"-{option}" for option in ("filelog", "pidfile", "f"))
    options = [word for option in files for word in (option, str(tmp_path / option))]
    with Namespace(etc) as network, network.running("xinetd", "-dontfork", "-inetd_compat", *options):
        network.wait_for_port("127.0.0.1", PORTS["finger"])
        refused = {name for name, port in PORTS.items() if network.run(partial(is_refused, port))}

    (tmp_path / "inetd.conf").write_text(lines)
    (tmp_path / "hosts.deny").write_text(etc["hosts.deny"])
    machine = Host(systemd=257, hosts_files=(str(tmp_path / "hosts.allow"), str(tmp_path / "hosts.deny")), compat=True)
    services = programs.convert("inetd", [str(tmp_path / "inetd.conf")], machine).services
    asked = {service.old_name: dict(service.gate).get("--hosts-access") for service in services}
    assert refused == {name for name, daemon in asked.items() if daemon and denied in (daemon, "ALL")}


def is_refused(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        try:
            client.sendall(b"hello\n")
            return client.recv(10) == b""
        except ConnectionResetError:
            return True
