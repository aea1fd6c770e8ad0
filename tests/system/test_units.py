"""Command lines, variables and environment files: our reader and writer against the real systemd."""

import random
from collections.abc import Mapping

import pytest

from sockgate.units.command import parse_commands
from sockgate.units.envfile import format_assignment
from sockgate.units.environment import load_environment
from sockgate.units.model import (
    Command,
    Directive,
    Environment,
    File,
    Folder,
    Section,
    UnitFile,
    Value,
    Variable,
    Written,
    section,
)
from sockgate.units.quoting import quote_variable
from sockgate.units.search import UnitSearch
from sockgate.units.unit import KEPT
from sockgate.units.writer import format_unit
from tests.system.machine import Machine

# Prints how many arguments it got, the arguments, then its environment, each with a NUL behind it.
DUMP = '#!/bin/sh\nprintf \'%s\\0\' "$#" "$@"\nexec cat /proc/$$/environ\n'
PROGRAM = "/run/dump"
ROUNDS = 120

# Pieces that lines are put together from: what is special to one of the readers, and what is next to it.
COMMON = [
    "a",
    "b c",
    " ",
    "  ",
    "\t",
    "'",
    '"',
    "''",
    '""',
    "é",
    "#",
    "=",
    ";",
    "x;",
    "~",
    "`",
    "\\\\",
    "\\ ",
    "\\n",
    "\\q",
]
ESCAPES = [r"\x41", r"\xc3\xa9", r"\101", r"\u00e9", r"\s", r"\"", r"\'", r"\t"]
EXPANDED = [
    "%%",
    "%p",
    "%n",
    "%i",
    "%t",
    "% ",
    "%;",
    "$$",
    "$",
    "${",
    "}",
    "$A",
    " $A ",
    "${A}",
    " $B ",
    "${B}",
    " $C ",
]
COMMAND = [piece for piece in COMMON if piece != ";"] + ESCAPES + EXPANDED + [" \\; ", "\\;"]
FILE = [*COMMON, "\\\n", "$", "\\$", "\\`", '\\"', "\n", "\nD=", "\n#", "\n E = ", "{", "%"]
ENVIRONMENT = [*COMMON, *ESCAPES, "%%", "%p", " D=", " E=", "$"]
UNSET = ["A", "B", "C", " ", ' "A=x ', 'y z" ', " %%", "C=", " B ", " C "]
# Whole words for the writer.
PRINTABLE = "ab \\\"'$%{};#=-@:+!~é`"
CHARACTERS = "ab \t\n\r\\\"'$%{};#=-@:+!~\x01\x7fé\u2028\U0001f600`"

Received = tuple[list[str], dict[str, str]]


def random_text(source: random.Random, pieces: list[str]) -> str:
    return "".join(source.choices(pieces, k=source.randrange(1, 9)))


def random_words(source: random.Random) -> list[str]:
    return ["".join(source.choices(CHARACTERS, k=source.randrange(6))) for _ in range(source.randrange(6))]


def received(machine: Machine, units: Mapping[str, str]) -> dict[str, Received]:
    """What the process of each unit was given; nothing for a unit that did not start it."""
    machine.write(PROGRAM, DUMP, 0o755)
    machine.shell("rm -rf /run/out; mkdir /run/out")
    for name, text in units.items():
        machine.write(f"/run/systemd/system/{name}", text)
    machine.systemctl("daemon-reload")
    # One by one: systemd 262 starts none of several units of one command if one of them cannot be loaded.
    machine.shell(f"for unit in {' '.join(units)}; do systemctl start $unit 2> /dev/null || :; done", timeout=120)
    return {name: parse_dump(machine, name) for name in units if machine.path(f"/run/out/{name}").exists()}


def parse_dump(machine: Machine, name: str) -> Received:
    fields = machine.path(f"/run/out/{name}").read_bytes().decode("utf-8", "surrogateescape").split("\0")
    count = int(fields[0])
    variables = (entry.partition("=") for entry in fields[count + 1 : -1])
    return fields[1 : count + 1], {variable: value for variable, _, value in variables}


def unit(name: str, *settings: tuple[str, Value]) -> str:
    output = ("StandardOutput", Written(f"file:/run/out/{name}"))
    return format_unit(UnitFile(name, (), (section("Service", ("Type", Written("oneshot")), output, *settings),)))


def expected(machine: Machine, name: str) -> Received | None:
    """What our reader says that the process is given; None if systemd rejects the line."""
    search = UnitSearch(str(machine.path("/")))
    service = search.load(name)
    assert service is not None
    variables, _ = load_environment(service, search)
    line = service.last("Service", "ExecStart")
    assert line is not None
    try:
        (command,) = parse_commands(line, service.unit_name)
    except ValueError:
        return None
    words = [word.text for word in command.arguments(variables)]
    return words, {variable: value.value for variable, value in variables.items()}


def test_any_command_line_is_read_as_systemd_reads_it(machine: Machine) -> None:
    source = random.Random(1)  # noqa: S311  # the same cases in every run
    units = {}
    for number in range(ROUNDS):
        name = f"read-{number}.service"
        line = random_text(source, COMMAND)
        machine.write(f"/run/{name}.env", f"A=x 'y z'\nB={random_text(source, FILE)}\n")
        # Not through the writer, which refuses a good part of these.
        text = unit(name, ("EnvironmentFile", File((f"/run/{name}.env",))))
        units[name] = f"{text}ExecStart={PROGRAM} {line}\n\nEnvironment=C={random_text(source, ENVIRONMENT)}\n"
    for name in list(units)[::3]:
        units[name] += f"UnsetEnvironment={random_text(source, UNSET)}\n"
    actual = received(machine, units)
    for name, text in units.items():
        assert actual.get(name, ([], {}))[0] == (expected(machine, name) or ([], {}))[0], text
        assert (name in actual) is (expected(machine, name) is not None), text


def test_any_variables_are_read_as_systemd_reads_them(machine: Machine) -> None:
    source = random.Random(2)  # noqa: S311
    units = {}
    for number in range(ROUNDS):
        name = f"variables-{number}.service"
        machine.write(f"/run/{name}.env", f"B={random_text(source, FILE)}")
        line = random_text(source, ENVIRONMENT)
        units[name] = (
            unit(name, ("ExecStart", Command((PROGRAM,)))) + f"EnvironmentFile=/run/{name}.env\nEnvironment=A={line}\n"
        )
    actual = received(machine, units)
    assert actual.keys() == units.keys()
    for name, text in units.items():
        ours = expected(machine, name)
        assert ours is not None
        theirs = {variable: value for variable, value in actual[name][1].items() if len(variable) == 1}
        assert ours[1] == theirs, text + machine.read(f"/run/{name}.env")


@pytest.mark.parametrize("content", [b"A=\xff\n", b"A=1\0\n"], ids=["not UTF-8", "NUL"])
def test_a_file_that_is_no_text_keeps_the_service_from_starting(machine: Machine, content: bytes) -> None:
    machine.path("/run/no-text.env").write_bytes(content)
    for prefix, fails in (("", True), ("-", False)):
        file = ("EnvironmentFile", File(("/run/no-text.env",), optional=bool(prefix)))
        actual = received(
            machine, {"no-text.service": unit("no-text.service", ("ExecStart", Command((PROGRAM,))), file)}
        )
        assert ("no-text.service" in actual) is not fails
        service = UnitSearch(str(machine.path("/"))).load("no-text.service")
        assert service is not None
        variables, troubles = load_environment(service, UnitSearch(str(machine.path("/"))))
        assert (variables, [trouble.fatal for trouble in troubles]) == ({}, [fails])


@pytest.mark.parametrize("way", ["command line", "variable in the unit", "variable in a file"])
def test_what_we_write_reaches_the_process_unchanged(machine: Machine, way: str) -> None:
    source = random.Random(3)  # noqa: S311
    words = {f"write-{number}.service": random_words(source) for number in range(ROUNDS)}
    units = {}
    expands_a: tuple[str, Value] = ("ExecStart", Command((PROGRAM, Variable("A", splits=True))))
    settings: list[tuple[str, Value]]
    for name, arguments in words.items():
        value = quote_variable(arguments)
        if way == "command line":
            settings = [("ExecStart", Command((PROGRAM, *arguments)))]
        elif way == "variable in the unit":
            settings = [expands_a, ("Environment", Environment("A", value))]
        else:
            machine.write(f"/run/{name}.env", format_assignment("A", value))
            settings = [expands_a, ("EnvironmentFile", File((f"/run/{name}.env",)))]
        units[name] = unit(name, *settings)
    actual = received(machine, units)
    assert {name: actual[name][0] for name in actual} == words


def test_text_and_folders_are_for_systemd_what_they_are_here(machine: Machine) -> None:
    """As a folder that ends in a backslash once continued its line, and took the next setting with it."""
    source = random.Random(5)  # noqa: S311
    expected = {}
    for number in range(ROUNDS):
        name = f"text-{number}.service"
        text = "".join(source.choices(PRINTABLE, k=source.randrange(1, 6)))
        folder = f"/srv/{number}{text}"
        pairs: list[tuple[str, Value]] = [
            ("WorkingDirectory", Folder(folder, optional=True)),
            ("User", "daemon"),
            ("ExecStart", Command(("/bin/true",))),
        ]
        description = f"a{text}z"
        unit_file = UnitFile(name, (text,), (section("Unit", ("Description", description)), section("Service", *pairs)))
        machine.write(f"/run/systemd/system/{name}", format_unit(unit_file))
        expected[name] = [f"Description={description}", "User=daemon", f"WorkingDirectory=!{folder}"]
    machine.systemctl("daemon-reload")
    shown = machine.systemctl("show", "-p", "Description,User,WorkingDirectory", *expected).stdout
    actual = [sorted(block.splitlines()) for block in shown.rstrip("\n").split("\n\n")]
    assert actual == list(expected.values())


def test_systemd_has_nothing_to_say_about_what_we_write(machine: Machine) -> None:
    source = random.Random(4)  # noqa: S311
    arguments = [word for _ in range(20) for word in random_words(source)]
    sections = (
        Section("Unit", (Directive("Description", "100% of é", "a comment \\"),)),
        Section("Service", (Directive("ExecStart", Command(("/bin/echo", *arguments)), "from\nelsewhere"),)),
    )
    text = format_unit(UnitFile("quiet.service", (), sections))
    machine.write("/run/systemd/system/quiet.service", text)
    result = machine.run("systemd-analyze", "verify", "quiet.service", check=False)
    assert (result.stdout + result.stderr, result.returncode) == ("", 0)


# A value of each, other than systemd's own; what `systemctl show` calls times by is another name.
KEPT_VALUES = {
    "Socket": {
        **dict.fromkeys(("Accept", "FreeBind", "KeepAlive"), "yes"), "BindIPv6Only": "both", "Service": "x.service",
        **dict.fromkeys(("Backlog", "MaxConnections", "MaxConnectionsPerSource", "PollLimitBurst"), "7"),
        **dict.fromkeys(("TriggerLimitBurst", "TriggerLimitIntervalSec", "PollLimitIntervalSec"), "7"),
    },
    "Service": {
        **dict.fromkeys(KEPT, "yes"), "LimitAS": "64M", "LimitDATA": "64M", "Restart": "always", "Type": "oneshot",
        "LogRateLimitBurst": "7", "LogRateLimitIntervalSec": "7", "StandardError": "tty", "StandardInput": "socket",
        "SyslogLevelPrefix": "no",
    },
    "Unit": {"CollectMode": "inactive-or-failed", "StartLimitIntervalSec": "7"},
}  # fmt: skip
RESET_BY_262 = {"ProtectHostname"}
RESET_VALUES = {"KillMode": "process", "TasksMax": "7", "MemoryMax": "64M", "MemoryHigh": "64M", "User": "daemon"}


def test_an_empty_value_resets_what_it_resets_for_systemd(machine: Machine) -> None:
    values = {name: dict(chosen) for name, chosen in KEPT_VALUES.items()}
    for part in ("Socket", "Unit"):
        for key in values[part]:
            values["Service"].pop(key, None)
    values["Service"] |= RESET_VALUES
    assert {key for chosen in values.values() for key in chosen} == KEPT | RESET_VALUES.keys()
    names = {}
    for part, chosen in values.items():
        kind = "socket" if part == "Socket" else "service"
        body = "[Socket]\nListenStream=/run/x\n" if kind == "socket" else "[Service]\nExecStart=/bin/true\n"
        machine.write("/run/systemd/system/x.service", "[Service]\nExecStart=/bin/true\n")
        for key, value in chosen.items():
            for suffix, lines in (("set", f"{key}={value}\n"), ("empty", f"{key}={value}\n{key}=\n")):
                names[f"{key.lower()}-{suffix}.{kind}"] = key
                machine.write(f"/run/systemd/system/{key.lower()}-{suffix}.{kind}", f"{body}[{part}]\n{lines}")
                machine.write(
                    f"/run/systemd/system/{key.lower()}-{suffix}@.service", "[Service]\nExecStart=/bin/true\n"
                )
    machine.systemctl("daemon-reload")
    for name, key in names.items():
        if "-set." in name:
            shown = "Triggers" if key == "Service" else key.replace("IntervalSec", "IntervalUSec")
            pair = [name, name.replace("-set.", "-empty.")]
            values_of_both = machine.systemctl("show", "-p", shown, *pair).stdout.replace("-empty", "-set").split()
            if key.startswith("PollLimit") and machine.systemd_version < 255:
                assert values_of_both == []  # it does not know these at all
                continue
            was, now = values_of_both
            kept = key in KEPT - (RESET_BY_262 if machine.systemd_version >= 262 else set())
            assert (was == now) is kept, (name, was, now)


DROP_INS = {
    "/usr/lib/systemd/system/service.d/10-type.conf": "type",
    "/etc/systemd/system/drop-.service.d/20-prefix.conf": "prefix",
    "/usr/lib/systemd/system/drop-in@.service.d/20-prefix.conf": "not seen: /etc has one of that name",
    "/etc/systemd/system/drop-@.service.d/20-prefix.conf": "prefix of the template",
    "/run/systemd/system/drop-in@.service.d/15-own.conf": "own",
    "/usr/local/lib/systemd/system/drop-in@x.service.d/30-instance.conf": "instance",
}


def test_drop_ins_are_merged_in_the_order_of_systemd(machine: Machine) -> None:
    machine.write("/usr/lib/systemd/system/drop-in@.service", "[Service]\nExecStart=/bin/true\nEnvironment=A=unit\n")
    for path, value in DROP_INS.items():
        machine.write(path, f'[Service]\nEnvironment="A={value}"\n')
    machine.systemctl("daemon-reload")
    theirs = machine.systemctl("show", "-P", "DropInPaths", "drop-in@x.service").stdout.split()
    ours = UnitSearch(str(machine.path("/"))).load("drop-in@x.service")
    assert ours is not None
    assert list(ours.drop_ins) == theirs
    assert ours.list("Service", "Environment")[-1].value == '"A=instance"'


COURIER = {
    "imapd": """\
PORT=143
IMAP_CAPABILITY="IMAP4rev1 IDLE"
IMAP_CAPABILITY_TLS="$IMAP_CAPABILITY AUTH=PLAIN"
HEADERFROM='a "b" \\c $d `e` %p'
DOUBLE="x \\"y\\" \\$HOME 50%"
LINES="one
two"
NAME=Jürgen\\ Müller
ENDS='in a backslash\\'
MAILDIRPATH=Maildir
IMAP_ULIMITD=131072
TLS_PROTOCOL=TLSv1.2
EMPTY=
""",
    "imapd-ssl": 'IMAPDSTARTTLS=YES\nTLS_STARTTLS_PROTOCOL="$TLS_PROTOCOL"\nPROXY_HOSTNAME=\n',
}
# As /usr/lib/courier/imapd hands it over, with cat in the place of couriertcpd.
START = (
    "env -i /bin/sh -c 'set -a; . /etc/courier/imapd; . /etc/courier/imapd-ssl; IMAP_STARTTLS=YES; PROXY_HOSTNAME=;"
    " exec cat /proc/self/environ'"
)


def test_couriers_variables_are_those_of_its_own_start_script(machine: Machine) -> None:
    for name, text in COURIER.items():
        machine.write(f"/etc/courier/{name}", text)
    machine.run("sockgatectl", "courier-environment", "/etc/courier/imapd", "--output", "/run/imap.env")
    assert machine.path("/run/imap.env").stat().st_mode & 0o777 == 0o600
    text = unit("courier.service", ("ExecStart", Command((PROGRAM,))), ("EnvironmentFile", File(("/run/imap.env",))))
    ours = received(machine, {"courier.service": text})["courier.service"][1]
    theirs = dict(entry.split("=", 1) for entry in machine.shell(START).stdout.split("\0") if entry)
    assert theirs.pop("PWD")
    assert theirs["IMAP_CAPABILITY_TLS"] == "IMAP4rev1 IDLE AUTH=PLAIN"
    assert {name: ours.get(name) for name in theirs} == theirs
    assert ours["SOCKGATE_LIMITS"] == "--rlimit as=131072K"
