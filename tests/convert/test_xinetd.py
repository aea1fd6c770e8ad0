"""xinetd.conf, line by line: what each does to a service, and what the report says of it."""

import os
from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.convert.report import Outcome
from sockgate.convert.report_text import render_text
from sockgate.convert.result import Conversion
from sockgate.convert.xinetd.grammar import Block, Include, Problem, parse
from sockgate.host.host import Host
from sockgate.units.writer import format_unit

HOST = Host(systemd=257, hosts_files=(), asks_services=False)
IGNORED, REFUSED, APPROXIMATED = Outcome.IGNORED, Outcome.REFUSED, Outcome.APPROXIMATED
SERVICE = {
    "type": "UNLISTED", "port": "4711", "socket_type": "stream", "protocol": "tcp", "wait": "no", "user": "root",
    "server": "/bin/cat",
}  # fmt: skip


def convert(folder: Path, text: str) -> Conversion:
    (folder / "xinetd.conf").write_text(text)
    return programs.convert("xinetd", [str(folder / "xinetd.conf")], HOST)


def service(name: str = "probe", extra: str = "", **changed: str) -> str:
    settings = {name: value for name, value in (SERVICE | changed).items() if value != "-"}
    lines = "".join(f"\t{key} = {value}\n" for key, value in settings.items())
    return f"service {name}\n{{\n{lines}\t{extra}\n}}\n"


def units(conversion: Conversion) -> str:
    return "\n".join(map(format_unit, conversion.units))


def about(conversion: Conversion, what: str) -> tuple[Outcome, str]:
    """The report's entry about what starts like this."""
    (entry,) = (entry for entry in conversion.report.entries if entry.what.startswith(what))
    return entry.outcome, entry.text


def test_plain_service_runs_without_a_gate(tmp_path: Path) -> None:
    conversion = convert(tmp_path, service())
    assert "ExecStart=/bin/cat\n" in units(conversion)
    assert conversion.report.clean


# What a line becomes in the units.
@pytest.mark.parametrize(
    ("line", "directive"),
    [
        ("nice = 5", "Nice=5"), ("nice = 99", "Nice=19"),
        ("umask = 77", "UMask=0077"), ("flags = NODELAY", "NoDelay=yes"),
        ("flags = keepalive", "KeepAlive=yes"), ("flags = LABELED", "SELinuxContextFromNet=yes"),
        ("flags = IPv4", "ListenStream=0.0.0.0:4711"), ("flags = IPv6 IPv4", "ListenStream=4711"),
        ("bind = fe80::1%lo", "ListenStream=[fe80::1]:4711%%lo"),
        ("bind = ::1", "ListenStream=[::1]:4711"), ("interface = 127.0.0.1", "ListenStream=127.0.0.1:4711"),
        ("bind = 192.168.0.1", "FreeBind=yes"), ("v6only = yes", "BindIPv6Only=ipv6-only"),
        ("instances = 5", "MaxConnections=5"), ("instances = UNLIMITED", "MaxConnections=65536"),
        ("per_source = 3", "MaxConnectionsPerSource=3"), ("cps = 30 10", "PollLimitBurst=30"),
        ("cps = 0 0", "PollLimitIntervalSec=0"), ("rlimit_as = 8M", "LimitAS=8388608"),
        ("rlimit_cpu = 20", "LimitCPU=20"), ("rlimit_as = -1", "LimitAS=infinity"), ("umask = 00000022", "UMask=0022"),
        ("max_load = 1e-3", "--max-load 0.001 --"), ("max_load = .5x", "--max-load 0.5 --"),
        ("cps = -1 5", "PollLimitIntervalSec=0"),
        ("rlimit_files = 100", "LimitNOFILE=100"), ("rlimit_stack = UNLIMITED", "LimitSTACK=infinity"),
        ("env = A=b C=100%", 'Environment="C=100%%"'), ("log_type = SYSLOG mail err", "SyslogLevel=err"),
        ("server_args = -x $A %n", 'ExecStart=/bin/cat -x "$$A" "%%n"'),
        ("only_from = 10.0.0.0", "--only-from 10.0.0.0 --"), ("only_from =", '--only-from "" --'),
        ("no_access = 10.0.0.0 10.1", '--no-access "10.0.0.0 10.1" --'), ("max_load = 2.5", "--max-load 2.5 --"),
        ("access_times = 8:00-9:30", "--access-times 8:00-9:30 --"), ("banner = /etc/issue", "--banner /etc/issue --"),
        ("passenv =", '--pass-env "" --'), ("passenv = A B", "PassEnvironment=A B"),
        ("redirect = 127.0.0.1 80", "sockgate-builtin redirect 127.0.0.1 80"),
    ],
)  # fmt: skip
def test_line_becomes_this_directive(line: str, directive: str, tmp_path: Path) -> None:
    assert directive in units(convert(tmp_path, service(extra=line)))


# What the report says of a line that does not simply mean the same afterwards.
@pytest.mark.parametrize(
    ("line", "outcome", "text"),
    [
        ("instances = 3 4", IGNORED, "takes exactly one value and got 2, so the whole line has no effect"),
        ("instances = 3 # a", IGNORED, "takes exactly one value and got 3, so the whole line has no effect; "
         "a comment must stand on a line of its own; probably meant: instances = 3"),
        ("disabled = yes", IGNORED, "xinetd has no such attribute; probably meant: disable = yes"),
        ("only_form = x", IGNORED, "xinetd has no such attribute; probably meant: only_from"),
        ("mdns = yes", IGNORED, "xinetd has no such attribute"),
        ("port += 4", IGNORED, "already set at {file}:4: the first value stays"),
        ("nice += 4", IGNORED, "'nice' takes '=' only, not '+='"),
        ("v6only = no", IGNORED, "in a service xinetd takes 'no' for 'yes': IPv4 clients could not connect, and "
         "still cannot (BindIPv6Only=ipv6-only). Set BindIPv6Only=both if they should"),
        ("deny_time = 60", IGNORED, "it only matters together with flags = SENSOR"),
        ("rlimit_cpu = 0", IGNORED, "0 sets no limit"),
        ("rpc_version = 2", IGNORED, "it only matters together with type = RPC"),
        ("log_on_success = HOST USERID", APPROXIMATED, "USERID: no ident query is made, which hardly any client "
         "answers and every one has to wait for (add --ident to the gate if you need it); the rest is in the journal"),
        ("server_args = a # b", APPROXIMATED,
         "'#' starts no comment here: the server was given this word and those after it, and still is"),
    ],
)  # fmt: skip
def test_line_is_reported(line: str, outcome: Outcome, text: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, service(extra=line))
    assert about(conversion, line) == (outcome, text.format(file=tmp_path / "xinetd.conf"))
    assert len(conversion.services) == 1


# What makes xinetd drop a service, or us refuse it: nothing is written.
@pytest.mark.parametrize(
    ("changed", "outcome", "text"),
    [
        ({"type": "RPC"}, REFUSED,
         "RPC: systemd does not register with rpcbind; run the server by itself, it registers on its own"),
        ({"type": "TCPMUXPLUS UNLISTED"}, REFUSED, "TCPMUXPLUS: tcpmux let every service in through one port "
         "(CVE-2012-0862, CVE-2013-4342); give it a port of its own"),
        ({"flags": "SENSOR"}, REFUSED, "SENSOR: there is no list of addresses that a touched port bans "
         "everywhere; use fail2ban with the journal"),
        ({"flags": "IDONLY"}, REFUSED, "IDONLY: the gate does not refuse clients without an ident answer, which "
         "says nothing about who they are; use only_from or TLS certificates"),
        ({"flags": "INTERCEPT"}, REFUSED, "INTERCEPT: nothing filters the connections that a server with wait = "
         "yes accepts itself; use wait = no if the server can, or a packet filter"),
        ({"flags": "DISABLE"}, IGNORED, "'DISABLE' is no flag; xinetd drops the service"),
        ({"socket_type": "raw"}, REFUSED, "systemd has no raw sockets for Internet addresses"),
        ({"wait": "maybe"}, IGNORED, "'maybe' is neither yes nor no; xinetd drops the service"),
        ({"user": "0day"}, REFUSED, "systemd does not take '0day' for the name of an account; give its number"),
        ({"only_from": "10.0.0.1, 10.0.0.2"}, IGNORED,
         "'10.0.0.1,' contains a comma outside of braces; xinetd drops the service"),
        ({"access_times": "22:00-6:00"}, IGNORED, "'22:00-6:00' is not H:M-H:M with hours 0 to 23 and an end "
         "later on the same day (across midnight xinetd needs two intervals: 22:00-23:59 00:00-06:00); xinetd drops "
         "the service"),
        ({"access_times": "12:00-24:00"}, IGNORED, "'12:00-24:00' is not H:M-H:M with hours 0 to 23 and an end "
         "later on the same day (across midnight xinetd needs two intervals: 22:00-23:59 00:00-06:00); xinetd drops "
         "the service"),
        ({"instances": "0"}, REFUSED,
         "0 lets no client in, for which systemd has no setting; without a unit it is the same"),
        ({"env": "A"}, IGNORED, "'A' has no '='; xinetd drops the service"),
        ({"server": "cat"}, IGNORED, "'cat' is not an absolute path; xinetd drops the service"),
        ({"server": "/bin/"}, REFUSED, "'/bin/' is a folder, which cannot be executed"),
        ({"umask": "9"}, IGNORED, "'9' is no umask; xinetd drops the service"),
        ({"max_load": "0"}, IGNORED, "'0' is not a load other than 0; xinetd drops the service"),
        ({"deny_time": "x"}, IGNORED, "'x' is neither a number of minutes nor FOREVER nor NEVER; xinetd drops the "
         "service"),
        ({"max_load": "-1"}, REFUSED, "'-1' is below zero, so xinetd lets no client in; without a unit it is the same"),
        ({"port": "65536"}, IGNORED, "'65536' is no port number; xinetd drops the service"),
        ({"no_access": "10.0.0.1/x"}, REFUSED, "'10.0.0.1/x' has no valid prefix length (0 to 32)"),
    ],
)  # fmt: skip
def test_service_is_not_written(changed: dict[str, str], outcome: Outcome, text: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, service(**changed))
    assert about(conversion, next(iter(changed))) == (outcome, f"{text}; the service is not converted")
    assert conversion.units == ()


@pytest.mark.parametrize(
    ("changed", "outcome", "text"),
    [
        ({"wait": "-", "user": "-"}, IGNORED, "'wait' and 'user' are missing; xinetd drops the service"),
        ({"socket_type": "dgram", "protocol": "udp"}, REFUSED, "a dgram service with wait = no gets one process "
         "per datagram that all read the same socket: xinetd 2.3.15.4 drops it, older ones did not; set wait = yes if "
         "the server can"),
        ({"socket_type": "dgram", "protocol": "-"}, REFUSED, "a dgram service with wait = no gets one process "
         "per datagram that all read the same socket: xinetd 2.3.15.4 drops it, older ones did not; set wait = yes if "
         "the server can"),
        ({"socket_type": "dgram"}, IGNORED, "dgram sockets do not speak tcp; xinetd drops the service"),
        ({"type": "INTERNAL UNLISTED"}, IGNORED,
         "there is no internal service 'probe' but chargen daytime discard echo time; xinetd drops the service"),
        ({"wait": "yes", "only_from": "10.0.0.0"}, REFUSED, "--only-from: a TCP server with wait = yes accepts "
         "its clients itself, so nothing can check them; xinetd 2.3.15.3 refused every client for this, 2.3.15.4 let "
         "every client in. Use wait = no if the server can, or the server's own access rules"),
        ({"flags": "NAMEINARGS"}, IGNORED, "flags = NAMEINARGS without server_args; xinetd drops the service"),
        ({"server_args": "x", "flags": "NAMEINARGS"}, REFUSED, "flags = NAMEINARGS stands after server_args: xinetd "
         "starts the server without a name, and it fails; put it before"),
        ({"log_on_success": "TRAFFIC"}, IGNORED,
         "log_on_success = TRAFFIC is for redirected services only; xinetd drops the service"),
        ({"type": "-", "port": "-"}, IGNORED,
         "no 'port', and no service 'probe' with protocol tcp in /etc/services; xinetd drops the service"),
    ],
)  # fmt: skip
def test_service_does_not_hang_together(changed: dict[str, str], outcome: Outcome, text: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, service(**changed).replace("type = -\n", "\n"))
    assert about(conversion, "service probe") == (outcome, f"{text}; the service is not converted")
    assert conversion.units == ()


def test_defaults_with_plus_and_minus_make_the_list(tmp_path: Path) -> None:
    defaults = "defaults\n{\n\tonly_from = 10.0.0.1\n\tonly_from = 10.0.0.2\n}\n"
    for line, words in (
        ("only_from += 10.0.0.3", "10.0.0.1 10.0.0.2 10.0.0.3"), ("only_from -= 10.0.0.1", "10.0.0.2"),
        ("only_from = 10.0.0.4", "10.0.0.4"), ("nice = 1", "10.0.0.1 10.0.0.2"),
    ):  # fmt: skip
        assert words in units(convert(tmp_path, defaults + service(extra=line)))


def test_removing_what_is_listed_in_another_spelling_blocks(tmp_path: Path) -> None:
    harmless = convert(tmp_path, service(only_from="10.0.0.0/8", extra="only_from -= 11.0.0.0 elsewhere"))
    assert "--only-from 10.0.0.0/8 --" in units(harmless), "xinetd takes nothing out either"
    conversion = convert(tmp_path, service(only_from="10.0.0.0/8", extra="only_from -= 10.0.0.0"))
    assert conversion.units == ()
    assert "'-=' removes '10.0.0.0', which is not in the list under this spelling" in about(conversion, "only_from")[1]


def test_a_second_equals_sign_throws_the_first_list_away_and_is_said(tmp_path: Path) -> None:
    conversion = convert(tmp_path, service(only_from="10.0.0.1", extra="only_from = 10.0.0.2"))
    assert "--only-from 10.0.0.2 --" in units(conversion)
    assert "replaced by" in about(conversion, "only_from = 10.0.0.1")[1]


def test_what_follows_disable_yes_is_not_looked_at(tmp_path: Path) -> None:
    conversion = convert(tmp_path, "service x\n{\n\tdisable = yes\n\tnonsense\n}\n" + service())
    assert [one.name for one in conversion.services] == ["probe"]
    assert about(conversion, "disable = yes") == (Outcome.TRANSLATED, "disabled: no unit")


def test_a_bad_value_before_disable_no_costs_only_itself(tmp_path: Path) -> None:
    conversion = convert(tmp_path, service(nice="x", extra="disable = no"))
    assert len(conversion.services) == 1
    assert about(conversion, "nice")[0] is IGNORED
    assert convert(tmp_path, service(nice="x")).services == ()


def test_a_service_that_a_list_enables_in_spite_of_a_bad_value_is_refused_for_it(tmp_path: Path) -> None:
    enabled = "defaults\n{\n\tenabled = probe\n}\n"
    outcome, text = about(convert(tmp_path, service(per_source="x") + enabled), "per_source")
    assert outcome is REFUSED
    assert text == (
        "'x' is neither a number nor UNLIMITED; xinetd drops the service, until the list 'enabled' "
        f"({tmp_path}/xinetd.conf:15) switches it on without this; mend the line and convert again; "
        "the service is not converted"
    )
    assert len(convert(tmp_path, service(nice="x") + enabled).services) == 1, "what is harmless may be missing"


@pytest.mark.parametrize("lines", [
    "only_from = 10.0.0.1, 10.0.0.2\n\tonly_from = 10.0.0.1", "only_from -= 10.0.0.1,",
    "log_on_success = ATTEMPT\n\tlog_on_success = PID", "log_on_failure -= RECORD", "env = A\n\tenv = A=1",
    "env -= A=1",
])  # fmt: skip
def test_a_bad_word_in_a_line_that_counts_no_more_drops_the_service_all_the_same(lines: str, tmp_path: Path) -> None:
    assert convert(tmp_path, service(extra=lines)).services == ()


def test_behind_a_single_word_xinetd_overlooks_what_comes_next(tmp_path: Path) -> None:
    conversion = convert(tmp_path, service("a", "nonsense") + service("b", port="2") + service("c", port="3"))
    assert [one.name for one in conversion.services] == ["c"]
    assert about(conversion, "nonsense")[1] == (
        "nothing follows 'nonsense'; xinetd overlooks line 12 behind it, 'service b'; xinetd drops the whole entry"
    )


@pytest.mark.parametrize(("behind", "left", "problem"), [
    ("\n\n}\n", "c", "overlooks line 12 behind it, '}', and skips everything up to line 23"),
    ("\n\t}\n", "c", "overlooks line 11 behind it, '}', and skips everything up to line 22"),
    ("\n}\n\n", "bc", ""), ("\n}\n# b\n", "bc", ""), (" \n}\n", "bc", ""), ("\n\tport = 4\n}\n", "bc", ""),
])  # fmt: skip
def test_what_it_overlooks_depends_on_the_first_white_space(
    behind: str, left: str, problem: str, tmp_path: Path
) -> None:
    lone = service("a", "lone").removesuffix("\n}\n") + behind
    conversion = convert(tmp_path, lone + service("b", port="2") + service("c", port="3"))
    assert "".join(one.name for one in conversion.services) == left
    expected = f"nothing follows 'lone'; xinetd {problem}" if problem else "nothing follows 'lone'"
    assert about(conversion, "lone")[1] == f"{expected}; xinetd drops the whole entry"


def test_in_defaults_a_single_word_costs_the_line_behind_it(tmp_path: Path) -> None:
    conversion = convert(tmp_path, "defaults\n{\n\tlone\n\tno_access = 10.0.0.0\n}\n" + service("a") + service("b"))
    assert [one.name for one in conversion.services] == ["b"], "the '}' is a bad entry, which swallows the next"
    assert "overlooks line 4 behind it, 'no_access = 10.0.0.0'" in about(conversion, "lone")[1]


def test_a_bad_value_in_defaults_leaves_nothing(tmp_path: Path) -> None:
    """xinetd ends with it. What would go on without it might let in whom the line was to keep out."""
    defaults = "defaults\n{\n\tinstances = x\n}\n"
    conversion = convert(tmp_path, service("a") + defaults + service("b", "instances = 4", port="2"))
    assert conversion.services == ()
    assert conversion.refused == ["a", "b"]
    line = render_text(conversion, "/").split("\n")[1]
    assert line.endswith(
        "xinetd.conf:14: a, b: instances = x: 'x' is neither a number nor UNLIMITED; xinetd does not start with such a "
        "line in defaults: mend it and convert again; the service is not converted"
    )


@pytest.mark.parametrize("second", ["log_type = SYSLOG daemon", "log_type += SYSLOG mail"])
def test_a_second_log_type_in_defaults_is_such_a_line(second: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, f"defaults\n{{\n\tlog_type = FILE /var/log/x\n\t{second}\n}}\n" + service("a"))
    assert conversion.services == ()
    assert "it can be set only once; xinetd does not start" in conversion.report.entries[0].text


@pytest.mark.parametrize("lines", ["nice = x\n\tnice = 5\n\tdisable = no", "server = /no/such\n\tserver = /bin/cat"])
def test_a_line_that_counts_only_if_the_first_cannot_be_used_is_not_decided_about(lines: str, tmp_path: Path) -> None:
    text = service("a", lines).replace("\tserver = /bin/cat\n", "", 1) if "such" in lines else service("a", lines)
    conversion = convert(tmp_path, text)
    assert conversion.services == ()
    assert conversion.refused == ["a"]


def test_a_second_defaults_block_is_skipped_as_a_whole(tmp_path: Path) -> None:
    defaults = "defaults\n{\n\tinstances = 3\n}\ndefaults\n{\n\tper_source=2\n}\n"
    conversion = convert(tmp_path, defaults + service())
    assert "MaxConnections=3\n" in units(conversion)
    assert (
        about(conversion, "defaults")[1] == "a file may have one defaults block; xinetd skips everything up to line 8"
    )


def test_includedir_reads_regular_files_in_order_and_skips_names_with_dots(tmp_path: Path) -> None:
    folder = tmp_path / "xinetd.d"
    folder.mkdir()
    for name, port in (("b", "2"), ("a", "1"), ("c.rpmnew", "3"), ("d.conf", "4"), ("e~", "5")):
        (folder / name).write_text(service(f"s{port}", port=port))
    os.mkfifo(folder / "fifo")
    conversion = convert(tmp_path, f"includedir {folder}\n")
    assert [one.name for one in conversion.services] == ["s1", "s2"]
    assert about(conversion, "d.conf")[0] is IGNORED


def test_an_include_that_is_missing_or_includes_itself_costs_no_other(tmp_path: Path) -> None:
    conversion = convert(tmp_path, f"include /nonexistent\ninclude {tmp_path}/xinetd.conf\n" + service())
    assert "probe" in [one.name for one in conversion.services]
    assert about(conversion, f"include {tmp_path}")[1] == "files include each other without end"


def test_of_two_services_on_one_port_the_first_is_kept(tmp_path: Path) -> None:
    conversion = convert(tmp_path, service("a") + service("b"))
    assert [one.name for one in conversion.services] == ["a"]
    assert about(conversion, "service b")[0] is IGNORED


def test_the_internal_tcpmux_is_refused_by_name(tmp_path: Path) -> None:
    outcome, text = about(convert(tmp_path, service("tcpmux", type="INTERNAL UNLISTED")), "service tcpmux")
    assert outcome is REFUSED
    assert text.startswith("tcpmux let every service in through one port")


def test_a_name_that_services_5_has_forgotten_gets_the_port_that_is_assigned_to_it(tmp_path: Path) -> None:
    conversion = convert(tmp_path, service("linuxconf", type="REUSE", port="-").replace("\ttype = REUSE\n", ""))
    assert "ListenStream=98\n" in units(conversion)
    assert about(conversion, "service linuxconf") == (
        APPROXIMATED, "'linuxconf' with protocol tcp is not in this machine's /etc/services: xinetd would not have "
        "started the service without 'type = UNLISTED'; the port that is assigned to this name, 98, is taken",
    )  # fmt: skip


def test_systemd_before_255_gets_no_setting_that_it_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "x").write_text(service(extra="cps = 30 10"))
    old = programs.convert("xinetd", [str(tmp_path / "x")], Host(systemd=252, hosts_files=()), engine="connection")
    assert "PollLimit" not in units(old)
    assert about(old, "cps")[1].endswith("With Accept=no sockgated(8) has the exact limit: --cps 30/10")


@pytest.mark.parametrize(
    ("text", "what", "problem"),
    [
        ("service\n", "service",
         "the name after 'service' is missing; xinetd skips everything up to the end of the file"),
        ("hello\n}\n", "hello",
         "this is neither 'service', 'defaults', 'include' nor 'includedir'; xinetd skips everything up to line 2"),
        ("service x {\n}\n", "service x {",
         "the next line must be '{' and nothing else; xinetd skips everything up to the end of the file"),
    ],
)  # fmt: skip
def test_lines_between_entries_that_xinetd_cannot_read(text: str, what: str, problem: str) -> None:
    (item,) = parse(text, "f")
    assert isinstance(item, Problem)
    assert (item.what, item.text) == (what, problem)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("type=UNLISTED", "white space is missing between 'type' and its operator"),
        ("type", "nothing follows 'type'"),
        ("type is UNLISTED", "'type' is not followed by one of the operators = += -="),
    ],
)
def test_lines_that_make_xinetd_drop_the_entry(line: str, problem: str) -> None:
    block = next(parse(f"service x\n{{\nwait = no\n{line}\nuser = root\n}}\n", "f"))
    assert isinstance(block, Block)
    assert block.problem is not None
    assert (block.problem.place.line, block.problem.text, len(block.settings)) == (4, problem, 1)


def test_keywords_have_no_case_and_comments_only_a_line_of_their_own() -> None:
    items = list(parse("# a\n\nDEFAULTS\n{\n # b\nLog_Type = FILE /x # c\n}\nInclude /f\n", "f"))
    assert isinstance(items[0], Block)
    assert str(items[0].settings[0]) == "log_type = FILE /x # c"
    assert isinstance(items[1], Include)


# Of two services of one port the first is served; that bind(2) fails for the second was seen in xinetd.
@pytest.mark.parametrize(("first", "second", "both"), [
    ("flags = IPv6", "bind = 127.0.0.1", False), ("bind = 127.0.0.1", "flags = IPv4", False),
    ("flags = IPv4", "flags = IPv6", False), ("bind = ::1", "flags = IPv6", False),
    ("bind = ::1", "flags = IPv4", True), ("bind = 127.0.0.1", "bind = 127.0.0.2", True),
    ("v6only = yes", "flags = IPv4", True), ("flags = IPv4", "protocol = udp", True),
])  # fmt: skip
def test_a_second_service_of_a_port_is_left_out(first: str, second: str, both: bool, tmp_path: Path) -> None:
    datagrams = {"protocol": "-", "socket_type": "dgram", "wait": "yes"} if "udp" in second else {}
    conversion = convert(tmp_path, service("a", first) + service("b", second, **datagrams))
    assert [one.name for one in conversion.services] == (["a", "b"] if both else ["a"])
    if not both:
        assert about(conversion, "service b") == (
            IGNORED,
            f"'a' ({tmp_path}/xinetd.conf:1) has the same address and port already, and xinetd serves the first",
        )


@pytest.mark.parametrize("lines", ["flags = IPv6\n\tbind = 127.0.0.1", "flags = IPv4\n\tbind = ::1"])
def test_an_address_of_another_family_than_the_flags_is_refused(lines: str, tmp_path: Path) -> None:
    outcome, text = about(convert(tmp_path, service("a", lines)), "service a")
    assert outcome is REFUSED
    assert "xinetd listened on all addresses instead, or on none; remove one of them" in text


def test_an_internal_service_is_not_redirected(tmp_path: Path) -> None:
    internal = {"type": "INTERNAL", "port": "-", "server": "-", "extra": "redirect = 127.0.0.1 80"}
    text = about(convert(tmp_path, service("daytime", **internal)), "service daytime")[1]
    assert text == (
        "'redirect' in an internal service: one of them has no effect; remove it; the service is not converted"
    )
    conversion = convert(tmp_path, service("a", **internal | {"port": "1"}))
    assert any("there is no internal service 'a'" in entry.text for entry in conversion.report.entries)
