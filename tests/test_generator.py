"""sockgate-xinetd-generator: units for xinetd's files, at boot."""

from pathlib import Path

from sockgate.convert.machine import Machine
from sockgate.generator import generate

MACHINE = Machine(systemd=257, asks_services=False)
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
    assert generate(str(tree(tmp_path, a=service("a"))), str(tmp_path / "out"), MACHINE) == []
    assert written(tmp_path) == ["a.socket", "a@.service", "sockets.target.wants/a.socket"]
    assert (tmp_path / "out/sockets.target.wants/a.socket").resolve() == tmp_path / "out/a.socket"
    assert "User=65534" in (tmp_path / "out/a@.service").read_text(), "the accounts are read without asking a service"


def test_a_broken_file_costs_no_other_and_a_refusal_is_told(tmp_path: Path) -> None:
    root = tree(tmp_path, a="service a\n{\n", b=service("b"), c=service("c").replace("UNLISTED", "RPC"))
    complaints = generate(str(root), str(tmp_path / "out"), MACHINE)
    assert written(tmp_path)[0] == "b.socket"
    assert len(complaints) == 1
    assert complaints[0].startswith(f"{root}/etc/xinetd.d/c:3: c: refused: type = RPC: RPC: systemd does not register")


def test_xinetd_conf_is_read_if_there_is_one(tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("a"))
    (root / "etc/xinetd.conf").write_text(service("main"))
    generate(str(root), str(tmp_path / "out"), MACHINE)
    assert written(tmp_path)[0] == "main.socket"


def test_a_unit_that_exists_is_left_alone(tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("a"), b=service("b", 8))
    units = root / "etc/systemd/system"
    units.mkdir(parents=True)
    (units / "a@.service").write_text("[Service]\n")
    generate(str(root), str(tmp_path / "out"), MACHINE)
    assert written(tmp_path)[0] == "b.socket"


def test_nothing_is_written_while_xinetd_is_installed_and_enabled(tmp_path: Path) -> None:
    root = tree(tmp_path, a=service("a"))
    (root / "usr/sbin").mkdir(parents=True)
    (root / "usr/sbin/xinetd").write_text("")
    (root / "usr/sbin/xinetd").chmod(0o755)
    (root / "etc/rc3.d").mkdir()
    (root / "etc/rc3.d/S01xinetd").symlink_to("../init.d/xinetd")
    assert generate(str(root), str(tmp_path / "out"), MACHINE) == []
    assert written(tmp_path) == []
    (root / "etc/rc3.d/S01xinetd").unlink()
    generate(str(root), str(tmp_path / "out"), MACHINE)
    assert written(tmp_path)[0] == "a.socket"
