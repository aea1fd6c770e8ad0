"""DNS messages (RFC 1035): write one question, read the records of one answer.

A message can come from any machine until it is proven to be the answer to our question. RFC 9267 lists the mistakes
of DNS parsers. So names are read with a limit, lengths are checked before they are used, and a message that breaks
a rule is Malformed.
"""

from _struct import Struct

A, CNAME, TXT, INTERNET = 1, 5, 16, 1
NO_ERROR, NAME_ERROR = 0, 3
ERRORS = {1: "FORMERR", 2: "SERVFAIL", 4: "NOTIMP", 5: "REFUSED"}
RESPONSE, TRUNCATED, RECURSION_DESIRED = 0x8000, 0x0200, 0x0100
OPCODE, CODE = 0x7800, 0x000F

HEADER = Struct(">6H")
QUESTION = Struct(">2H")
RECORD = Struct(">2HIH")  # type, class, time to live, length of the data
LONGEST_NAME = 255  # bytes, as it is written in a message
MOST_ALIASES = 16


class Malformed(Exception):
    """These bytes are no DNS message."""


class Truncated(Exception):
    """The answer is too long for a datagram."""


def encode_name(name: str) -> bytes:
    return b"".join(bytes((len(label),)) + label.encode() for label in name.split(".")) + b"\0"


def encode_question(number: int, name: str, kind: int) -> bytes:
    return HEADER.pack(number, RECURSION_DESIRED, 1, 0, 0, 0) + encode_name(name) + QUESTION.pack(kind, INTERNET)


def is_answer_to(question: bytes, message: bytes) -> bool:
    """Whether this is a response with our number to our question. Every answer repeats the question."""
    if len(message) < len(question) or message[:2] != question[:2]:
        return False
    _, flags, questions, *_ = HEADER.unpack_from(message)
    asked = message[HEADER.size : len(question)]
    return bool(flags & RESPONSE) and questions == 1 and asked.lower() == question[HEADER.size :].lower()


def read_answer(question: bytes, message: bytes) -> tuple[int, list[bytes]]:
    """The code of an answer, and the data of its records of the type in the question. Follows aliases.

    Raises Malformed or Truncated.
    """
    _, flags, _, count, *_ = HEADER.unpack_from(message)
    if flags & OPCODE:
        raise Malformed
    if flags & TRUNCATED:
        raise Truncated
    wanted, _ = read_name(question, HEADER.size)
    (kind, _) = QUESTION.unpack_from(question, len(question) - QUESTION.size)
    records = list(read_records(message, len(question), count))
    for _ in range(MOST_ALIASES + 1):
        found = [data for owner, its_kind, data, _ in records if (owner, its_kind) == (wanted, kind)]
        places = [at for owner, its_kind, _, at in records if (owner, its_kind) == (wanted, CNAME)]
        aliases = {read_name(message, at)[0] for at in places}
        if found or not aliases:
            return flags & CODE, found
        if len(aliases) > 1:  # RFC 2181, 10.1
            raise Malformed
        wanted = aliases.pop()
    raise Malformed  # a loop of aliases, or a chain of them, does not say whether there is a record


def read_records(message: bytes, at: int, count: int) -> list[tuple[bytes, int, bytes, int]]:
    """(owner, type, data, offset of the data) of each record of the Internet's class, among `count` records."""
    records = []
    for _ in range(count):
        owner, at = read_name(message, at)
        if at + RECORD.size > len(message):
            raise Malformed
        kind, network, _, length = RECORD.unpack_from(message, at)
        at += RECORD.size
        if at + length > len(message):
            raise Malformed
        if network == INTERNET:
            records.append((owner, kind, message[at : at + length], at))
        at += length
    return records


def read_name(message: bytes, at: int) -> tuple[bytes, int]:
    """A name in lower case (each label with its length before it), and the offset of what follows the name.

    A pointer must point backwards, to a place before all that this name has used. So the loop always ends.
    """
    labels, size = [], 0
    end, least = 0, at
    while True:
        if at >= len(message):
            raise Malformed
        length = message[at]
        if length >= 0xC0:
            if at + 2 > len(message):
                raise Malformed
            end = end or at + 2
            at = int.from_bytes(message[at : at + 2], "big") & 0x3FFF
            if at >= least:
                raise Malformed
            least = at
            continue
        if length > 63 or at + 1 + length > len(message):
            raise Malformed
        label = message[at : at + 1 + length]
        at += len(label)
        size += len(label)
        if size > LONGEST_NAME:
            raise Malformed
        labels.append(label)
        if not length:
            return b"".join(labels).lower(), end or at


def read_text(data: bytes) -> bytes:
    """The strings of a TXT record, one after the other. Raises Malformed."""
    strings, at = [], 0
    while at < len(data):
        end = at + 1 + data[at]
        if end > len(data):
            raise Malformed
        strings.append(data[at + 1 : end])
        at = end
    return b"".join(strings)
