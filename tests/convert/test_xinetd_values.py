"""xinetd.conf: values that xinetd makes something of that its manual does not say, and what the report says of them."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.convert.report import Entry, Outcome
from sockgate.convert.result import Conversion
from sockgate.host.host import Host

from .test_xinetd import APPROXIMATED, HOST, IGNORED, REFUSED, about, convert, service, units


def entries(conversion: Conversion, what: str) -> list[Entry]:
    return [entry for entry in conversion.report.entries if entry.what.startswith(what)]


# tests/differential/test_xinetd_reading.py has the same lines in the real xinetd.
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/no/such/folder/log", "there is no folder '/no/such/folder' for its log '/no/such/folder/log'"),
        ("/tmp", "its log '/tmp' is a folder"),
    ],
)
def test_a_service_whose_log_xinetd_cannot_open_is_not_converted(path: str, reason: str, tmp_path: Path) -> None:
    other = service("b", "log_type = FILE /dev/null", port="2")
    text = f"defaults\n{{\n\tlog_type = FILE {path} 1000\n}}\n{service('a')}{other}"
    (tmp_path / "xinetd.conf").write_text(text)
    conversion = programs.convert("xinetd", [str(tmp_path / "xinetd.conf")], Host(hosts_files=()))
    assert [one.name for one in conversion.services] == ["b"]
    text = f"{reason}; xinetd drops the service; the service is not converted"
    assert about(conversion, "service a") == (IGNORED, text)
    assert conversion.refused == []


def test_at_boot_the_folder_of_a_log_may_be_missing_yet(tmp_path: Path) -> None:
    assert convert(tmp_path, service(extra="log_type = FILE /no/such/folder/log")).services


# passenv: tests/differential/test_xinetd_processes.py has the same lines in the real xinetd.
@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("passenv = %X", '--pass-env ""'),
        ("passenv = 1A A-B", '--pass-env ""'),
        ("passenv = FOO %X", "--pass-env FOO"),
        ("passenv = FOO=1", '--pass-env ""'),
        ("passenv += NOSUCH", "--pass-env NOSUCH"),
        ("passenv -= NOSUCH", '--pass-env ""'),
        ("passenv = REMOTE_HOST", '"REMOTE_HOST={TCPREMOTEIP}" --pass-env ""'),
        ("passenv = RELAYCLIENT LISTEN_FDS FOO", "--pass-env FOO"),
    ],
)
def test_passenv_keeps_everything_else_away_also_if_it_names_no_variable(line: str, kept: str, tmp_path: Path) -> None:
    assert f"{kept} --" in units(convert(tmp_path, service(extra=line)))


def test_what_passenv_cannot_hand_on_is_said_and_no_advice_is_given_for_it(tmp_path: Path) -> None:
    conversion = convert(tmp_path, service(extra="passenv = RELAYCLIENT %X"))
    assert about(conversion, "RELAYCLIENT")[1].startswith("the gate removes RELAYCLIENT")
    assert about(conversion, "%X") == (IGNORED, "'%X' is no variable's name: xinetd handed nothing on for it")
    assert "set-environment" not in str(conversion.report)


@pytest.mark.parametrize(
    "bad", ["port = nowhere", "port = 99999", "port = -1", "port = 0x369", "port = 873/tcp"]
)  # fmt: skip
def test_a_port_that_is_none_leaves_a_listed_service_its_own(bad: str, tmp_path: Path) -> None:
    """xinetd: `disable = no` switches the service on again, and the port is that of /etc/services."""
    text = service("telnet", f"{bad}\n\tonly_from = 10.0.0.1\n\tdisable = no").replace("\ttype = UNLISTED\n", "")
    conversion = convert(tmp_path, text.replace("\tport = 4711\n", ""))
    assert "ListenStream=23\n" in units(conversion)
    assert "--only-from 10.0.0.1 --" in units(conversion)
    assert about(conversion, bad)[0] is IGNORED
    without = convert(tmp_path, text.replace("\tport = 4711\n", "").replace("disable = no", ""))
    assert without.services == (), "nothing switches it on again"


def test_an_unlisted_service_with_such_a_port_has_none(tmp_path: Path) -> None:
    conversion = convert(tmp_path, service(port="nowhere", extra="disable = no"))
    assert conversion.services == ()
    assert about(conversion, "service probe")[1].startswith("'port' is missing")


@pytest.mark.parametrize("port", ["0", "00", "+0"])
def test_port_0_is_no_port(port: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, service(port=port))
    assert conversion.units == ()
    assert about(conversion, "port") == (
        REFUSED,
        "port 0 is one that the kernel chose anew at each start, and that no client could know; "
        "the service is not converted",
    )


@pytest.mark.parametrize(
    ("lines", "added"),
    [
        ("user = games\n\tgroup = disk\n\tgroups = yes", "SupplementaryGroups=60\n"),
        ("user = 5\n\tgroup = disk\n\tgroups = yes", "SupplementaryGroups=60\n"),
        ("user = root\n\tgroup = disk\n\tgroups = yes", "SupplementaryGroups=0\n"),
        ("user = 5\n\tgroups = yes", "SupplementaryGroups=60\n"),
        ("user = games\n\tgroup = games\n\tgroups = yes", ""),
        ("user = games\n\tgroups = yes", ""),
        ("user = games\n\tgroup = disk", ""),
    ],
)
def test_groups_yes_keeps_the_primary_group_beside_another_one(lines: str, added: str, tmp_path: Path) -> None:
    text = units(convert(tmp_path, service(user="-", extra=lines)))
    assert added in text
    assert ("SupplementaryGroups" in text) is bool(added)


NOT_LOGGED, NO_ADDRESS = "xinetd logged nothing of it", "xinetd did not log the client's address"
ONE_EACH = "; systemd writes of the unit of each connection, whose name has the client's address"


@pytest.mark.parametrize(
    ("line", "text", "options"),
    [
        ("log_on_success =", f"{NOT_LOGGED}: no record tells of it (--log)", "--log refused,gone "),
        ("log_on_failure =", f"{NOT_LOGGED}: no record tells of it (--log)", "--log accepted,ended "),
        ("log_on_success -= HOST PID", f"{NOT_LOGGED}: no record tells of it (--log)", "--log refused,gone "),
        ("log_on_success =\n\tlog_on_failure =", f"{NOT_LOGGED}: no record tells of it (--log)", "--log none "),
        ("log_on_success = PID", f"{NO_ADDRESS}: no record has it (--log-address)", "--log-address none "),
        ("log_on_failure = ATTEMPT", f"{NO_ADDRESS}: no record has it (--log-address)", "--log-address none "),
        ("log_on_success = HOST PID", "in the journal", ""),
        ("log_on_success = HOST EXIT\n\tlog_on_failure = HOST", "in the journal", ""),
    ],
)  # fmt: skip
def test_a_service_that_was_quiet_is_quiet(line: str, text: str, options: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, service(extra=line))
    assert about(conversion, line.partition("\n")[0]) == (Outcome.TRANSLATED, text)
    [gate] = [word for word in units(conversion).splitlines() if word.startswith("ExecStart=/usr/sbin/sockgated ")]
    assert f"--name probe {options}--max-connections" in gate
    assert ("Accept=no" in units(conversion)) is bool(options)


def test_with_a_unit_for_each_connection_the_report_says_what_is_logged_now(tmp_path: Path) -> None:
    line = "log_on_success ="
    (tmp_path / "xinetd.conf").write_text(service(extra=f"only_from = 10.0.0.1\n\t{line}"))
    conversion = programs.convert("xinetd", [str(tmp_path / "xinetd.conf")], HOST, engine="connection")
    assert about(conversion, line) == (APPROXIMATED, NOT_LOGGED + ONE_EACH)
    assert "--log refused,gone --only-from 10.0.0.1 -- /bin/cat" in units(conversion)


def test_of_a_server_that_takes_the_socket_systemd_alone_writes(tmp_path: Path) -> None:
    line = "log_on_success ="
    conversion = convert(tmp_path, service(wait="yes", extra=line))
    assert about(conversion, line) == (APPROXIMATED, f"{NOT_LOGGED}; systemd writes when the server starts and ends")
    assert "sockgate" not in units(conversion).partition("ExecStart=")[2]


def test_a_gate_that_can_refuse_no_client_is_left_out_for_banner_fail(tmp_path: Path) -> None:
    line = "banner_fail = /etc/passwd"
    conversion = convert(tmp_path, service(extra=line))
    assert "ExecStart=/bin/cat\n" in units(conversion)
    assert about(conversion, line)[0] is APPROXIMATED
    for access in ("only_from = 10.0.0.1", "no_access = 10.0.0.1", "access_times = 8:00-9:00", "max_load = 2"):
        assert "--banner-fail /etc/passwd --" in units(convert(tmp_path, service(extra=f"{access}\n\t{line}")))
        assert "--banner-fail /etc/passwd --" in units(convert(tmp_path, service(extra=f"{line}\n\t{access}")))


@pytest.mark.parametrize("name", ["banner", "banner_success", "banner_fail"])
def test_a_banner_that_cannot_be_read_is_left_out_as_xinetd_did(name: str, tmp_path: Path) -> None:
    for path in ("/nonexistent/banner", str(tmp_path)):
        conversion = convert(tmp_path, service(extra=f"{name} = {path}\n\tonly_from = 127.0.0.1"))
        assert f"--{name.replace('_', '-')}" not in units(conversion)
        assert "--only-from 127.0.0.1 --" in units(conversion)
        outcome, text = about(conversion, f"{name} = ")
        assert outcome is APPROXIMATED
        assert "cannot be read here" in text


def test_the_report_names_an_attribute_as_it_is_written(tmp_path: Path) -> None:
    conversion = convert(tmp_path, service(extra="interface = 127.0.0.1"))
    assert [entry.what for entry in entries(conversion, "interface")] == ["interface = 127.0.0.1"]
    assert not entries(conversion, "bind")


def test_the_report_names_no_user_directive_where_setpriv_changes_the_user(tmp_path: Path) -> None:
    conversion = convert(tmp_path, service(user="12345"))
    assert "User=" not in units(conversion)
    became = [word for entry in conversion.report.entries for word in entry.became]
    assert not [word for word in became if word.startswith(("User=", "Group="))]
    assert any(word.startswith("setpriv --reuid=12345") for word in became)


def test_defaults_behind_all_services_that_they_are_for_are_said_to_have_no_effect(tmp_path: Path) -> None:
    (tmp_path / "late").write_text("defaults\n{\n\tonly_from += 10.0.0.1\n\tno_access = 10.0.0.2\n\tinstances = 3\n}\n")
    conversion = convert(tmp_path, service("a") + f"include {tmp_path}/late\n")
    text = units(conversion)
    assert "--only-from" not in text
    assert "MaxConnections=3\n" in text, "this one reaches every service"
    for line in ("only_from += 10.0.0.1", "no_access = 10.0.0.2"):
        assert about(conversion, line) == (
            IGNORED, "it does not reach a: xinetd copies it to the services that it reads later"
        )  # fmt: skip
    alone = convert(tmp_path, service("b", "only_from = 10.0.0.9") + f"include {tmp_path}/late\n")
    assert about(alone, "only_from += 10.0.0.1")[1] == (
        "it reaches no service: xinetd copies it to those that it reads later"
    )
    between = convert(tmp_path, service("a") + f"include {tmp_path}/late\n" + service("c", port="2"))
    assert any(entry.text.startswith("it does not reach a:") for entry in entries(between, "no_access = 10.0.0.2"))


@pytest.mark.parametrize("name", ["passenv = REMOTE_HOST", "env = REMOTE_HOST=mine"])
def test_a_service_that_names_remote_host_gets_it(name: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, service(extra=f"flags = IPv4\n\t{name}"))
    assert 'sockgate --name probe --client-env "REMOTE_HOST={TCPREMOTEIP}"' in units(conversion)
    assert "REMOTE_HOST=mine" not in units(conversion), "xinetd sets its own value over it"
    attribute = name.partition(" ")[0]
    assert about(conversion, "service probe") == (Outcome.TRANSLATED, f"{attribute!r} names it")


def test_a_service_whose_script_mentions_remote_host_gets_it(tmp_path: Path) -> None:
    script = tmp_path / "server"
    script.write_text('#!/bin/sh\necho "hello $REMOTE_HOST"\n')
    script.chmod(0o755)
    text = service(server="/bin/sh", server_args=str(script))
    conversion = convert(tmp_path, text)
    assert '--client-env "REMOTE_HOST={TCPREMOTEIP}"' in units(conversion)
    assert about(conversion, "service probe") == (
        APPROXIMATED,
        f"'{script}' mentions it; an IPv4 client is 192.0.2.1 there, and was ::ffff:192.0.2.1",
    )
    script.write_text("#!/bin/sh\necho hello\n")
    assert "REMOTE_HOST" not in units(convert(tmp_path, text))


def test_a_server_that_waits_is_not_told_its_client(tmp_path: Path) -> None:
    text = service(extra="passenv = REMOTE_HOST", wait="yes", socket_type="dgram", protocol="udp")
    assert about(convert(tmp_path, text), "service probe")[1].startswith("'passenv' names it, and xinetd set REMOTE_")


def test_a_redirection_by_root_gets_a_user_of_its_own_unless_a_file_is_for_root_alone(tmp_path: Path) -> None:
    banner = tmp_path / "banner"
    banner.write_text("hello\n")
    text = service(server="-", extra=f"redirect = 127.0.0.1 80\n\tbanner = {banner}")
    tmp_path.chmod(0o755)
    for mode, expected in ((0o644, True), (0o600, False)):
        banner.chmod(mode)
        for folder in (tmp_path, *tmp_path.parents):
            expected = expected and bool(folder.stat().st_mode & 1)
        assert ("DynamicUser=yes" in units(convert(tmp_path, text))) is expected
    assert "DynamicUser" not in units(convert(tmp_path, service(server="-", user="daemon", extra="redirect = ::1 80")))


@dataclass(frozen=True)
class Asking(Host):
    """A machine whose name services know no name."""

    def address(self, name: str, family: int) -> str | None:
        return None


def test_a_name_that_the_name_services_do_not_know_lets_no_client_in(tmp_path: Path) -> None:
    file = tmp_path / "x"
    lines = "only_from = 10.0.0.1 gone.example\n\tno_access = 10.0.0.2 gone.example # and.gone.example"
    file.write_text(service(extra=lines))
    conversion = programs.convert("xinetd", [str(file)], Asking(systemd=257, hosts_files=()))
    assert "--only-from 10.0.0.1 " in units(conversion)
    assert '--no-access "10.0.0.2 gone.example" ' in units(conversion)
    assert about(conversion, "and.gone.example")[1].startswith("'and.gone.example' cannot be resolved; xinetd refused")
