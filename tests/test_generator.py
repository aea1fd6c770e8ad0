"""sockgate-inetd-generator: units for the files of xinetd and inetd, at boot."""

import re
import shlex
import shutil
import socket
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.convert.complaints import log
from sockgate.convert.live import write_leaving
from sockgate.convert.live import write_units as generate
from sockgate.ctl.convert_install import install
from sockgate.host.host import Host
from sockgate.units.search import UnitSearch

HOST = Host(systemd=257, asks_services=False)
TREE = Path(__file__).parents[1]
SERVICE = """service {name}
{{
    type = UNLISTED
    port = {port}
    socket_type = stream
    protocol = tcp
    wait = no
    user = nobody
    server = /bin/cat
}}
"""


def tree(folder: Path, **files: str) -> Path:
    dropped = folder / "root/etc/xinetd.d"
    dropped.mkdir(parents=True)
    for name, text in files.items():
        (dropped / name).write_text(text)
    (folder / "out").mkdir()
    return folder / "root"


def service(name: str, port: int = 7) -> str:
    return SERVICE.format(name=name, port=port)


def written(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder / "out")) for path in (folder / "out").rglob("*") if not path.is_dir())


def test_each_service_gets_units_and_its_socket_starts_at_boot(tmp_path: Path) -> None:
    assert generate(str(tree(tmp_path, a=service("a"))), str(tmp_path / "out"), HOST) == []
    assert written(tmp_path) == [
        "a.service", "a.socket", "a@.service", "sockets.target.wants/a.socket",
    ]  # fmt: skip
    assert (tmp_path / "out/sockets.target.wants/a.socket").resolve() == tmp_path / "out/a.socket"
    assert "[Install]" not in (tmp_path / "out/a.socket").read_text(), "an image's first boot would enable it for good"
    assert "User=65534" in (tmp_path / "out/a@.service").read_text(), "the accounts are read without asking a service"


def test_a_broken_file_costs_no_other_and_a_refusal_is_told(tmp_path: Path) -> None:
    root = tree(tmp_path, a="service a\n{\n", b=service("b"), c=service("c").replace("UNLISTED", "RPC"))
    complaints = generate(str(root), str(tmp_path / "out"), HOST)
    assert written(tmp_path)[0] == "b.service"
    assert complaints[0] == (
        f"{root}/etc/xinetd.d/a:1: a: ignored: service a: the closing '}}' is missing; xinetd drops the whole entry"
    )
    assert len(complaints) == 2
    assert complaints[1].startswith(f"{root}/etc/xinetd.d/c:3: c: refused: type = RPC: RPC: systemd does not register")


def test_xinetd_conf_is_read_if_there_is_one(tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("a"))
    (root / "etc/xinetd.conf").write_text(service("main"))
    generate(str(root), str(tmp_path / "out"), HOST)
    assert written(tmp_path)[0] == "main.service"


@pytest.mark.parametrize(
    ("line", "option"),
    [
        ("no_access = 10.0.0.1 foe.example.org", "--no-access '10.0.0.1 foe.example.org'"),
        ("no_access = foe.example.org", "--no-access foe.example.org"),
        ("no_access = 10.0.0.1 # and foe.example.org", "--no-access '10.0.0.1 foe.example.org'"),
        ("only_from = 10.0.0.1 friend.example.org", "--only-from '10.0.0.1 friend.example.org'"),
        ("only_from = 10.0.0.1 # not foe.example.org", "--only-from 10.0.0.1"),
    ],
)
def test_a_host_name_is_left_to_the_gate_since_no_name_service_is_asked(line: str, option: str, tmp_path: Path) -> None:
    """xinetd resolves all words of such a line, also those behind a '#', and keeps those that are hosts (addr.c)."""
    text = service("a").replace("    wait", f"    {line}\n    wait")
    generate(str(tree(tmp_path, a=text)), str(tmp_path / "out"), HOST)
    words = shlex.split((tmp_path / "out/a.service").read_text().partition("ExecStart=")[2].partition("\n")[0])
    name, value = shlex.split(option)
    assert words[words.index(name) + 1] == value


OPEN_BY_DEFAULTS = (
    "a file cannot be read now, and its defaults may say who may come in: no service is served without it"
)


@pytest.mark.parametrize("main", ["link", "include /srv/of-a-late-mount\n", "include {root}/etc/large\n"])
def test_no_service_is_served_without_defaults_that_may_be_there_later(main: str, tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("a"))
    if main == "link":
        (root / "etc/xinetd.conf").symlink_to("/srv/of-a-late-mount")
    else:
        (root / "etc/xinetd.conf").write_text(f"{main.format(root=root)}includedir {root}/etc/xinetd.d\n")
        with (root / "etc/large").open("wb") as file:
            file.truncate(17 << 20)
    complaints = generate(str(root), str(tmp_path / "out"), HOST)
    assert complaints[-1] == f"{root}/etc/xinetd.conf: refused: etc/xinetd.conf: {OPEN_BY_DEFAULTS}"
    assert "unable to read" in complaints[0]
    assert written(tmp_path) == []


def test_a_file_that_is_just_not_there_costs_no_service(tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("a"))
    (root / "etc/xinetd.conf").write_text(f"include /etc/not-there\nincludedir {root}/etc/xinetd.d\n")
    generate(str(root), str(tmp_path / "out"), HOST)
    assert written(tmp_path)[0] == "a.service"


@pytest.mark.parametrize(
    ("target", "serves"),
    [("/srv/of-a-late-mount", False), ("/usr/local/of-a-late-mount", False), ("/etc/not-there", True), ("", False)],
)
def test_a_file_of_xinetd_d_that_cannot_be_read_is_told_and_costs_all_if_it_may_restrict_them(
    target: str, serves: bool, tmp_path: Path
) -> None:
    """xinetd skips a link that leads nowhere. Of a file that is too large here, it would have read the defaults."""
    root = tree(tmp_path, b=service("b"))
    file = root / "etc/xinetd.d/a"
    if target:
        file.symlink_to(target)
    else:
        with file.open("wb") as large:
            large.truncate(17 << 20)
    complaints = generate(str(root), str(tmp_path / "out"), HOST)
    reason = "No such file or directory" if target else "larger than 16 MiB"
    assert complaints[0].endswith(f"unable to read '{file}': {reason}")
    assert (complaints[1:] == []) is serves
    assert bool(written(tmp_path)) is serves


def test_what_is_no_regular_file_in_xinetd_d_is_said(tmp_path: Path) -> None:
    root = tree(tmp_path, b=service("b"))
    (root / "etc/xinetd.d/folder").mkdir()
    (root / "etc/xinetd.d/link").symlink_to("/dev/null")
    (root / "etc/xinetd.conf").write_text(f"includedir {root}/etc/xinetd.d\n")
    report = programs.convert("xinetd", [f"{root}/etc/xinetd.conf"], HOST).report
    told = [str(entry) for entry in report.entries if "regular file" in entry.text]
    assert [line.partition(": ")[0] for line in told] == [f"{root}/etc/xinetd.d/{name}" for name in ("folder", "link")]
    generate(str(root), str(tmp_path / "out"), HOST)
    assert written(tmp_path)[0] == "b.service"


def test_a_hosts_deny_on_a_late_mount_is_asked(tmp_path: Path) -> None:
    (tmp_path / "deny").symlink_to("/srv/of-a-late-mount")
    host = replace(HOST, hosts_files=(str(tmp_path / "allow"), str(tmp_path / "deny")))
    generate(str(tree(tmp_path, a=service("a"))), str(tmp_path / "out"), host)
    assert "--hosts-access" in (tmp_path / "out/a@.service").read_text()


def enable(root: Path, name: str, text: str) -> None:
    """A socket of another package that starts at boot."""
    unit = root / "usr/lib/systemd/system" / name
    unit.parent.mkdir(parents=True, exist_ok=True)
    unit.write_text(text)
    wants = root / "etc/systemd/system/sockets.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    (wants / name).symlink_to(f"/usr/lib/systemd/system/{name}")


def test_a_unit_that_exists_is_left_alone_and_ours_gets_another_name(tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("a"), b=service("b", 8))
    units = root / "etc/systemd/system"
    units.mkdir(parents=True)
    (units / "a@.service").write_text("[Service]\n")
    assert generate(str(root), str(tmp_path / "out"), HOST) == []
    assert [name for name in written(tmp_path) if name.startswith("a")] == [
        "a-sockgate.service", "a-sockgate.socket", "a-sockgate@.service",
    ]  # fmt: skip


def test_a_masked_name_is_not_served(tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("a"), b=service("b", 8))
    units = root / "etc/systemd/system"
    units.mkdir(parents=True)
    (units / "a.socket").symlink_to("/dev/null")
    (complaint,) = generate(str(root), str(tmp_path / "out"), HOST)
    assert written(tmp_path)[0] == "b.service"
    assert complaint.endswith("a:1: a: refused: service a: /etc/systemd/system/a.socket is masked; the service is not "
                              "converted")  # fmt: skip


def test_a_port_that_an_enabled_socket_has_is_left_to_it(tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("a"), b=service("b", 8), c=service("c", 9))
    enable(root, "other.socket", "[Socket]\nListenStream=127.0.0.1:7\n")
    enable(root, "udp.socket", "[Socket]\nListenDatagram=8\n")
    enable(root, "off.socket", "[Socket]\nListenStream=9\n")
    (root / "etc/systemd/system/sockets.target.wants/off.socket").unlink()
    (complaint,) = generate(str(root), str(tmp_path / "out"), HOST)
    assert complaint.endswith(
        "a:1: a: refused: ListenStream=7: left to /usr/lib/systemd/system/other.socket, which is enabled and has this "
        "port"
    )
    assert [name for name in written(tmp_path) if name.endswith(".socket") and "/" not in name] == [
        "b.socket", "c.socket",
    ]  # fmt: skip


def test_one_port_in_both_files_or_with_two_names_gives_one_socket(tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("finger", 79).replace("server = /bin/cat", "server = /bin/cat\n\tinstances = 3"))
    (root / "etc/inetd.conf").write_text(
        "finger stream tcp nowait nobody /bin/cat cat\nauth stream tcp nowait nobody /bin/cat cat\n"
        "ident stream tcp4 nowait nobody /bin/cat cat\n"
    )
    complaints = generate(str(root), str(tmp_path / "out"), HOST)
    names = [name for name in written(tmp_path) if name.endswith(".socket") and "/" not in name]
    assert names == ["auth.socket", "finger.socket"]
    assert "MaxConnections=3" in (tmp_path / "out/finger.socket").read_text(), "xinetd's, which can say more"
    assert [complaint.rpartition(": ")[2] for complaint in complaints[:1]] == [
        f"left to 'finger' ({root}/etc/xinetd.d/a:1), which has this address and port already"
    ]


def test_a_line_that_update_inetd_switched_off_says_which_file_of_xinetd_serves_it(tmp_path: Path) -> None:
    root = tree(
        tmp_path, a=service("amanda"), b=service("other", 9), c=service("off").replace("{\n", "{\ndisable = yes\n")
    )
    (root / "etc/inetd.conf").write_text(
        "#<off># amanda stream tcp nowait nobody /bin/cat cat\n"
        "#<off># amanda dgram udp wait nobody /bin/cat cat\n"
        "#<off># off stream tcp nowait nobody /bin/cat cat\n"
        "# other stream tcp nowait nobody /bin/cat cat\n"
        "#<off>#\n"
    )
    assert generate(str(root), str(tmp_path / "out"), HOST) == [
        f"{root}/etc/inetd.conf:1: amanda: ignored: #<off>#: {root}/etc/xinetd.d/a:1 serves it all the same, as under "
        "xinetd; 'disable = yes' there switches it off"
    ]
    assert (tmp_path / "out/amanda.socket").exists()


def test_a_service_of_two_lines_of_which_one_is_off_needs_no_word(tmp_path: Path) -> None:
    root = tree(tmp_path)
    line = "finger stream tcp nowait nobody /bin/cat cat\n"
    (root / "etc/inetd.conf").write_text(f"#<off># {line}{line}")
    assert generate(str(root), str(tmp_path / "out"), HOST) == []


def test_lines_of_inetd_conf_mean_what_openbsd_inetd_makes_of_them(tmp_path: Path) -> None:
    root = tree(tmp_path)
    (root / "etc/inetd.d").mkdir()
    (root / "etc/inetd.d/more").write_text("7 dgram udp6 wait nobody /bin/cat cat\n")
    (root / "etc/inetd.conf").write_text(
        "79 stream tcp nowait nobody /bin/cat cat\n517 dgram udp wait nobody /bin/cat\n"
    )
    assert generate(str(root), str(tmp_path / "out"), HOST) == []
    out = tmp_path / "out"
    sockets = {path.name: re.findall("Listen.*", path.read_text()) for path in out.glob("*.socket")}
    assert sockets == {
        "port-79.socket": ["ListenStream=0.0.0.0:79", "ListenStream=[::]:79"],
        "port-517.socket": ["ListenDatagram=0.0.0.0:517"],
        "port-517-udp.socket": ["ListenDatagram=[::]:517"],
        "port-7.socket": ["ListenDatagram=[::]:7"],
    }


@pytest.mark.parametrize(
    ("file", "text", "asks"),
    [
        ("etc/default/openbsd-inetd", 'OPTIONS="-E -lq 8"\n', True),
        ("etc/default/inetd", "OPTIONS=-l\n", True),
        ("etc/systemd/system/inetd.service", "[Service]\nExecStart=/usr/sbin/inetd -El\n;ExecStart=x\n", True),
        ("etc/systemd/system/openbsd-inetd.service", "[Service]\nExecStart=/usr/sbin/inetd \\\n  -i -l\n", True),
        ("etc/systemd/system/inetd.service.d/own.conf", '[Service]\nEnvironment="OPTIONS=-l"\n', True),
        ("etc/default/openbsd-inetd", "# OPTIONS=-l\nOPTIONS=-E # not -l\n", False),
        ("etc/systemd/system/inetd.service", "[Service]\nExecStart=-/usr/local/sbin/inetd -E\n; -l\n", False),
        ("etc/default/xinetd", "INETD_COMPAT=Yes\nXINETD_OPTS=-l\n", False),
    ],
)
def test_where_inetd_asked_hosts_allow_for_every_service_the_gate_does(
    file: str, text: str, asks: bool, tmp_path: Path
) -> None:
    root = tree(tmp_path)
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(text)
    (root / "etc/inetd.conf").write_text(
        "79 stream tcp nowait nobody /bin/cat cat\n80 stream tcp nowait nobody /usr/sbin/tcpd /bin/cat\n"
    )
    assert generate(str(root), str(tmp_path / "out"), HOST) == []
    assert ("--hosts-access cat" in (tmp_path / "out/port-79@.service").read_text()) is asks
    assert "--hosts-access cat -- /bin/cat" in (tmp_path / "out/port-80@.service").read_text()


@pytest.mark.parametrize(
    ("setting", "rule", "asks"), [("Yes", "ALL: ALL", True), ("Yes", "", False), ("No", "ALL: ALL", False)]
)
def test_where_xinetd_read_inetd_conf_its_internal_services_ask_hosts_allow(
    setting: str, rule: str, asks: bool, tmp_path: Path
) -> None:
    root = tree(tmp_path)
    (root / "etc/default").mkdir()
    (root / "etc/default/xinetd").write_text(f"#INETD_COMPAT=Yes\nINETD_COMPAT={setting}\n")
    (root / "etc/inetd.conf").write_text(
        "daytime stream tcp nowait root internal\ndaytime dgram udp wait root internal\n"
        "79 stream tcp nowait nobody /bin/cat cat\n"
    )
    (tmp_path / "hosts.deny").write_text(f"{rule}\n")
    host = replace(HOST, hosts_files=(str(tmp_path / "hosts.allow"), str(tmp_path / "hosts.deny")))
    assert generate(str(root), str(tmp_path / "out"), host) == []
    texts = {path.name: path.read_text() for path in (tmp_path / "out").glob("*.service")}
    asking = {name for name, text in texts.items() if "--hosts-access daytime" in text}
    assert asking == ({"daytime@.service", "daytime.service"} if asks else set())


def test_rpc_is_refused_by_name_and_the_others_are_served(tmp_path: Path) -> None:
    root = tree(tmp_path)
    (root / "etc/inetd.conf").write_text(
        "rusersd/2-3 dgram rpc/udp wait nobody /bin/cat cat\n79 stream tcp nowait nobody /bin/cat cat\n"
    )
    (complaint,) = generate(str(root), str(tmp_path / "out"), HOST)
    assert complaint.startswith(
        f"{root}/etc/inetd.conf:1: rusersd/2-3: refused: rusersd/2-3 rpc/udp: RPC and tcpmux services are not converted"
    )
    assert "port-79.socket" in written(tmp_path)


def test_an_entry_that_lets_no_client_in_is_told_of_a_service_that_is_served(tmp_path: Path) -> None:
    """Its author meant it. The client that it was meant for is refused."""
    own = service("own", 8).replace("}", "\tonly_from = 10.0.0.1.9 10.0.0.2\n}")
    root = tree(tmp_path, a=own)
    (complaint,) = generate(str(root), str(tmp_path / "out"), HOST)
    assert ": own: ignored: 10.0.0.1.9: '10.0.0.1.9' is neither an address nor a host name" in complaint
    assert "own.socket" in written(tmp_path)


def test_a_line_whose_server_was_removed_is_left_out(tmp_path: Path) -> None:
    root = tree(tmp_path)
    (root / "etc/inetd.conf").write_text(
        "79 stream tcp nowait nobody /usr/sbin/tcpd /usr/sbin/no-such-server\n"
        "7 stream tcp nowait nobody /srv/mounted/later x\n"
    )
    complaints = generate(str(root), str(tmp_path / "out"), HOST)
    assert complaints == [
        f"{root}/etc/inetd.conf:1: 79: refused: service 79: /usr/sbin/no-such-server is not installed; the service is "
        "not converted"
    ]
    assert [name for name in written(tmp_path) if "port-79" in name] == []
    assert "port-7.socket" in written(tmp_path), "its file system may be mounted later in the boot"


HOSTILE = (
    "../../etc/x", "a/../../b", "..", ".", "-", "a b", "a\tb", "@", "x@y", "%n", "a%2fb", "a\\x2fb", "dbus",
    "systemd-journald", "sockets.target.wants/x", "\xe9", "a\x01b", "$(id)", "`id`", "a;b", "*", "-.mount", "x" * 300,
)  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_reaches_another_folder_or_another_unit(name: str, tmp_path: Path) -> None:
    root = tree(tmp_path, a=service(name).replace("{\n", "{\n    id = x\n"), b=service("b", 8) + service(name, 9))
    for unit in ("dbus.socket", "systemd-journald.socket"):
        enable(root, unit, "[Socket]\nListenStream=/run/x\n")
    (root / "etc/inetd.conf").write_text(
        f"{name} stream unix nowait nobody /bin/cat cat\n/run/{name} stream unix nowait nobody /bin/cat cat\n"
        f"127.0.0.1:{name} stream tcp nowait nobody /bin/cat cat\n{name}:7777 stream tcp nowait nobody /bin/cat cat\n",
    )
    before = {path for path in tmp_path.rglob("*") if "/out" not in str(path)}
    generate(str(root), str(tmp_path / "out"), HOST)
    assert {path for path in tmp_path.rglob("*") if "/out" not in str(path)} == before
    names = {path.name for path in (tmp_path / "out").iterdir()} - {"sockets.target.wants"}
    assert "b.socket" in names
    assert not [unit for unit in names if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9:_.-]*@?\.(socket|service)", unit)]
    assert not names & {"dbus.socket", "systemd-journald.socket"}
    assert {path.name for path in (tmp_path / "out/sockets.target.wants").iterdir()} == {
        unit for unit in names if unit.endswith(".socket")
    }


@pytest.mark.parametrize("prefix", ["", "old-"])
def test_what_was_converted_before_is_left_to_that_without_a_word(prefix: str, tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("a"), b=service("b", 8))
    conversion = programs.convert("xinetd", [f"{root}/etc/xinetd.d/a"], HOST, prefix)
    install(conversion, "xinetd", UnitSearch(str(root)))
    assert generate(str(root), str(tmp_path / "out"), HOST) == []
    assert written(tmp_path)[0] == "b.service"


def test_a_bad_line_in_defaults_costs_the_services_that_it_reaches(tmp_path: Path) -> None:
    """xinetd itself would not start with it; here it comes from one package of many."""
    defaults = "defaults\n{\n\tlog_type = NOWHERE\n\tonly_from = 10.0.0.1, 10.0.0.2\n}\n"
    own = service("own", 8).replace("}", "\tonly_from = 10.0.0.0\n}")
    root = tree(tmp_path, a=service("before"), b=defaults, c=own, d=service("behind", 9))
    (complaint,) = generate(str(root), str(tmp_path / "out"), HOST)
    sockets = {Path(name).name for name in written(tmp_path) if name.endswith(".socket")}
    assert sockets == {"before.socket", "own.socket"}
    assert complaint.startswith(f"{root}/etc/xinetd.d/b:4: behind: refused: only_from = 10.0.0.1, 10.0.0.2: ")


def test_a_service_whose_name_ends_like_a_converted_one_is_not_left_out(tmp_path: Path) -> None:
    """Both stand in one file, and tftp.socket looks like ftp with a prefix."""
    root = tree(tmp_path, a=service("tftp"))
    install(programs.convert("xinetd", [f"{root}/etc/xinetd.d/a"], HOST), "xinetd", UnitSearch(str(root)))
    (root / "etc/xinetd.d/a").write_text(service("tftp") + service("ftp", 8))
    assert generate(str(root), str(tmp_path / "out"), HOST) == []
    assert written(tmp_path)[0] == "ftp.service"


def test_a_template_of_ours_gives_way_with_its_drop_ins_unless_it_is_enabled(tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("smtp"))
    (root / "lib").symlink_to("usr/lib")
    vendor = root / "usr/lib/systemd/system"
    (vendor / "smtp.socket.d").mkdir(parents=True)
    for unit in ("smtp.socket", "smtp@.service", "smtp.service"):
        (vendor / unit).write_text((TREE / "units" / unit).read_text())
    (vendor / "smtp.socket.d/50.conf").write_text("[Socket]\n")
    assert generate(str(root), str(tmp_path / "out"), HOST) == []
    assert (tmp_path / "out/smtp.service").exists(), "under its own name"
    assert (tmp_path / "out/smtp.socket.d/50.conf").readlink() == Path("/dev/null")
    enable(root, "smtp.socket", "[Unit]\nDocumentation=man:sockgate(8)\n[Socket]\nListenStream=7\n")
    assert "left to /usr/lib/systemd/system/smtp.socket" in generate(str(root), str(tmp_path / "out"), HOST)[0]


def test_sessions_without_a_service_keep_a_template_that_comes_last(tmp_path: Path) -> None:
    (tmp_path / "run/sockgate").mkdir(parents=True)
    (tmp_path / "run/sockgate/leaving").write_text("a@.service\n../b@.service\n\n")
    write_leaving(str(tmp_path), str(tmp_path / "late"))
    assert [path.name for path in (tmp_path / "late").iterdir()] == ["a@.service"]
    assert "CollectMode=inactive-or-failed\n" in (tmp_path / "late/a@.service").read_text()


def test_units_that_cannot_be_written_cost_no_other(tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("a"), b=service("b", 8))
    (tmp_path / "out/a.socket").mkdir()
    complaints = generate(str(root), str(tmp_path / "out"), HOST)
    assert complaints == [f"{root}/etc/xinetd.d/a:1: a: unable to write '{tmp_path}/out/a.socket': Is a directory"]
    assert "b.socket" in written(tmp_path)


def test_that_xinetd_would_read_inetd_conf_is_not_told_where_it_is_read(tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("a"))
    (root / "etc/default").mkdir()
    (root / "etc/default/xinetd").write_text("# a comment\nINETD_COMPAT=Yes\n")
    (root / "etc/inetd.conf").write_text("# nothing\n79 stream tcp nowait nobody /bin/cat cat\n")
    assert generate(str(root), str(tmp_path / "out"), HOST) == []
    assert [name for name in written(tmp_path) if "/" not in name] == [
        "a.service", "a.socket", "a@.service", "port-79.service", "port-79.socket", "port-79@.service",
    ]  # fmt: skip


def test_an_init_script_holds_it_back_only_where_systemd_makes_a_unit_of_it(tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("a"))
    for path in ("etc/rc3.d/S01xinetd", "usr/sbin/xinetd"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")
        (root / path).chmod(0o755)
    generate(str(root), str(tmp_path / "out"), replace(HOST, systemd=259))
    assert written(tmp_path) == []
    generate(str(root), str(tmp_path / "out"), replace(HOST, systemd=260))
    assert written(tmp_path)[0] == "a.service"


@pytest.mark.parametrize(
    ("program", "link"),
    [
        ("xinetd", "etc/rc3.d/S01xinetd"),
        ("xinetd", "etc/systemd/system/multi-user.target.wants/xinetd.service"),
        ("inetd", "etc/rc3.d/S01openbsd-inetd"),
        ("inetd", "etc/systemd/system/multi-user.target.wants/inetd.service"),
        ("inetutils-inetd", "etc/systemd/system/multi-user.target.wants/inetutils-inetd.service"),
    ],
)
def test_nothing_is_written_while_another_super_server_is_installed_and_enabled(
    program: str, link: str, tmp_path: Path
) -> None:
    root = tree(tmp_path, a=service("a"))
    if link.endswith(".service"):
        unit = root / "usr/lib/systemd/system" / Path(link).name
        unit.parent.mkdir(parents=True)
        unit.write_text("")
    (root / link).parent.mkdir(parents=True, exist_ok=True)
    (root / link).symlink_to("/dev/zero")
    generate(str(root), str(tmp_path / "out"), HOST)
    assert written(tmp_path)[0] == "a.service", "it is not installed"
    shutil.rmtree(tmp_path / "out")
    (root / "usr/sbin").mkdir(parents=True)
    (root / "usr/sbin" / program).write_text("")
    (root / "usr/sbin" / program).chmod(0o755)
    assert generate(str(root), str(tmp_path / "out"), HOST) == []
    assert not (tmp_path / "out").exists()
    (root / link).unlink()
    generate(str(root), str(tmp_path / "out"), HOST)
    assert written(tmp_path)[0] == "a.service", "it is not enabled"


def test_a_complaint_about_any_file_name_is_one_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "journal")
    monkeypatch.setattr("sockgate.convert.complaints.JOURNAL_SOCKET", path)
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as journal:
        journal.bind(path)
        log("/etc/xinetd.d/a\udcff\nPRIORITY=0:1: refused")
        fields = journal.recv(1000).decode("ascii").splitlines()
    assert fields == [
        "MESSAGE=/etc/xinetd.d/a??PRIORITY=0:1: refused", "PRIORITY=4", "SYSLOG_IDENTIFIER=sockgate-inetd-generator",
    ]  # fmt: skip
