"""sockgate-xinetd-generator: units for xinetd's files, at boot."""

import socket
from contextlib import closing
from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.ctl.convert_install import install
from sockgate.generator import generate, log
from sockgate.host.host import Host
from sockgate.units.search import UnitSearch

HOST = Host(systemd=257, asks_services=False)
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
    assert written(tmp_path) == ["a.socket", "a@.service", "sockets.target.wants/a.socket"]
    assert (tmp_path / "out/sockets.target.wants/a.socket").resolve() == tmp_path / "out/a.socket"
    assert "User=65534" in (tmp_path / "out/a@.service").read_text(), "the accounts are read without asking a service"


def test_a_broken_file_costs_no_other_and_a_refusal_is_told(tmp_path: Path) -> None:
    root = tree(tmp_path, a="service a\n{\n", b=service("b"), c=service("c").replace("UNLISTED", "RPC"))
    complaints = generate(str(root), str(tmp_path / "out"), HOST)
    assert written(tmp_path)[0] == "b.socket"
    assert complaints[0] == (
        f"{root}/etc/xinetd.d/a:1: a: ignored: service a: the closing '}}' is missing; xinetd drops the whole entry"
    )
    assert len(complaints) == 2
    assert complaints[1].startswith(f"{root}/etc/xinetd.d/c:3: c: refused: type = RPC: RPC: systemd does not register")


def test_xinetd_conf_is_read_if_there_is_one(tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("a"))
    (root / "etc/xinetd.conf").write_text(service("main"))
    generate(str(root), str(tmp_path / "out"), HOST)
    assert written(tmp_path)[0] == "main.socket"


def test_a_unit_that_exists_is_left_alone(tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("a"), b=service("b", 8))
    units = root / "etc/systemd/system"
    units.mkdir(parents=True)
    (units / "a@.service").write_text("[Service]\n")
    complaints = generate(str(root), str(tmp_path / "out"), HOST)
    assert written(tmp_path)[0] == "b.socket"
    assert complaints == [f"{root}/etc/xinetd.d/a:1: a: left to /etc/systemd/system/a@.service, which exists already"]


@pytest.mark.parametrize("prefix", ["", "old-"])
def test_what_was_converted_before_is_left_to_that_without_a_word(prefix: str, tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("a"), b=service("b", 8))
    conversion = programs.convert("xinetd", [f"{root}/etc/xinetd.d/a"], HOST, prefix)
    install(conversion, "xinetd", UnitSearch(str(root)))
    assert generate(str(root), str(tmp_path / "out"), HOST) == []
    assert written(tmp_path)[0] == "b.socket"


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
    assert written(tmp_path)[0] == "ftp.socket"


def test_a_template_of_ours_gives_way_with_its_drop_ins_unless_it_is_enabled(tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("smtp"))
    (root / "lib").symlink_to("usr/lib")
    vendor = root / "usr/lib/systemd/system"
    (vendor / "smtp.socket.d").mkdir(parents=True)
    (vendor / "smtp.socket").write_text("[Unit]\nDocumentation=man:sockgate(8)\n")
    (vendor / "smtp.socket.d/50.conf").write_text("[Socket]\n")
    assert generate(str(root), str(tmp_path / "out"), HOST) == []
    assert (tmp_path / "out/smtp.socket.d/50.conf").readlink() == Path("/dev/null")
    wants = root / "etc/systemd/system/sockets.target.wants"
    wants.mkdir(parents=True)
    (wants / "smtp.socket").symlink_to("/usr/lib/systemd/system/smtp.socket")
    assert "left to /usr/lib/systemd/system/smtp.socket" in generate(str(root), str(tmp_path / "out"), HOST)[0]


def test_units_that_cannot_be_written_cost_no_other(tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("a"), b=service("b", 8))
    (tmp_path / "out/a.socket").mkdir()
    complaints = generate(str(root), str(tmp_path / "out"), HOST)
    assert complaints == [f"{root}/etc/xinetd.d/a:1: a: unable to write '{tmp_path}/out/a.socket': Is a directory"]
    assert "b.socket" in written(tmp_path)


def test_that_xinetd_would_read_inetd_conf_as_well_is_told(tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("a"))
    (root / "etc/default").mkdir()
    (root / "etc/default/xinetd").write_text("# a comment\nINETD_COMPAT=Yes\n")
    assert generate(str(root), str(tmp_path / "out"), HOST) == []
    (root / "etc/inetd.conf").write_text("# nothing\nfinger stream tcp nowait nobody /usr/sbin/in.fingerd\n")
    assert generate(str(root), str(tmp_path / "out2"), HOST)[0] == (
        f"{root}/etc/default/xinetd:2: refused: INETD_COMPAT=Yes: xinetd reads /etc/inetd.conf as well, which is not "
        "converted here: run 'sockgatectl convert inetd /etc/inetd.conf' too"
    )


def test_nothing_is_written_while_xinetd_is_installed_and_enabled(tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("a"))
    (root / "usr/sbin").mkdir(parents=True)
    (root / "usr/sbin/xinetd").write_text("")
    (root / "usr/sbin/xinetd").chmod(0o755)
    (root / "etc/rc3.d").mkdir()
    (root / "etc/rc3.d/S01xinetd").symlink_to("../init.d/xinetd")
    assert generate(str(root), str(tmp_path / "out"), HOST) == []
    assert written(tmp_path) == []
    (root / "etc/rc3.d/S01xinetd").unlink()
    generate(str(root), str(tmp_path / "out"), HOST)
    assert written(tmp_path)[0] == "a.socket"


def test_a_complaint_about_any_file_name_is_one_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "journal")
    monkeypatch.setattr("sockgate.generator.JOURNAL_SOCKET", path)
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as journal:
        journal.bind(path)
        log("/etc/xinetd.d/a\udcff\nPRIORITY=0:1: refused")
        fields = journal.recv(1000).decode("ascii").splitlines()
    assert fields == [
        "MESSAGE=/etc/xinetd.d/a??PRIORITY=0:1: refused", "PRIORITY=4", "SYSLOG_IDENTIFIER=sockgate-xinetd-generator",
    ]  # fmt: skip
