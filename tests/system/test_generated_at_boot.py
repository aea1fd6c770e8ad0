"""What packages dropped into /etc/xinetd.d serves from the first boot on, with broken files beside it."""

from collections.abc import Iterator

import pytest

from tests.system import services
from tests.system.machine import Machine

ENTRY = """service {name}
{{
	type = UNLISTED
	port = {port}
	socket_type = stream
	protocol = tcp
	wait = no
	user = nobody
	server = /bin/echo
	server_args = hello from {name}
	{more}
}}
"""
FILES = {
    "/etc/xinetd.d/dropped": ENTRY.format(name="dropped", port=7003, more="only_from = 127.0.0.0"),
    "/etc/xinetd.d/off": ENTRY.format(name="off", port=7004, more="disable = yes"),
    "/etc/xinetd.d/broken": "service broken\n{\n\tport=7005\n",
    "/etc/xinetd.d/binary": "\0\x01\x02service\n{\n\n",
    "/etc/xinetd.d/rpc": ENTRY.format(name="rstatd", port=7006, more="").replace("UNLISTED", "RPC"),
    "/etc/xinetd.d/smtp": ENTRY.format(name="smtp", port=7007, more=""),  # a template of ours has this name
}


@pytest.fixture(scope="module")
def booted(release: str) -> Iterator[Machine]:
    with Machine(release, files=FILES) as machine:
        yield machine


def told(machine: Machine) -> list[str]:
    return [record["MESSAGE"] for record in machine.journal("SYSLOG_IDENTIFIER=sockgate-inetd-generator", count=0)]


def test_good_files_serve_since_the_boot(booted: Machine) -> None:
    for name, port in (("dropped", 7003), ("smtp", 7007)):
        assert services.listen(booted, port)[0][1] == f"hello from {name}\n"
        fragment = booted.systemctl("show", "--value", "-p", "FragmentPath", f"{name}.socket").stdout
        assert fragment.startswith("/run/systemd/generator/")
    services.add_addresses(booted, "192.168.0.5", services.INSIDE)
    assert services.listen(booted, 7003, "192.168.0.5", services.INSIDE)[0][1] == "", "only_from holds"
    assert services.failed_units(booted) == ""


def test_what_is_off_broken_or_refused_does_not_listen(booted: Machine) -> None:
    listening = booted.run("ss", "-Hltn").stdout
    assert not [port for port in (7004, 7005, 7006) if f":{port} " in listening]


def test_at_the_next_reload_the_journal_says_what_was_left_out(booted: Machine) -> None:
    booted.systemctl("daemon-reload")
    messages = "\n".join(told(booted))
    assert "/etc/xinetd.d/broken:3: broken: ignored: port=7005: white space is missing" in messages
    assert "/etc/xinetd.d/rpc:3: rstatd: refused: type = RPC" in messages
    assert "internal error" not in messages


def test_systemd_has_nothing_to_say_about_the_units(booted: Machine) -> None:
    done = booted.shell(
        "cd /run/systemd/generator && systemd-analyze verify dropped.socket dropped@.service dropped.service "
        "smtp.socket smtp@.service smtp.service"
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_a_file_dropped_in_later_serves_after_a_reload_and_a_start(booted: Machine) -> None:
    booted.write("/etc/xinetd.d/later", ENTRY.format(name="later", port=7008, more=""))
    booted.systemctl("daemon-reload")
    booted.systemctl("start", "later.socket")
    assert services.listen(booted, 7008)[0][1] == "hello from later\n"
    booted.path("/etc/xinetd.d/later").unlink()


def test_once_xinetd_is_enabled_the_generator_is_silent(booted: Machine) -> None:
    booted.shell("update-rc.d -f xinetd remove; update-rc.d xinetd defaults; systemctl --no-reload enable xinetd")
    before = len(told(booted))
    booted.systemctl("daemon-reload")
    assert booted.shell("ls /run/systemd/generator | grep -c dropped || true").stdout.strip() == "0"
    assert len(told(booted)) == before
