"""Run scripts whose server is started by tcpsvd, udpsvd, s6-tcpserver, socat or ncat: what becomes of each option."""

import os
from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.convert.report import Outcome
from sockgate.convert.result import Conversion
from sockgate.convert.tcpserver.ncat import HANDLERS as NCAT
from sockgate.convert.tcpserver.ncat import LONG_WITH_VALUE, LONG_WITHOUT_VALUE
from sockgate.convert.tcpserver.socat_words import address, command
from sockgate.host.host import Host
from sockgate.units.writer import format_unit

SOCAT, NCAT_LINE = "socat TCP-LISTEN:25,fork", "ncat -l -k -e /bin/cat"


def convert(folder: Path, line: str) -> Conversion:
    (folder / "run").write_text(f"#!/bin/sh\nexec {line}\n")
    return programs.convert("tcpserver", [str(folder / "run")], Host(systemd=257, hosts_files=()))


def units(conversion: Conversion) -> str:
    return "\n".join(map(format_unit, conversion.units))


def rules(conversion: Conversion) -> list[str]:
    (file,) = conversion.files
    return file.text.splitlines()[1:]


def refusals(conversion: Conversion) -> list[tuple[str, str]]:
    assert conversion.units == ()
    end = "; the service is not converted"
    refused = [entry for entry in conversion.report.entries if entry.outcome is Outcome.REFUSED]
    return [(entry.what, entry.text.removesuffix(end)) for entry in refused if entry.text.endswith(end)]


@pytest.mark.parametrize(
    ("line", "directive"),
    [
        ("tcpsvd -l0 -c 5 0 25 /bin/cat", "MaxConnections=5"),
        ("tcpsvd -l0 -C 3:no 0 25 /bin/cat", "MaxConnectionsPerSource=3"),
        ("tcpsvd -l0 -c 2 -C 3 0 25 /bin/cat", "MaxConnectionsPerSource=2"),
        ("tcpsvd -hl0 0 25 /bin/cat", "--hostname -- /bin/cat"),
        ("tcpsvd -pl0 0 25 /bin/cat", "--hostname --paranoid -- /bin/cat"),
        ("busybox tcpsvd -c 7 0 25 /bin/cat", "MaxConnections=7"),
        ("busybox tcpsvd 0 25 /bin/cat", '--client-env "TCPREMOTEADDR={TCPREMOTEIP}:{TCPREMOTEPORT}"'),
        ("busybox tcpsvd -C 2 0 25 /bin/cat", '--client-env "TCPREMOTEADDR={TCPREMOTEIP}" --client-env'),
        ("busybox tcpsvd 0 25 /bin/cat", '--client-env "TCPLOCALADDR={TCPLOCALIP}:{TCPLOCALPORT}"'),
        ("udpsvd -l0 0 69 /bin/cat", "ListenDatagram=0.0.0.0:69"),
        ("udpsvd -u daemon 127.0.0.1 tftp /bin/cat", "ListenDatagram=127.0.0.1:69"),
        ("udpsvd -u daemon 127.0.0.1 tftp /bin/cat", "User=daemon"),
        ("udpsvd 0 69 /bin/cat", "ExecStart=-/bin/cat\n"),
        ("udpsvd 0 69 /bin/cat", "StandardOutput=journal"),
        ("s6-tcpserver 0.0.0.0 25 /bin/cat", "ListenStream=0.0.0.0:25"),
        ("s6-tcpserver 0.0.0.0 25 /bin/cat", "MaxConnections=40\nMaxConnectionsPerSource=40"),
        ("s6-tcpserver -c 9 0.0.0.0 25 /bin/cat", "MaxConnections=9\nMaxConnectionsPerSource=9"),
        ("s6-tcpserver4 -v 2 -1 -c 9 -C 2 -b 7 0.0.0.0 25 /bin/cat", "MaxConnections=9\nMaxConnectionsPerSource=2"),
        ("s6-tcpserver -b 7 0.0.0.0 25 /bin/cat", "Backlog=7"),
        ("s6-tcpserver -q :: 25 /bin/cat", "ListenStream=25\nBindIPv6Only=ipv6-only"),
        ("s6-tcpserver6 ::1 25 /bin/cat", "ListenStream=[::1]:25"),
        ("s6-tcpserver 0.0.0.0 25 /bin/cat", "--client-env PROTO=TCP -- /bin/cat"),
        ("s6-tcpserver -u 1 -g 8 0.0.0.0 25 /bin/cat", "User=1\nGroup=8"),
        ("s6-envuidgid daemon s6-tcpserver -U 0.0.0.0 25 /bin/cat", "User=daemon"),
        ("s6-tcpserver 0.0.0.0 25 s6-tcpserver-access /bin/cat", "--hostname -- /bin/cat"),
        ("s6-tcpserver 0.0.0.0 25 s6-tcpserver-access -HDv2 -l me /bin/cat", "--local-name me -- /bin/cat"),
        ("s6-tcpserver 0.0.0.0 25 s6-tcpserver-access -HD /bin/cat", "NoDelay=yes"),
        ("s6-tcpserver 0.0.0.0 25 s6-tcpserver-access -Hrt 2500 -B hi /bin/cat",
         "--ident --banner-text hi --timeout 2.5 -- /bin/cat"),
        (f"{SOCAT} EXEC:/bin/cat", "ListenStream=0.0.0.0:25"),
        (f"{SOCAT} EXEC:/bin/cat", "MaxConnections=65536"),
        (f"{SOCAT} EXEC:/bin/cat", '--client-env "SOCAT_PEERADDR={TCPREMOTEIP}"'),
        (f"{SOCAT} EXEC:/bin/cat", '--client-env "SOCAT_SOCKPORT={TCPLOCALPORT}"'),
        (f"{SOCAT} 'EXEC:/bin/cat -u  x'", "-- /bin/cat -u x\n"),
        (f"{SOCAT} 'SYSTEM:cat; echo bye'", '-- /bin/sh -c "cat; echo bye"'),
        (f"{SOCAT},reuseaddr,max-children=7 EXEC:/bin/cat", "MaxConnections=7"),
        (f"{SOCAT},bind=127.0.0.1 EXEC:/bin/cat", "ListenStream=127.0.0.1:25"),
        (f"{SOCAT},range=10.0.0.7/8 EXEC:/bin/cat", "--allow 10.0.0.0/8"),
        (f"{SOCAT},range=10.0.0.0:255.255.0.0 EXEC:/bin/cat", "--allow 10.0.0.0/16"),
        ("socat TCP6-LISTEN:25,fork,range=[fd00::]/64 EXEC:/bin/cat", "--allow fd00::/64"),
        ("socat TCP6-LISTEN:25,fork EXEC:/bin/cat", "ListenStream=25\nBindIPv6Only=both"),
        ("socat tcp6-l:25,fork,ipv6only=1 EXEC:/bin/cat", "ListenStream=25\nBindIPv6Only=ipv6-only"),
        ("socat TCP4-LISTEN:smtp,fork EXEC:/bin/cat", "ListenStream=0.0.0.0:25"),
        (f"socat -d -d -lf /log -6 {SOCAT[6:]} EXEC:/bin/cat", "ListenStream=25"),
        (f"socat -dd -t5 -L/run/lock/x -W /run/lock/y {SOCAT[6:]} EXEC:/bin/cat", "ListenStream=0.0.0.0:25"),
        (f"{SOCAT},pktinfo,reuseport EXEC:/bin/cat,sighup,sigint,sigquit", "ReusePort=yes"),
        (f"{SOCAT},su=games EXEC:/bin/cat", "User=games"),
        (f"{SOCAT} EXEC:/bin/cat,su-d=games", "User=games"),
        (f"{SOCAT} EXEC:/bin/cat,stderr", "--stderr socket"),
        (f"{SOCAT} EXEC:/bin/cat,nofork,setsid,pipes", "-- /bin/cat"),
        (f"{SOCAT},tcpwrap EXEC:/bin/cat", "--hosts-access socat"),
        (f"{SOCAT},tcpwrap=me,tcpwrap-etc=/opt/x EXEC:/bin/cat", "--hosts-access me,/opt/x"),
        (f"{SOCAT},keepalive,nodelay,backlog=9 EXEC:/bin/cat", "KeepAlive=yes\nNoDelay=yes\nBacklog=9"),
        (f"{SOCAT} TCP:192.0.2.1:80", "-- /usr/sbin/sockgate-builtin redirect 192.0.2.1 80"),
        (f"{SOCAT} TCP:192.0.2.1:80", "DynamicUser=yes"),
        (f"{SOCAT} TCP:192.0.2.1:80,bind=10.0.0.1", "sockgate-builtin redirect --source 10.0.0.1 192.0.2.1 80"),
        (f"{SOCAT} TCP6:[fd00::1]:80", "-- /usr/sbin/sockgate-builtin redirect fd00::1 80"),
        (f"{SOCAT} TCP:192.0.2.1:smtp", "-- /usr/sbin/sockgate-builtin redirect 192.0.2.1 25"),
        (f"{NCAT_LINE} 25", "ListenStream=25\nBindIPv6Only=both"),
        (f"{NCAT_LINE} -4 25", "ListenStream=0.0.0.0:25"),
        (f"{NCAT_LINE} -6 25", "ListenStream=25\nBindIPv6Only=ipv6-only"),
        (f"{NCAT_LINE} -p 25", "ListenStream=25"),
        (f"{NCAT_LINE} 127.0.0.1 25", "ListenStream=127.0.0.1:25"),
        (f"{NCAT_LINE} 127.0.0.1 -p 25", "ListenStream=127.0.0.1:25"),
        (f"{NCAT_LINE}", "ListenStream=31337"),
        (f"{NCAT_LINE} 25", "MaxConnections=100"),
        (f"{NCAT_LINE} -m 3 25", "MaxConnections=3"),
        ("ncat -lk --sh-exec 'cat; date' 25", '-- /bin/sh -c "cat; date"'),
        ("ncat -lkv -e '/bin/cat -u' 25", "-- /bin/cat -u\n"),
        ("ncat --listen --keep --exec='/bin/cat' 25", "-- /bin/cat\n"),
        (f"{NCAT_LINE} 25", '--client-env "NCAT_REMOTE_ADDR={TCPREMOTEIP}"'),
        (f"{NCAT_LINE} 25", "--client-env NCAT_PROTO=TCP"),
        (f"{NCAT_LINE} --allow 10.0.0.0/8,fd00::/8 25", "--allow 10.0.0.0/8,fd00::/8"),
        (f"{NCAT_LINE} --allow 10.1.2.3 --allow '10.1.3.*' 25", "--allow 10.1.2.3/32,10.1.3.0/24"),
        (f"{NCAT_LINE} --deny 10.0.0.0/8 25", "--deny 10.0.0.0/8"),
        (f"{NCAT_LINE} --allow 10.0.0.0/30 --deny 10.0.0.2 25", "--allow 10.0.0.0/31,10.0.0.3/32"),
    ],
)  # fmt: skip
def test_line_becomes_this_directive(line: str, directive: str, tmp_path: Path) -> None:
    assert directive in units(convert(tmp_path, line))


@pytest.mark.parametrize(
    ("line", "what", "reason"),
    [
        ("tcpsvd -t 60 -i ./peers 0 25 /bin/cat", "-t", "it removes files of the folder that no client matches, and "
         "nothing else does"),
        ("tcpsvd -i peers -x peers.cdb 0 25 /bin/cat", "-x peers.cdb", "tcpsvd takes -i or -x once"),
        ("busybox udpsvd 0 69 /bin/cat", "udpsvd", "udpsvd of busybox gives each sender a process whose socket is "
         "connected to it, and systemd has one for all"),
        ("s6-tcpserver -G 1,2 0.0.0.0 25 /bin/cat", "-G 1,2", "several groups are not converted; add "
         "SupplementaryGroups= by hand"),
        ("s6-tcpserver -U 0.0.0.0 25 /bin/cat", "-U", "$UID, $GID and $GIDLIST are not set by s6-envuidgid in front of "
         "it; write -u and -g"),
        ("s6-tcpserver 0.0.0.0 25 s6-tcpserver-access -p /bin/cat", "in front of the program", "-p drops a client "
         "whose name does not lead back to it, and the gate only forgets the name"),
        ("s6-tcpserver 0.0.0.0 25 s6-tcpserver-access -t 5 /bin/cat", "in front of the program", "-t 5: only 0.1 to "
         "3600 seconds can be said to the gate"),
        ("s6-tcpserver 0.0.0.0 25 s6-tcpserver-access -t 500² /bin/cat", "in front of the program", "-t 500²: only 0.1 "
         "to 3600 seconds can be said to the gate"),
        ("socat TCP-LISTEN:25 EXEC:/bin/cat", "without fork", "socat serves one client and ends"),
        (f"{SOCAT} EXEC:/bin/cat,pty", "pty", "the server had a terminal, and would have the connection now; leave it "
         "out"),
        (f"{SOCAT} EXEC:/bin/cat,chroot=/x", "chroot=/x", "what this does is not known here"),
        (f"{SOCAT},range=nonsense EXEC:/bin/cat", "range=nonsense", "'nonsense' is no range of addresses that is known "
         "here"),
        *((f"{SOCAT},range={text} EXEC:/bin/cat", f"range={text}", f"{text!r} is no range of addresses that is known "
           "here")
          for text in ("10.0.0.0:0.255.255.255", "10.0.0.0/0.255.255.255", "10.0.0.0/255.0.0.0", "10.0.0.0/010",
                       "10.0.0.0:8")),
        (f"{SOCAT},max-children=0 EXEC:/bin/cat", "max-children=0", "'0' is no number of clients"),
        (f"socat -u {SOCAT[6:]} EXEC:/bin/cat", "-u", "the client could send only, and could read what the server says "
         "now"),
        (f"socat -T 60 {SOCAT[6:]} EXEC:/bin/cat", "-T 60", "no connection is ended for silence; the server must do "
         "that"),
        (f"socat -T300 {SOCAT[6:]} EXEC:/bin/cat", "-T 300", "no connection is ended for silence; the server must do "
         "that"),
        (f"socat -r/tmp/x {SOCAT[6:]} EXEC:/bin/cat", "-r /tmp/x", "what is said is not copied to a file"),
        (f"{SOCAT} TCP:192.0.2.1:80,sourceport=9", "sourceport=9", "what this does is not known here"),
        ("ncat -l -e /bin/cat 25", "without -k", "ncat serves one client and ends"),
        (f"{NCAT_LINE} --ssl 25", "--ssl", "it ends TLS itself, and no unit does"),
        (f"{NCAT_LINE} -i 5 25", "--idle-timeout 5", "no connection is ended for silence; the server must do that"),
        (f"{NCAT_LINE} -u 25", "--udp", "only TCP is converted"),
        (f"{NCAT_LINE} --allow host.example 25", "--allow", "'host.example' does not appear to be an IPv4 or IPv6 "
         "network: only addresses and networks are converted, no names and no ranges"),
        (f"{NCAT_LINE} --allow 10.1-2.0.1 25", "--allow", "'10.1-2.0.1' does not appear to be an IPv4 or IPv6 "
         "network: only addresses and networks are converted, no names and no ranges"),
        *((f"{NCAT_LINE} --allow 10.0.0.0/{mask} 25", "--allow", f"'10.0.0.0/{mask}' has no valid prefix length: only "
           "addresses and networks are converted, no names and no ranges")
          for mask in ("255.0.0.0", "0.255.255.255")),
        (f"{NCAT_LINE} --allow 10.0.0.1 --deny 10.0.0.0/8 25", "--allow --deny", "no client may come in"),
    ],
)  # fmt: skip
def test_an_option_without_an_equal_is_refused_by_its_name(line: str, what: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "peers").mkdir()
    assert (what, reason) in refusals(convert(tmp_path, line))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("socat OPENSSL-LISTEN:25,fork EXEC:/bin/cat", "socat: OPENSSL-LISTEN: this is no TCP alone, which no unit and "
         "no gate speaks"),
        ("socat UNIX-LISTEN:/run/x,fork EXEC:/bin/cat", "socat: UNIX-LISTEN: this is no TCP alone, which no unit and "
         "no gate speaks"),
        ("socat EXEC:/bin/cat TCP-LISTEN:25,fork", "socat: EXEC: only TCP-LISTEN in the first place and a program in "
         "the second one are converted"),
        (f"{SOCAT} UDP:192.0.2.1:53", "socat: UDP: no program is started for each client, or a colon is not quoted"),
        (f"{SOCAT} EXEC:/bin/a:b", "socat: EXEC: no program is started for each client, or a colon is not quoted"),
        (f"{SOCAT}", "socat: there must be two addresses"),
        *((f"{SOCAT} TCP:192.0.2.1:{port}", f"'{port}' with protocol tcp is neither in /etc/services nor a port")
          for port in ("0", "65536", "no-service")),
        ("ncat -l -k 25", "ncat: it starts no program (-e, -c)"),
        ("ncat -l -k --nonsense 25", "ncat: the option --nonsense is not known"),
        ("ncat -l -k -e /bin/cat a b c", "ncat: more than a host and a port"),
        ("s6-tcpserver 0.0.0.0 25 s6-tcpserver-access -i a -x b /bin/cat", "s6-tcpserver-access: -i and -x together"),
    ],
)  # fmt: skip
def test_a_line_that_is_not_one_server_for_each_client_is_refused(line: str, reason: str, tmp_path: Path) -> None:
    assert reason in [text for _, text in refusals(convert(tmp_path, line))]


def test_where_the_output_of_a_datagram_server_goes_is_said(tmp_path: Path) -> None:
    write(tmp_path / "peers", {"10": ""})
    text = "descriptor 1 of the server is the socket behind the gate; udpsvd made it the log"
    for line, said in (("udpsvd 0 69 /bin/cat", False), ("udpsvd -i peers 0 69 /bin/cat", True)):
        entries = convert(tmp_path, line).report.entries
        assert any(entry.text == text for entry in entries) is said


def test_a_redirection_of_socat_is_told_nothing_that_it_does_not_read(tmp_path: Path) -> None:
    text = units(convert(tmp_path, f"{SOCAT} TCP:192.0.2.1:80"))
    assert "SOCAT_" not in text
    assert "--argv0" not in text


def test_a_client_is_no_server(tmp_path: Path) -> None:
    for line in ("socat - TCP:192.0.2.1:25", "ncat 192.0.2.1 25"):
        (text,) = (text for _, text in refusals(convert(tmp_path, line)) if text.startswith("nothing in it starts"))
        assert text.endswith("socat or ncat")


def test_every_option_of_ncat_has_its_row() -> None:
    taken_apart = {"exec", "sh-exec", "source-port", "help", "version", "loose-source", "loose-pointer", "zero-io"}
    of_proxies = {"proxy", "proxy-type", "proxy-auth", "proxy-dns"}
    assert {*LONG_WITH_VALUE, *LONG_WITHOUT_VALUE} - taken_apart - of_proxies <= NCAT.keys()


# Each text with what the real socat makes of it: tests/differential/test_starters.py asks it.
EXEC_TEXTS = {
    "/opt/args a  b": ["/opt/args", "a", "b"],
    "/opt/args 'a b' c": ["/opt/args", "a", "b", "c"],
    "'/opt/args \"a  b\" c'": ["/opt/args", "a  b", "c"],
    "\"/opt/args 'a  b' c\"": ["/opt/args", "a  b", "c"],
    "/opt/args a\\,b\\:c": ["/opt/args", "a,b:c"],
    "/opt/args (a b,c) {d e}": ["/opt/args", "(a b,c)", "{d e}"],
    "'/opt/args a\\\\nb'": ["/opt/args", "a\nb"],
    "/opt/args a ": ["/opt/args", "a", ""],
}  # fmt: skip


@pytest.mark.parametrize(("text", "words"), EXEC_TEXTS.items())
def test_a_command_of_socat_is_split_as_socat_does(text: str, words: list[str]) -> None:
    (kind, parameter), options = address(f"EXEC:{text},su=games")
    assert kind == "EXEC"
    assert command(parameter) == words
    assert options == [("su", "games")]


@pytest.mark.parametrize(
    ("text", "message"), [("EXEC:'x", "' has no partner"), ("EXEC:(x", "( has no partner"), ("a\\0", "a NUL in an")]
)  # fmt: skip
def test_an_address_of_socat_with_a_wrong_end_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "argument").write_text(text)
    conversion = convert(tmp_path, f'{SOCAT} "`cat {tmp_path}/argument`"')
    assert any(message in reason for _, reason in refusals(conversion))


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_instructions_of_tcpsvd_become_rules(tmp_path: Path) -> None:
    files = {"10.1.2.3": "+A=b c\n# x\n\n+B=", "10.2": "", "10": "", "0": "+Q='\"'\n"}
    peers = write(tmp_path / "peers", files)
    os.chmod(peers / "10", 0)
    conversion = convert(tmp_path, "tcpsvd -l0 -i ./peers 0 25 /bin/cat")
    assert rules(conversion) == ["10.:deny", '10.1.2.3:allow,A="b c",B=""', "10.2.:allow", ":allow,Q=|'\"'|"]
    assert f"--rules {conversion.files[0].path} " in units(conversion)


def test_a_client_that_no_instruction_names_comes_in(tmp_path: Path) -> None:
    write(tmp_path / "peers", {"10": ""})
    assert rules(convert(tmp_path, "tcpsvd -l0 -i ./peers 0 25 /bin/cat"))[-1] == ":allow"


def test_instructions_by_name_count_with_h_alone(tmp_path: Path) -> None:
    write(tmp_path / "peers", {"mail.example": ""})
    os.chmod(tmp_path / "peers/mail.example", 0)
    assert rules(convert(tmp_path, "tcpsvd -l0 -i peers 0 25 /bin/cat")) == [":allow"]
    assert rules(convert(tmp_path, "tcpsvd -hl0 -i peers 0 25 /bin/cat")) == [
        "=mail.example:deny", "=.mail.example:deny", ":allow"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"10": "-A"}, ""), ({"10": "C5"}, ""),
        ({"10": "+A"}, "peers/10': '+A' takes a variable away, and no rule does"),
        ({"10": "=host.example"}, "peers/10': '=host.example' looks a host up for each client, and no rule does"),
        ({"10": "+A B=c"}, "peers/10': '+A B=c' has a name or a value that no rule can hold"),
        ({"10": "+A=\t"}, "peers/10': '+A=\\t' has a name or a value that no rule can hold"),
        ({"10/x": ""}, "peers/10' is no file"),
    ],
)  # fmt: skip
def test_an_instruction_without_an_equal_is_refused_with_its_file(
    files: dict[str, str], reason: str, tmp_path: Path
) -> None:
    write(tmp_path / "peers", files)
    conversion = convert(tmp_path, "tcpsvd -l0 -i ./peers 0 25 /bin/cat")
    if reason:
        assert [text.partition(str(tmp_path) + "/")[2] for _, text in refusals(conversion)] == [reason]
    else:
        assert rules(conversion) == ["10.:allow", ":allow"]


def test_a_file_of_instructions_that_is_executed_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "peers", {"10": "cat"})
    os.chmod(tmp_path / "peers/10", 0o700)
    ((_, text),) = refusals(convert(tmp_path, "tcpsvd -l0 -i ./peers 0 25 /bin/cat"))
    assert text == f"'{tmp_path}/peers/10' is executed: its clients got another program, and no rule starts one"


def test_a_limit_for_some_clients_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "peers", {"10": "C5"})
    ((_, text),) = refusals(convert(tmp_path, "tcpsvd -C 2 -l0 -i ./peers 0 25 /bin/cat"))
    assert text == f"'{tmp_path}/peers/10': 'C5' is a limit for some clients, and limits are for all"


def test_instructions_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    for option in ("-i gone", "-x gone"):
        ((what, text),) = refusals(convert(tmp_path, f"tcpsvd {option} -l0 0 25 /bin/cat"))
        assert what == f"{option[:2]} {tmp_path}/gone"
        assert text.startswith(f"unable to read '{tmp_path}/gone': ")


def test_networks_and_names_together_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "peers", {"10": "", "example": ""})
    ((_, text),) = refusals(convert(tmp_path, "tcpsvd -hl0 -i peers 0 25 /bin/cat"))
    assert text.endswith("has networks and host names: tcpsvd asked the networks first, and the gate the names")


S6_RULES = {
    "ip4/10.0.0.0_8/allow": "", "ip4/10.0.0.0_8/env/A": "b  \nnot read", "ip4/10.1.2.3_32/deny": "",
    "ip4/0.0.0.0_0/nothing": "", "ip6/fd00::_8/allow": "", "ip4/10.0.0.1_8/allow": "",
    "ip4/10.0.0.0_0.255.255.255/allow": "", "ip4/172.0.0.0_255.0.0.0/allow": "", "ip4/11.0.0.0_08/allow": "",
}  # fmt: skip


def test_rules_of_s6_become_rules_and_a_client_that_matches_none_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "rules", S6_RULES)
    conversion = convert(tmp_path, "s6-tcpserver 0.0.0.0 25 s6-tcpserver-access -H -i rules /bin/cat")
    assert rules(conversion) == ['10.0.0.0/8:allow,A="b"', "10.1.2.3:deny", "fd00::/8:allow", ":deny"]


def test_rules_of_s6_by_name(tmp_path: Path) -> None:
    files = {"reversedns/mail.example/allow": "", "reversedns/@/deny": "", "ip4/10.0.0.1_32/allow": ""}
    write(tmp_path / "rules", files)
    line = "s6-tcpserver 0.0.0.0 25 s6-tcpserver-access -l me {} -i rules /bin/cat"
    named = ["=:deny", "=mail.example:allow", "=.mail.example:allow"]
    assert rules(convert(tmp_path, line.format(""))) == ["10.0.0.1:allow", *named, ":deny"]
    assert rules(convert(tmp_path, line.format("-H"))) == ["10.0.0.1:allow", ":deny"]


def test_an_allow_of_s6_that_leads_nowhere_allows_no_client(tmp_path: Path) -> None:
    write(tmp_path / "rules", {"ip4/10.0.0.1_32/deny": "", "ip4/10.0.0.2_32/nothing": "", "ip4/10.0.0.3_32/allow": ""})
    for key in ("10.0.0.1_32", "10.0.0.2_32"):
        (tmp_path / f"rules/ip4/{key}/allow").symlink_to("gone")
    conversion = convert(tmp_path, "s6-tcpserver 0.0.0.0 25 s6-tcpserver-access -H -i rules /bin/cat")
    assert rules(conversion) == ["10.0.0.1:deny", "10.0.0.3:allow", ":deny"]


def test_an_allow_of_s6_that_not_everyone_can_read_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "rules", {"ip4/10.0.0.0_8/allow": "", "ip4/0.0.0.0_0/deny": ""})
    allow = tmp_path / "rules/ip4/10.0.0.0_8/allow"
    allow.chmod(0o640)
    ((_, text),) = refusals(convert(tmp_path, "s6-tcpserver 0.0.0.0 25 s6-tcpserver-access -H -i rules /bin/cat"))
    assert text.endswith(f"{allow} is an allow only if s6-tcpserver-access can read it, and not everyone can")
    allow.unlink()
    allow.symlink_to("allow")
    ((_, text),) = refusals(convert(tmp_path, "s6-tcpserver 0.0.0.0 25 s6-tcpserver-access -H -i rules /bin/cat"))
    assert "unable to read it: Too many levels of symbolic links" in text


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"ip4/10.0.0.0_8/allow": "", "ip4/10.0.0.0_8/exec": "cat"}, "/exec starts another program, and no rule does"),
        ({"ip4/10.0.0.0_8/allow": "", "ip4/10.0.0.0_8/env/A": ""}, "env takes 'A' away, and no rule does"),
        ({"ip4/10.0.0.0_8/allow": "", "ip4/10.0.0.0_8/env/A": "\x01"}, "env sets 'A' to what no rule can hold"),
        ({"ip4/10.0.0.0_8/allow": "", "reversedns/x/deny": ""}, "it has networks and host names: "
         "s6-tcpserver-access asks the networks first, and the gate the names"),
        ({}, "it is no folder"),
    ],
)  # fmt: skip
def test_a_rule_of_s6_without_an_equal_is_refused(files: dict[str, str], reason: str, tmp_path: Path) -> None:
    write(tmp_path / "rules", files)
    conversion = convert(tmp_path, "s6-tcpserver 0.0.0.0 25 s6-tcpserver-access -l me -i rules /bin/cat")
    assert [text for _, text in refusals(conversion) if text.endswith(reason)]


def test_what_a_server_is_no_longer_told_is_in_the_report(tmp_path: Path) -> None:
    for line, what in ((f"{SOCAT} EXEC:/bin/cat", "SOCAT_PID"),
                       ("busybox tcpsvd 0 25 /bin/cat", "TCPORIGDSTADDR")):  # fmt: skip
        entries = convert(tmp_path, line).report.entries
        assert any(what in entry.text and entry.outcome is Outcome.APPROXIMATED for entry in entries)


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("tcpsvd -l0 -C 2 0 25 /bin/cat", "--max-connections 30 --max-per-source 2"),
        ("s6-tcpserver -c 9 0.0.0.0 25 /bin/cat", "--max-connections 9 --max-per-source 9"),
        (f"{SOCAT} EXEC:/bin/cat", "--max-connections 65536"),
        (f"{SOCAT},max-children=3 EXEC:/bin/cat", "--max-connections 3"),
        (f"{NCAT_LINE} 25", "--max-connections 100 --at-limit refuse"),
    ],
)
def test_one_process_for_all_clients_stays_one_with_its_limits(line: str, options: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, line)
    text = units(conversion)
    assert "Accept=no" in text
    assert f"{options} " in text
    reasons = [entry.text for entry in conversion.report.entries if entry.became == ("Accept=no",)]
    program = line.partition(" ")[0]
    waits = ", and let them wait above its limit" if "refuse" not in options and "65536" not in options else ""
    assert reasons == [f"sockgated: {program} was one process for all clients, too{waits}"]


def test_the_number_of_clients_of_an_address_is_told_by_the_resident_engine(tmp_path: Path) -> None:
    for line, name in (
        ("s6-tcpserver 0.0.0.0 25 /bin/cat", "TCPCONNNUM"),
        ("tcpsvd -C 2 0 25 /bin/cat", "TCPCONCURRENCY"),
    ):
        for engine, outcome in (("resident", Outcome.TRANSLATED), ("connection", Outcome.APPROXIMATED)):
            (tmp_path / "run").write_text(f"#!/bin/sh\nexec {line}\n")
            conversion = programs.convert("tcpserver", [str(tmp_path / "run")], Host(systemd=257), engine=engine)
            assert [entry.outcome for entry in conversion.report.entries if entry.what == name] == [outcome]
