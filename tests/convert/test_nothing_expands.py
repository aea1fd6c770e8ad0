"""Systemd expands nothing of an old configuration: no `%`, `$`, backslash, quote or line end, in any value.

Read back with our own reader of units; tests/system/test_units.py holds that against systemd's.
"""

import shlex
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sockgate.convert import programs
from sockgate.convert.result import Conversion
from sockgate.core.options import parse
from sockgate.dispatch.options import parse as parse_resident
from sockgate.host.host import Host
from sockgate.units import reader
from sockgate.units.command import Variable, parse_commands
from sockgate.units.names import UnitName, expand
from sockgate.units.quoting import split_words
from sockgate.units.reader import Assignment, Place
from sockgate.units.writer import format_unit

HOST = Host(systemd=257, asks_services=False)
CONNECTION, RESIDENT = "x@7.service", "x.service"
BOTH = (CONNECTION, RESIDENT)
# Every name that a word below could expand to: a variable that is expanded shows.
SET = dict.fromkeys(("HOME", "A", "MAILDIRPATH", "SOCKGATE_LIMITS"), Variable("EXPANDED", Place("x", 1)))
PIECES = ("${HOME}", "$A", "$$", "%n", "%%", "%", "\\", "\\n", "'", '"', ";", "#", "-", "@", "!", "a", "é", "{", "=")
words = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join)


def convert(program: str, text: str, name: str) -> Conversion:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_text(text)
        return programs.convert(program, [str(path)], HOST)


def read(conversion: Conversion, key: str, engine: str = CONNECTION) -> list[Assignment]:
    _, *services = conversion.converted[0].units
    text = format_unit(services[BOTH.index(engine)])
    assignments, ignored = reader.parse(text, "x")
    assert not ignored
    assert sum(one.key == "SyslogLevelPrefix" for one in assignments) == 1, "nothing swallows a line"
    return [one for one in assignments if one.key == key]


def started(conversion: Conversion, engine: str = CONNECTION) -> list[str]:
    """The words that the process gets."""
    (line,) = read(conversion, "ExecStart", engine)
    (command,) = parse_commands(line, UnitName.parse(engine))
    return [command.program, *(word.text for word in command.arguments(SET))]


@given(words.filter(lambda word: not word.startswith("#")))
def test_arguments_and_variables_of_xinetd_reach_the_server_unchanged(word: str) -> None:
    lines = "type = UNLISTED\nport = 7\nsocket_type = stream\nwait = no\nuser = root\nserver = /bin/cat\n"
    text = f"service x\n{{\n{lines}server_args = x {word}\nenv = V={word}\n}}\n"
    conversion = convert("xinetd", text, "x")
    assert started(conversion)[-1] == word
    (variable,) = read(conversion, "Environment")
    assert [expand(one, UnitName.parse(CONNECTION)) for one in split_words(variable.value)] == [f"V={word}"]
    found = started(conversion, RESIDENT)
    assert found[-1] == word
    assert f"V={word}" in found


@given(words)
def test_arguments_of_inetd_reach_the_server_unchanged(word: str) -> None:
    conversion = convert("inetd", f"7 stream tcp nowait root /bin/cat cat {word}\n", "inetd.conf")
    assert [started(conversion, engine)[-1] for engine in BOTH] == [word, word]


@given(words)
def test_words_of_a_run_script_reach_the_server_unchanged(word: str) -> None:
    text = f"#!/bin/sh\nexport V={shlex.quote(word)}\nexec tcpserver -RHl0 0 7 /bin/cat {shlex.quote(word)}\n"
    conversion = convert("tcpserver", text, "x")
    for found in (started(conversion, engine) for engine in BOTH):
        assert found[-1] == word
        assert f"V={word}" in found


@given(words)
def test_the_folder_of_a_run_script_is_that_folder(word: str) -> None:
    folder = f"/srv/{word}"
    text = f"#!/bin/sh\nexec chpst -C {shlex.quote(folder)} tcpserver -RHl0 0 7 /bin/cat\n"
    conversion = convert("tcpserver", text, "x")
    for engine in BOTH:
        (line,) = read(conversion, "WorkingDirectory", engine)
        assert expand(line.value, UnitName.parse(engine)).removeprefix("-").rstrip("/") == folder


@given(words)
def test_the_deny_message_of_courier_is_sent_as_it_is_written(word: str) -> None:
    """Quoted for the second shell that reads TCPDOPTS."""
    conversion = convert(
        "couriertcpd", f"TCPDOPTS={shlex.quote(f'-nodnslookup -denymsg={shlex.quote(word)}')}\n", "imapd"
    )
    message = f"{word}\r\n".encode()
    assert parse(started(conversion)[1:]).deny_message == message
    assert parse_resident(started(conversion, RESIDENT)[1:]).deny_message == message


def test_a_folder_with_a_backslash_at_its_end_leaves_the_next_line_alone() -> None:
    text = "#!/bin/sh\nexec chpst -C '/srv/a\\' tcpserver -RHl0 0 7 /bin/cat\n"
    (line,) = read(convert("tcpserver", text, "x"), "WorkingDirectory")
    assert line.value == "-/srv/a\\/"


def test_a_variable_in_a_deny_message_of_courier_is_no_variable_of_systemd() -> None:
    """The second shell of Courier's start script has no HOME: env -i starts it."""
    conversion = convert("couriertcpd", "TCPDOPTS='-nodnslookup -denymsg=a${HOME}b'\n", "imapd")
    found = started(conversion)
    assert found[found.index("--deny-message") + 1] == "ab"
    conversion = convert("couriertcpd", "TCPDOPTS='-nodnslookup -denymsg=a\\${HOME}b'\n", "imapd")
    found = started(conversion)
    assert found[found.index("--deny-message") + 1] == "a${HOME}b"
