"""Programs in front of tcpserver and behind it that stay."""

import shlex
from pathlib import Path

import pytest

from sockgate.connection import Gate
from sockgate.convert import programs
from sockgate.convert.report import Outcome
from sockgate.convert.result import Conversion
from sockgate.core.options import parse

from .test_tcpserver import HOST, convert, units


@pytest.mark.parametrize(
    ("line", "server"),
    [
        ("tcpserver -RHl0 0 7 env - A=b /bin/cat", "-- /usr/bin/env - A=b /bin/cat"),
        ("tcpserver -RHl0 0 7 rblsmtpd -r bl.example setuidgid daemon /bin/cat",
         "rblsmtpd -r bl.example setuidgid daemon /bin/cat"),
        ("tcpserver -RHl0 0 7 envdir e argv0 /bin/cat dog", "argv0 /bin/cat dog"),
        ("tcpserver -RHl0 0 7 chpst -0 /bin/cat", "chpst -0 /bin/cat"),
    ],
)  # fmt: skip
def test_link_that_only_works_where_it_stands_stays(line: str, server: str, tmp_path: Path) -> None:
    assert f"{server}\n" in units(convert(tmp_path, line))


def kept(conversion: Conversion) -> dict[str, str]:
    """The report about links that stay."""
    entries = conversion.report.entries
    return {entry.what: entry.text for entry in entries if entry.text.startswith("stays in front of the server")}


def test_links_that_stay_are_in_the_report(tmp_path: Path) -> None:
    line = "tcpserver -RHl0 0 25 greetdelay fixcrio relaylock rblsmtpd -b -t0 -r a.example -a w.example -c /bin/cat"
    stays = "stays in front of the server, and must stay installed"
    told = kept(convert(tmp_path, line))
    assert told["fixcrio"] == told["relaylock"] == stays
    assert told["greetdelay"] == f"{stays}; the gate can do this, and without a process that waits: --greet-delay"
    assert told["rblsmtpd -b -t0 -r a.example -a w.example -c"] == (
        f"{stays}; the gate can ask before the server starts, and rblsmtpd then only refuses: --dnsbl "
        "a.example,RBLSMTPD,-* --dnsbl-allow w.example --dnsbl-fail closed"
    )
    for option, hint in (
        ("-r 'z.example:go away'", "--dnsbl 'z.example,RBLSMTPD,go away'"),
        ("-b -r 'z.example:see %IP%'", "--dnsbl 'z.example,RBLSMTPD,-see @'"),
        ("-r z.example:a,b", "--dnsbl z.example,RBLSMTPD,a,b"),
        ("-r a.example -r 'z.example:50 %* @'", ""),
        ("-r 'no zone'", ""),
    ):
        (text,) = kept(convert(tmp_path, f"tcpserver -RHl0 0 25 rblsmtpd {option} /bin/cat")).values()
        assert text == (f"{stays}; the gate can ask before the server starts, and rblsmtpd then only refuses: {hint}"
                        if hint else stays)  # fmt: skip
        if hint:
            Gate(parse([*shlex.split(hint), "--", "/bin/cat"]))
    assert kept(convert(tmp_path, "tcpserver -RHl0 0 25 rblsmtpd -t0 /bin/cat")) == {"rblsmtpd -t0": stays}
    assert kept(convert(tmp_path, "tcpserver -RHl0 0 25 rblsmtpd -y /bin/cat")) == {}


@pytest.mark.parametrize(
    ("line", "variable", "rules", "said"),
    [
        ("envdir e tcpserver -RHl0 -x r 0 7 /bin/cat", "B", "1.:allow,A=''\n:deny\n", Outcome.APPROXIMATED),
        ("envdir e tcpserver -RHl0 -x r 0 7 /bin/cat", "A", "1.:deny,A=''\n:deny\n", Outcome.APPROXIMATED),
        ("envdir e tcpserver -RHl0 -x r 0 7 /bin/cat", "A", "1.:allow,A=''\n:deny\n", Outcome.REFUSED),
        ("chpst -e e tcpserver -RHl0 -x r 0 7 /bin/cat", "A", "1.:deny\n:allow,A=''\n", Outcome.REFUSED),
        ("envdir e tcpserver -RHl0 0 7 /bin/cat", "TCPREMOTEIP", "", Outcome.REFUSED),
        ("envdir e tcpserver -RHl0 0 7 /bin/cat", "RELAYCLIENT", "", None),
        ("tcpserver -RHl0 -x r 0 7 envdir e /bin/cat", "A", ":allow,A=''\n", None),
    ],
)
def test_a_folder_in_front_may_not_be_stronger_than_it_was(
    line: str, variable: str, rules: str, said: Outcome | None, tmp_path: Path
) -> None:
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / variable).write_text("1")
    (tmp_path / "r").write_text(rules)
    conversion = convert(tmp_path, line)
    found = [(entry.outcome, entry.text) for entry in conversion.report.entries if entry.what == "envdir"]
    number = 1 if rules.startswith("1.:allow") else 2
    texts = {
        Outcome.APPROXIMATED: "it runs behind the gate now: a variable in its folder counts more than one of that name "
        f"in '{tmp_path}/r'",
        Outcome.REFUSED: f"A in its folder would be stronger than {tmp_path}/r:{number}: take it out there, and set it "
        "in the rules that do not; the service is not converted",
    }
    if variable == "TCPREMOTEIP":
        texts[Outcome.REFUSED] = (
            "TCPREMOTEIP in its folder would be stronger than what the gate says of the client: take it out, tcpserver "
            "never minded it; the service is not converted"
        )
    assert found == ([(said, texts[said])] if said else [])
    assert bool(conversion.units) == (said is not Outcome.REFUSED)


@pytest.mark.parametrize("name", ["TCPREMOTEHOST", "TCPREMOTEINFO", "TCPLOCALHOST", "TCPREMOTEIP", "PROTO"])
@pytest.mark.parametrize("program", ["tcpserver -RHl0", "tcpsvd -l0"])
def test_a_variable_in_front_says_nothing_of_a_client(name: str, program: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, f"env {name}=trusted A=b {program} 0 7 /bin/cat")
    assert "trusted" not in units(conversion)
    assert "--env A=b" in units(conversion)
    (told,) = [entry for entry in conversion.report.entries if entry.what == f"env {name}"]
    assert told.outcome is Outcome.IGNORED
    assert told.text == f"the gate alone says this of a client, as {program.partition(' ')[0]} did"
    (tmp_path / "run").write_text(f"#!/bin/sh\nexport {name}=trusted\nexec {program} 0 7 /bin/cat\n")
    conversion = programs.convert("tcpserver", [str(tmp_path / "run")], HOST)
    assert "trusted" not in units(conversion)
    assert [entry.outcome for entry in conversion.report.entries if entry.what == f"export {name}"] == [told.outcome]


@pytest.mark.parametrize(
    ("line", "server"),
    [
        ("tcpserver -RHl0 0 7 env A=b TCPREMOTEHOST=mine /bin/cat", "--env A=b -- /usr/bin/env TCPREMOTEHOST=mine"),
        ("tcpserver -RHl0 -x r 0 7 env A=b B=c /bin/cat", "--env B=c -- /usr/bin/env A=b"),
        ("tcpserver -RHl0 -x r 0 7 env B=c /bin/cat", "--env B=c --"),
        ("tcpsvd -l0 -i i 0 7 env A=b B=c /bin/cat", "--env B=c -- /usr/bin/env A=b"),
        ("busybox tcpsvd 0 7 env TCPREMOTEADDR=mine /bin/cat", "-- /usr/bin/env TCPREMOTEADDR=mine"),
    ],
)
def test_a_variable_behind_the_listener_stays_stronger_than_the_gate(line: str, server: str, tmp_path: Path) -> None:
    (tmp_path / "r").write_text('10.:allow,A="rule"\n:allow\n')
    (tmp_path / "i").mkdir()
    (tmp_path / "i" / "10").write_text("+A=rule\n")
    (tmp_path / "i" / "10").chmod(0o644)
    conversion = convert(tmp_path, line)
    assert f"{server} /bin/cat\n" in units(conversion)
    assert len(kept(conversion)) == ("/usr/bin/env" in server)


def test_what_stays_in_front_of_the_server_shows_no_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hidden word\n")
    (tmp_path / "secret").chmod(0o600)
    (tmp_path / "run").write_text('#!/bin/sh\nexec tcpserver -RHl0 0 7 env TCPREMOTEINFO="$(cat secret)" /bin/cat\n')
    conversion = programs.convert("tcpserver", [str(tmp_path / "run")], HOST)
    assert "hidden word" not in units(conversion)
    assert "-- /usr/bin/env ${SOCKGATE_WORD_1} /bin/cat" in units(conversion)
    assert any("TCPREMOTEINFO=hidden word" in file.text for file in conversion.files)


@pytest.mark.parametrize("name", ["recordio", "fixcrio"])
def test_what_copies_after_the_servers_end_may_finish(name: str, tmp_path: Path) -> None:
    assert "ExitType=cgroup\n" in units(convert(tmp_path, f"tcpserver -RHl0 0 7 {name} /bin/cat"))
