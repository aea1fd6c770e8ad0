"""Asking the name servers of /etc/resolv.conf.

For DNS lists alone; host names are the C library's (child.py). Its resolver has no function for TXT records that
Python could call, and a child for each list. dnspython has everything, but takes 62 ms to import, which is eight
times what a whole connection costs, and `sockgate` runs with -S, where no package but the standard library exists.
What is left to do for one question is little: this file and message.py, with dnspython as the tests' oracle.

An answer is believed if it comes from the server and port that was asked, to a port that the kernel chose at random,
with our random number and our question (RFC 5452). No EDNS: answers of lists are small, and a longer one comes by TCP.
"""

import _socket
import errno
import posix
import time

from .dns_message import (  # fmt: skip
    ERRORS,
    NAME_ERROR,
    NO_ERROR,
    Malformed,
    Truncated,
    encode_question,
    is_answer_to,
    read_answer,
)
from .tasks import READ, WRITE, NotThere, TooLate, Unable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .tasks import Task

RESOLV_CONF = "/etc/resolv.conf"
PORT = 53
MOST_SERVERS = 3  # MAXNS of resolv.conf(5)
FIRST_PATIENCE = 1.0  # seconds until the next server is asked; twice as long in each round
LONGEST_DATAGRAM = 4096

Server = tuple[str, int, int, int] | tuple[str, int]


def known_servers() -> list[Server]:
    """Those of resolv.conf(5), this machine's own if it names none."""
    servers: list[Server] = []
    try:
        with open(RESOLV_CONF, encoding="latin-1") as file:
            for line in file:
                words = line.split()
                if words[:1] == ["nameserver"] and len(words) > 1:
                    servers += server_at(words[1])
    except OSError:
        pass  # nobody configured one: the default
    return servers[:MOST_SERVERS] or [("127.0.0.1", PORT)]


def server_at(text: str) -> list[Server]:
    """One server, none if this is no address."""
    address, _, scope = text.partition("%")
    try:
        if ":" not in address:
            _socket.inet_pton(_socket.AF_INET, address)
            return [(address, PORT)]
        _socket.inet_pton(_socket.AF_INET6, address)
        return [(address, PORT, 0, _socket.if_nametoindex(scope) if scope else 0)]
    except OSError:
        return []


def records_of(name: str, kind: int, servers: list[Server]) -> "Task[list[bytes]]":
    """The data of the records of this name and type. Raises NotThere, or Unable.

    Asks one server after the other, again and again, until the deadline, unless all of them fail outright.
    """
    patience = FIRST_PATIENCE
    problem = ""
    while True:
        silent = False
        for server in servers:
            try:
                return (yield from records_from(server, name, kind, patience))
            except Silence:
                silent = True
            except TooLate:
                raise
            except Unable as error:
                problem = problem or str(error)
        if not silent:
            raise Unable(problem)
        patience *= 2


class Silence(Exception):
    """This server did not answer in the time that it was given."""


def records_from(server: Server, name: str, kind: int, patience: float) -> "Task[list[bytes]]":
    """What one server says. Raises Silence, NotThere, or Unable."""
    question = encode_question(int.from_bytes(posix.urandom(2), "big"), name, kind)
    until = time.monotonic() + patience
    try:
        try:
            code, records = yield from by_datagram(server, question, until)
        except Truncated:
            code, records = yield from by_stream(server, question, until)
    except (Malformed, Truncated):
        raise Unable("a malformed answer") from None
    except OSError as error:
        raise Unable(error.strerror) from None
    if code == NAME_ERROR or (code == NO_ERROR and not records):
        raise NotThere
    if code != NO_ERROR:
        raise Unable(ERRORS.get(code, f"error {code}"))
    return records


def by_datagram(server: Server, question: bytes, until: float) -> "Task[tuple[int, list[bytes]]]":
    connection = _socket.socket(family_of(server), _socket.SOCK_DGRAM)
    try:
        connection.setblocking(False)
        connection.connect(server)  # the kernel drops what comes from anybody else, and tells of a closed port
        connection.send(question)
        while True:
            yield from wait_for(connection, READ, until)
            answer = connection.recv(LONGEST_DATAGRAM)
            if is_answer_to(question, answer):  # else somebody guesses, or an old answer comes late
                return read_answer(question, answer)
    finally:
        connection.close()


def by_stream(server: Server, question: bytes, until: float) -> "Task[tuple[int, list[bytes]]]":
    connection = _socket.socket(family_of(server), _socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        failure = connection.connect_ex(server)
        if failure == errno.EINPROGRESS:
            yield from wait_for(connection, WRITE, until)
            failure = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        if failure:
            raise OSError(failure, posix.strerror(failure))
        connection.send(len(question).to_bytes(2, "big") + question, _socket.MSG_NOSIGNAL)
        length = int.from_bytes((yield from read_exactly(connection, 2, until)), "big")
        answer = yield from read_exactly(connection, length, until)
        if not is_answer_to(question, answer):
            raise Malformed
        return read_answer(question, answer)
    finally:
        connection.close()


def read_exactly(connection: _socket.socket, count: int, until: float) -> "Task[bytes]":
    data = b""
    while len(data) < count:
        yield from wait_for(connection, READ, until)
        more = connection.recv(count - len(data))
        if not more:
            raise Malformed
        data += more
    return data


def wait_for(connection: _socket.socket, event: int, until: float) -> "Task[None]":
    if not (yield connection.fileno(), event, until):
        raise Silence


def family_of(server: Server) -> int:
    return _socket.AF_INET6 if ":" in server[0] else _socket.AF_INET
