"""sockgated's own options."""

import pytest

from sockgate.core import UsageError
from sockgate.core.options import GATE_OPTIONS
from sockgate.dispatch.options import (
    LIMIT_OPTIONS,
    Bounds,
    Limits,
    Process,
    parse,
    read_limits,
    read_options,
    read_process,
    size_text,
)


def limits(*words: str) -> Limits:
    return read_limits(parse([*words, "server"]))


def process(*words: str) -> Process:
    return read_process(parse([*words, "server"]))


def test_without_options_there_are_forty_clients_that_wait_at_the_limit() -> None:
    assert limits() == Limits(40, False, None, (32, 64), None, (24, 48), None, None, None, None)
    assert process() == Process((), "journal", None, 0)


def test_every_limit_can_be_set() -> None:
    assert limits(
        "--max-connections=500", "--at-limit=refuse", "--max-per-source", "4", "--source-prefix=24,56",
        "--max-per-network", "16", "--network-prefix=16,32", "--rate=10/5", "--cps=7/0", "--max-per-minute=256/600",
        "--rate-per-source=10/60,300",
    ) == Limits(500, True, 4, (24, 56), 16, (16, 32), (10, 5), (7, 0), (256, 600), (10, 60, 300))  # fmt: skip
    assert limits("--rate-per-source=10/60").rate_per_source == (10, 60, 0)
    assert limits("--max-per-minute=9").per_minute == (9, 0)


def test_every_other_option_can_be_set() -> None:
    words = ("--listen=127.0.0.1:25", "--listen=[::1]:25", "--log-format=xinetd", "--idle-exit=60", "--drain=30")
    assert process(*words, "--log-usage") == Process(("127.0.0.1:25", "[::1]:25"), "xinetd", 60, 30, log_usage=True)


@pytest.mark.parametrize(
    ("text", "number", "shown"),
    [
        ("1048576", 1 << 20, "1M"), ("64M", 64 << 20, "64M"), ("1536K", 1536 << 10, "1536K"), ("2G", 2 << 30, "2G"),
        ("1T", 1 << 40, "1T"), ("1048577", (1 << 20) + 1, "1048577"),
    ],
)  # fmt: skip
def test_a_size_is_written_as_for_systemd(text: str, number: int, shown: str) -> None:
    bounds = read_options(parse([f"--session-memory={text}", "--session-tasks=32", "server"])).bounds
    assert bounds == Bounds(number, 32)
    assert size_text(number) == shown


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--max-connections=0", "--max-connections: '0' is not a whole number from 1 to 1000000"),
        ("--max-connections=", "--max-connections: '' is not a whole number from 1 to 1000000"),
        ("--max-per-source=-1", "--max-per-source: '-1' is not a whole number from 1 to 1000000"),
        ("--max-per-network=1_0", "--max-per-network: '1_0' is not a whole number from 1 to 1000000"),
        ("--max-per-source=²", "--max-per-source: '²' is not a whole number from 1 to 1000000"),
        ("--drain=1234567890123", "--drain: '1234567890123' is not a whole number from 0 to 1000000"),
        ("--at-limit=drop", "--at-limit: 'drop' is none of: wait refuse"),
        ("--source-prefix=24", "--source-prefix: '24' is not two numbers with ',' between them"),
        ("--source-prefix=33,64", "--source-prefix: '33' is not a whole number from 1 to 32"),
        ("--source-prefix=32,129", "--source-prefix: '129' is not a whole number from 1 to 128"),
        ("--rate=10", "--rate: '10' is not two numbers with '/' between them"),
        ("--rate=0/5", "--rate: '0' is not a whole number from 1 to 1000000"),
        ("--rate=10/5/2", "--rate: '5/2' is not a whole number from 1 to 1000000"),
        ("--cps=0/5", "--cps: '0' is not a whole number from 1 to 1000000"),
        ("--cps=5/-1", "--cps: '-1' is not a whole number from 0 to 1000000"),
        ("--max-per-minute=0", "--max-per-minute: '0' is not a whole number from 1 to 1000000"),
        ("--max-per-minute=5/0", "--max-per-minute: '0' is not a whole number from 1 to 1000000"),
        ("--network-prefix=24", "--network-prefix: '24' is not two numbers with ',' between them"),
        ("--rate-per-source=10", "--rate-per-source: '10' is not two numbers with '/' between them"),
        ("--rate-per-source=0/60", "--rate-per-source: '0' is not a whole number from 1 to 1000000"),
        ("--rate-per-source=10/0,5", "--rate-per-source: '0' is not a whole number from 1 to 1000000"),
        ("--rate-per-source=10/60,", "--rate-per-source: '' is not a whole number from 1 to 1000000"),
        ("--rate-per-source=10/60,0", "--rate-per-source: '0' is not a whole number from 1 to 1000000"),
        ("--rate-per-source=10/60,5,6", "--rate-per-source: '5,6' is not a whole number from 1 to 1000000"),
        ("--log-format=syslog", "--log-format: 'syslog' is none of: journal xinetd tcpserver"),
        ("--idle-exit=0", "--idle-exit: '0' is not a whole number from 1 to 1000000"),
        ("--session-memory=1023K", "--session-memory: '1023K' is not a number of bytes from 1M to 1T, such as 64M"),
        ("--session-memory=2T", "--session-memory: '2T' is not a number of bytes from 1M to 1T, such as 64M"),
        ("--session-memory=64m", "--session-memory: '64m' is not a number of bytes from 1M to 1T, such as 64M"),
        ("--session-memory=M", "--session-memory: 'M' is not a number of bytes from 1M to 1T, such as 64M"),
        ("--session-memory=", "--session-memory: '' is not a number of bytes from 1M to 1T, such as 64M"),
        ("--session-memory=-64M", "--session-memory: '-64M' is not a number of bytes from 1M to 1T, such as 64M"),
        ("--session-tasks=0", "--session-tasks: '0' is not a whole number from 1 to 1000000"),
        ("--drain=5s", "--drain: '5s' is not a whole number from 0 to 1000000"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_what_would_be_right(word: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_options(parse([word, "server"]))
    assert str(caught.value) == message


def test_no_option_of_ours_has_the_name_of_a_gates() -> None:
    assert {option.name for option in LIMIT_OPTIONS}.isdisjoint(option.name for option in GATE_OPTIONS)
