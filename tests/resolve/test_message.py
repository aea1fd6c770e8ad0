"""DNS messages, with dnspython as the oracle: what it writes is read, and what it cannot read is not believed."""

from itertools import pairwise

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sockgate.resolve.dns_message import (
    TXT,
    A,
    Malformed,
    Truncated,
    encode_question,
    is_answer_to,
    read_answer,
    read_name,
    read_text,
)

ASKED = "66.2.0.192.bl.example.com"
QUESTION = encode_question(0x1234, ASKED, A)
LABELS = st.lists(st.sampled_from(["a", "bl", "example", "com", "x-1", "66", "y" * 63]), min_size=1, max_size=4)
LONGEST_NAME = 253  # 255 bytes in a message
NAMES = st.builds(".".join, LABELS).filter(lambda name: len(name) <= LONGEST_NAME) | st.just(ASKED)
ADDRESSES = st.builds("127.0.0.{}".format, st.integers(0, 255))


def oracle_question(kind: str = "A", name: str = ASKED) -> dns.message.Message:
    message = dns.message.make_query(name, kind)
    message.id = 0x1234
    return message


@st.composite
def answers(draw: st.DrawFn) -> dns.message.Message:
    """Addresses and aliases of the name that was asked for and of others, in any order."""
    answer = dns.message.make_response(oracle_question())
    answer.set_rcode(dns.rcode.Rcode(draw(st.sampled_from([0, 0, 0, 2, 3, 5]))))
    for owner, target in draw(st.lists(st.tuples(NAMES, NAMES), max_size=3, unique_by=lambda pair: pair[0])):
        answer.answer.append(dns.rrset.from_text(f"{owner}.", 60, "IN", "CNAME", f"{target}."))
    for owner in draw(st.lists(NAMES, max_size=3, unique=True)):
        texts = draw(st.lists(ADDRESSES, min_size=1, max_size=3, unique=True))
        answer.answer.append(dns.rrset.from_text(f"{owner}.", 60, "IN", "A", *texts))
        answer.answer.append(dns.rrset.from_text(f"{owner}.", 60, "IN", "TXT", '"noise"'))
    return answer


def addresses_in(answer: dns.message.Message) -> list[bytes] | None:
    """By dnspython's own records: those of the name, or of what it is an alias of. None for aliases without an end."""

    def texts(owner: dns.name.Name, kind: dns.rdatatype.RdataType) -> list[str]:
        return [record.to_text() for rrset in answer.answer if (rrset.name, rrset.rdtype) == (owner, kind)
                for record in rrset]  # fmt: skip

    wanted = dns.name.from_text(f"{ASKED}.")
    for _ in range(10):
        found = texts(wanted, dns.rdatatype.A)
        aliases = texts(wanted, dns.rdatatype.CNAME)
        if found or not aliases:
            return [bytes(map(int, text.split("."))) for text in found]
        wanted = dns.name.from_text(aliases[0])
    return None


def test_a_question_is_written_as_dnspython_writes_it() -> None:
    for name, kind, number in ((ASKED, A, "A"), ("a." * 100 + "b", TXT, "TXT"), ("x" * 63, A, "A")):
        assert encode_question(0x1234, name, kind) == oracle_question(number, name).to_wire()


@settings(max_examples=30)
@given(answers())
def test_every_answer_that_dnspython_writes_is_read(answer: dns.message.Message) -> None:
    wire = answer.to_wire()
    assert is_answer_to(QUESTION, wire)
    expected = addresses_in(answer)
    if expected is None:
        with pytest.raises(Malformed):
            read_answer(QUESTION, wire)
        return
    code, records = read_answer(QUESTION, wire)
    assert (code, sorted(records)) == (answer.rcode(), sorted(expected))


@settings(max_examples=30)
@given(answers(), st.data())
def test_what_is_damaged_is_read_as_dnspython_reads_it_or_not_at_all(
    answer: dns.message.Message, data: st.DataObject
) -> None:
    wire = bytearray(answer.to_wire())
    start = len(QUESTION)
    for at in data.draw(st.lists(st.integers(start, max(start, len(wire) - 1)), max_size=3)):
        wire[at : at + 1] = data.draw(st.binary(min_size=1, max_size=1))
    message = bytes(wire[: data.draw(st.integers(start, len(wire)))])
    try:
        _, records = read_answer(QUESTION, message)
    except Malformed:
        return
    try:
        theirs = dns.message.from_wire(message, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError):
        return  # it reads the data of all records; ours, that of those it wants
    if records:
        assert {*records} <= {record.to_wire() for rrset in theirs.answer for record in rrset}


@settings(max_examples=30)
@given(st.binary(max_size=80))
def test_noise_is_no_answer(noise: bytes) -> None:
    assert not is_answer_to(QUESTION, noise[: len(QUESTION) - 1])
    head = QUESTION[:2] + b"\x81\x80\0\1\0\2\0\0\0\0" + QUESTION[12:]
    try:
        read_answer(QUESTION, head + noise)
    except Malformed:
        return


def answer_with(records: bytes, count: int = 1) -> bytes:
    return QUESTION[:2] + b"\x81\x80\0\1" + count.to_bytes(2, "big") + b"\0\0\0\0" + QUESTION[12:] + records


RECORD = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f\0\0\2"


def test_a_good_answer_is_read() -> None:
    assert read_answer(QUESTION, answer_with(RECORD * 2, 2)) == (0, [b"\x7f\0\0\2"] * 2)
    assert read_answer(QUESTION, answer_with(RECORD * 2)) == (0, [b"\x7f\0\0\2"])


@pytest.mark.parametrize(
    "records",
    [
        b"",
        RECORD[:-1],
        RECORD[:10],
        b"\xc0",
        b"\xff\xff" + RECORD[2:],  # a pointer beyond the end
        b"\xc0\x2b" + RECORD[2:],  # to itself
        b"\1a\xc0\x2b" + RECORD[2:],  # to its own beginning, for ever
        b"\x40" + RECORD[2:],  # an unknown kind of label
        b"\x3f" + b"a" * 20,
        (b"\x3f" + b"a" * 63) * 4 + b"\0" + RECORD[2:],  # too long
        RECORD[:10] + b"\xff\xff" + RECORD[12:],
    ],
)
def test_what_does_not_fit_is_malformed(records: bytes) -> None:
    with pytest.raises(Malformed):
        read_answer(QUESTION, answer_with(records))


def test_a_message_for_another_purpose_is_no_answer() -> None:
    good = answer_with(RECORD)
    for bad in (
        b"\0\0" + good[2:],  # another number
        QUESTION,  # the question itself
        good[:5] + b"\2" + good[6:],  # two questions
        good[:5] + b"\0" + good[6:],
        good.replace(b"\x02bl", b"\x02xx", 1),
        good[: len(QUESTION) - 4] + b"\0\x10\0\1" + good[len(QUESTION) :],  # about TXT
        b"",
    ):
        assert not is_answer_to(QUESTION, bad)
    assert is_answer_to(QUESTION, good.replace(b"\x02bl", b"\x02BL", 1))
    with pytest.raises(Malformed):
        read_answer(QUESTION, good[:2] + b"\xa9" + good[3:])  # an update
    with pytest.raises(Truncated):
        read_answer(QUESTION, good[:2] + b"\x83" + good[3:])


def answer_with_aliases(*names: str) -> bytes:
    """Each name is an alias of the next, and the last one is listed."""
    answer = dns.message.make_response(oracle_question())
    for owner, target in pairwise(names):
        answer.answer.append(dns.rrset.from_text(f"{owner}.", 60, "IN", "CNAME", f"{target}."))
    answer.answer.append(dns.rrset.from_text(f"{names[-1]}.", 60, "IN", "A", "127.0.0.2"))
    return answer.to_wire()


def chain(length: int) -> bytes:
    return answer_with_aliases(ASKED, *(f"n{number}.example.com" for number in range(length)))


@pytest.mark.parametrize("length", [0, 1, 8, 9, 16])
def test_aliases_are_followed(length: int) -> None:
    assert read_answer(QUESTION, chain(length))[1] == [b"\x7f\0\0\2"]


def test_too_many_aliases_are_a_failure_and_not_the_answer_that_there_is_nothing() -> None:
    with pytest.raises(Malformed):
        read_answer(QUESTION, chain(17))


@pytest.mark.parametrize(
    "names", [(ASKED, ASKED), (ASKED, "a.example", ASKED), (ASKED, "a.example", "b.example", "a.example")]
)
def test_a_loop_of_aliases_is_a_failure(names: tuple[str, ...]) -> None:
    loop = dns.message.make_response(oracle_question())
    for owner, target in pairwise(names):
        loop.answer.append(dns.rrset.from_text(f"{owner}.", 60, "IN", "CNAME", f"{target}."))
    with pytest.raises(Malformed):
        read_answer(QUESTION, loop.to_wire())


def test_two_aliases_of_one_name_are_a_failure() -> None:
    answer = dns.message.make_response(oracle_question())
    for target in ("a.example.", "b.example."):
        answer.answer.append(dns.rrset.from_text(f"{ASKED}.", 60, "IN", "CNAME", target))
    with pytest.raises(Malformed):
        read_answer(QUESTION, answer.to_wire())


def test_a_text_is_its_strings() -> None:
    assert read_text(b"\3abc\0\2de") == b"abcde"
    assert read_text(b"") == b""
    for bad in (b"\4abc", b"\1"):
        with pytest.raises(Malformed):
            read_text(bad)


def test_a_name_ends_where_the_message_goes_on() -> None:
    message = b"\1a\1b\0\1c\xc0\2\xff"
    assert read_name(message, 0) == (b"\1a\1b\0", 5)
    assert read_name(message, 5) == (b"\1c\1b\0", 9)
