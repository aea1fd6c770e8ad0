"""The language of rules: what it accepts, and the text of each error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockgate.access.tcprules import (
    Action,
    RuleError,
    address_keys,
    parse,
    parse_action,
    rule_text,
    split_rule,
    written,
)
from sockgate.core import ALLOW, DENY, ConfigError

FORMS = "write 192.0.2.1, 192.0.2., 192.0.2.0/24, 2001:db8::/32, =host or =.domain"
DOTTED = "is not a dotted prefix of one to three octets"
SEVERAL = "is not a range of addresses or dotted prefixes"
RANGE = "write LOW-HIGH, from 0-0 to 255-255"
HOST = "labels of letters, digits, - and _, the last not a number"


@pytest.mark.parametrize(
    ("address", "keys"),
    [
        ("", [""]),
        ("10.1.2.3", ["10.1.2.3"]),
        ("10.1.2.", ["10.1.2."]),
        ("10.", ["10."]),
        ("0.0.0.0", ["0.0.0.0"]),
        ("10.2-4.", ["10.2.", "10.3.", "10.4."]),
        ("1.2.3.37-38", ["1.2.3.37", "1.2.3.38"]),
        ("1-2.3.4.5", ["1.3.4.5", "2.3.4.5"]),
        ("9-10.", ["9.", "10."]),
        ("1.2.3.7-7", ["1.2.3.7"]),
        ("10.1.2.3/32", ["10.1.2.3"]),
        ("10.1.2.0/24", ["10.1.2."]),
        ("10.1.0.0/16", ["10.1."]),
        ("10.0.0.0/8", ["10."]),
        ("10.0.0.0/9", ["10.0.0.0/9"]),
        ("0.0.0.0/0", ["0.0.0.0/0"]),
        ("::1", ["::1"]),
        ("2001:DB8:0:0::1", ["2001:db8::1"]),
        ("2001:db8::/32", ["2001:db8::/32"]),
        ("2001:db8::1/128", ["2001:db8::1"]),
        ("fe80::/128", ["fe80::"]),
        ("::/0", ["::/0"]),
        ("::ffff:10.1.2.3", ["10.1.2.3"]),
        ("::ffff:10.1.2.0/120", ["10.1.2."]),
        ("::ffff:0:0/96", ["0.0.0.0/0"]),
        ("=", ["="]),
        ("=mail.example.com", ["=mail.example.com"]),
        ("=.example.com", ["=.example.com"]),
        ("=host-1_a", ["=host-1_a"]),
        ("joe@10.1.2.3", ["joe@10.1.2.3"]),
        ("@10.1.2.3", ["@10.1.2.3"]),
        ("joe@2001:DB8::1", ["joe@2001:db8::1"]),
        ("a@b@10.1.2.3", ["a@b@10.1.2.3"]),
        ("joe@=mail.example.com", ["joe@=mail.example.com"]),
        ("joe-x@=mail-1.example.com", ["joe-x@=mail-1.example.com"]),
    ],
)
def test_an_address_stands_for_these_keys(address: str, keys: list[str]) -> None:
    assert list(address_keys(address)) == keys


@pytest.mark.parametrize(
    ("address", "message", "hint"),
    [
        # What tcprules stores and tcpserver never looks up.
        ("10.1.2.3/24", "'10.1.2.3/24' has host bits set", "write 10.1.2.0/24, or 10.1.2.3"),
        ("10.1.2", "'10.1.2' is not an IP address", "for the network write 10.1.2. or 10.1.2.0/24"),
        ("10", "'10' is not an IP address", "for the network write 10. or 10.0.0.0/8"),
        ("010.0.0.7", "'010.0.0.7' is not an IP address", FORMS),
        ("10.1.2.3.", f"'10.1.2.3.' {DOTTED}", ""),
        ("10.1.2.3.4.", f"'10.1.2.3.4.' {DOTTED}", ""),
        (".", f"'.' {DOTTED}", ""),
        ("10.256.", f"'10.256.' {DOTTED}", ""),
        ("10.01.", f"'10.01.' {DOTTED}", ""),
        (" 10.1.2.3", "' 10.1.2.3' is not an IP address", "without blanks"),
        ("10.1.2.3 ", "'10.1.2.3 ' is not an IP address", "without blanks"),
        ("example.com", "'example.com' is not an IP address", "for a host name write =example.com"),
        ("fe80:", "'fe80:' is not an IP address", "for an IPv6 network write its CIDR form"),
        ("fe80::", "'fe80::' may mean an address or a network", "write fe80::/128 or fe80::/64"),
        ("fe80::1%eth0", "'fe80::1%eth0' is not an IP address", FORMS),
        ("10.0.0.0/33", "'10.0.0.0/33' has no prefix length from 0 to 32", ""),
        ("10.0.0.0/08", "'10.0.0.0/08' has no prefix length from 0 to 32", ""),
        ("10.0.0.0/", "'10.0.0.0/' has no prefix length from 0 to 32", ""),
        ("10.0.0.0/255.0.0.0", "'10.0.0.0/255.0.0.0' has no prefix length from 0 to 32", ""),
        ("10.0.0.0/٨", "'10.0.0.0/٨' has no prefix length from 0 to 32", ""),
        ("2001:db8::/129", "'2001:db8::/129' has no prefix length from 0 to 128", ""),
        ("2001:db8::1/32", "'2001:db8::1/32' has host bits set", "write 2001:db8::/32, or 2001:db8::1"),
        ("::ffff:10.0.0.0/95", "'::ffff:10.0.0.0/95' has no prefix length from 96 to 128", ""),
        # Ranges: tcprules makes nothing of a reversed one, 255 of 300 and 0 of an empty number.
        ("10.5-3.", "'10.5-3.' is not a range of octets", RANGE),
        ("1.2.3.4-300", "'1.2.3.4-300' is not a range of octets", RANGE),
        ("1.2.3.-7", "'1.2.3.-7' is not a range of octets", RANGE),
        ("1.2.3.7-", "'1.2.3.7-' is not a range of octets", RANGE),
        ("1.2.3.01-2", "'1.2.3.01-2' is not a range of octets", RANGE),
        ("1.2.3.1-2-3", "'1.2.3.1-2-3' is not a range of octets", RANGE),
        ("1.2.3.0-4/24", "'1.2.3.0-4/24' is not a range of octets", RANGE),
        ("1.2-3.4-5.", f"'1.2-3.4-5.' {SEVERAL}", FORMS),
        ("1.2-3.4", f"'1.2-3.4' {SEVERAL}", "for the network write 1.2.4. or 1.2.4.0/24"),
        ("10.2-3.0.0/16", f"'10.2-3.0.0/16' {SEVERAL}", FORMS),
        # Names: looked up in lower case, whole or from a dot on.
        ("=Mail.example", "'Mail.example' never matches", "names are looked up in lower case: write =mail.example"),
        ("=*.example.com", "'*.example.com' never matches", "for all names of a domain write =.example.com"),
        ("=a..b", "'a..b' is not a host name", HOST),
        ("=example.com.", "'example.com.' is not a host name", HOST),
        ("=10.1.2.3", "'10.1.2.3' is not a host name", HOST),
        ("= a", "' a' is not a host name", HOST),
        ("joe@10.1.2.", "'joe@10.1.2.' never matches", "info is looked up with one IP address or =HOST only"),
        ("joe@", "'joe@' never matches", "info is looked up with one IP address or =HOST only"),
        ("joe@=", "'joe@=' never matches", "info is looked up with a whole host name only"),
        ("joe@=.example.com", "'joe@=.example.com' never matches", "info is looked up with a whole host name only"),
        ("joe x@10.1.2.3", "'joe x' never matches", "info is looked up without blanks"),
    ],
)  # fmt: skip
def test_an_address_that_no_client_can_match_is_an_error(address: str, message: str, hint: str) -> None:
    with pytest.raises(RuleError) as caught:
        address_keys(address)
    assert (str(caught.value), caught.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("word", "outcome", "variables"),
    [
        ("allow", ALLOW, {}),
        ("deny", DENY, {}),
        ('allow,RELAYCLIENT=""', ALLOW, {b"RELAYCLIENT": b""}),
        ("allow,A=/b=c,d/,B='\"'", ALLOW, {b"A": b"b=c,d", b"B": b'"'}),
        ('allow,A="1",A="2"', ALLOW, {b"A": b"2"}),
        ('allow,A="\xe4\xff"', ALLOW, {b"A": b"\xe4\xff"}),
        ('deny,DIEMSG="no"', DENY, {b"DIEMSG": b"no"}),
    ],
)
def test_an_action_is_a_verdict_and_variables(word: str, outcome: str, variables: dict[bytes, bytes | None]) -> None:
    action = parse_action(word)
    assert (action.outcome, action.variables) == (outcome, variables)


@pytest.mark.parametrize(
    ("word", "message", "hint"),
    [
        ("allowed", "'ed' is no variable", 'after allow or deny only ,VAR="VALUE" may follow'),
        ("allow ,A=\"1\"", "' ,A=\"1\"' is no variable", 'after allow or deny only ,VAR="VALUE" may follow'),
        ('allow,A="1" ', "' ' is no variable", 'after allow or deny only ,VAR="VALUE" may follow'),
        ("deny\r", r"'\r' is no variable", 'after allow or deny only ,VAR="VALUE" may follow'),
        ("allow,A", "',A' is no variable", 'after allow or deny only ,VAR="VALUE" may follow'),
        ("allow,", "',' is no variable", 'after allow or deny only ,VAR="VALUE" may follow'),
        ('allow, X="1"', "' X' is not a variable's name", "letters, digits and _, without blanks"),
        ('allow,X,Y="1"', "'X,Y' is not a variable's name", "letters, digits and _, without blanks"),
        ('allow,="1"', "'' is not a variable's name", "letters, digits and _, without blanks"),
        ('allow,1X="1"', "'1X' is not a variable's name", "letters, digits and _, without blanks"),
        ("allow,A=", "the value of A is not quoted", 'write A="VALUE"'),
        ("allow,A=1000001", "the value of A is not quoted", 'write A="VALUE"'),
        ("allow,A=,b,", "the value of A is not quoted", 'write A="VALUE"'),
        ("allow,A=\xe2x\xe2", "the value of A is not quoted", 'write A="VALUE"'),
        ('allow,A="1', 'the value of A has no closing "', ""),
    ],
)  # fmt: skip
def test_what_follows_the_verdict_must_be_variables(word: str, message: str, hint: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse_action(word)
    assert (str(caught.value), caught.value.hint) == (message, hint)


def test_the_colon_before_the_word_ends_the_address() -> None:
    assert split_rule("::1:allow") == ("::1", "allow")
    assert split_rule(':deny,X=":allow"') == ("", 'deny,X=":allow"')


@pytest.mark.parametrize(
    "line", ["no colon", "10.1.2.3", "10.1.2.3:", "10.1.2.3: deny", "10.1.2.3:DENY", "10.1.2.3:den"]
)
def test_a_line_without_a_verdict_is_an_error(line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        list(parse(["# comment", "", " \t", "1.2.3.4:deny", line], "/etc/tcp.smtp"))
    assert caught.value.message == f"/etc/tcp.smtp:5: {line!r} has neither ':allow' nor ':deny'"
    assert caught.value.hint == 'write ADDRESS:allow,VAR="VALUE" or ADDRESS:deny'


def test_lines_of_another_system_are_told_apart() -> None:
    with pytest.raises(ConfigError, match=r"^f:1: .* \(the line ends in CR LF\)$"):
        list(parse(["10.1.2.3\r"], "f"))


def test_every_kind_of_error_names_file_and_line() -> None:
    for line in ("1.2.3:deny", "1.2.3.4:denys", '=x:allow,="1"', "5-3.:deny"):
        with pytest.raises(ConfigError, match=r"^/etc/tcp\.smtp:2: "):
            list(parse([":allow", line], "/etc/tcp.smtp"))


def test_blanks_at_the_end_of_a_line_do_not_count() -> None:
    assert [keys for _, keys, _ in parse(["10.:deny \t", "\t", "#:deny"], "f")] == [["10."]]


addresses = st.one_of(
    st.ip_addresses().map(str),
    st.text("0123456789.-/:=@ax*", max_size=20),
    st.tuples(st.ip_addresses(), st.integers(0, 130)).map(lambda pair: f"{pair[0]}/{pair[1]}"),
)


@given(addresses)
def test_keys_are_in_normal_form(address: str) -> None:
    try:
        keys = list(address_keys(address))
    except RuleError:
        return
    assert keys
    assert all(address_keys(written(key)) == [key] for key in keys)


names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True).map(str.encode)
values = st.binary(max_size=20).filter(lambda value: not set(value) & set(b"\0\n") and set(b"\"'|/!") - set(value))


@given(st.sampled_from([ALLOW, DENY]), st.dictionaries(names, values, max_size=4))
def test_a_rule_written_in_normal_form_is_read_back(outcome: str, variables: dict[bytes, bytes | None]) -> None:
    text = rule_text("10.", Action(outcome, variables))
    ((number, keys, action),) = parse([text], "f")
    assert (number, keys, action.outcome, action.variables) == (1, ["10."], outcome, variables)
