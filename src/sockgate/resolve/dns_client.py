"""A client of the name servers in /etc/resolv.conf, for DNS lists.

Host names are looked up by the C library (forked.py). For DNS lists there is this client, for two reasons. The C
library has no function for TXT records that Python can call, and it would need a child process for each list.
dnspython takes 62 ms to import, eight times the cost of a whole connection, and `sockgate` runs with -S, where Python
finds only the standard library. One question needs little code: this file and dns_message.py. The tests use dnspython
as their oracle.

An answer is believed if it comes from the server and port that was asked, arrives at a port that the kernel chose at
random, and repeats our random number and our question (RFC 5452). There is no EDNS: answers of lists are small, and a
longer answer comes by TCP.
"""

import _socket
import errno
import posix
import time

from .dns_message import ERRORS, NAME_ERROR, NO_ERROR, Malformed, Truncated, encode_question, is_answer_to, read_answer
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
    """The servers in resolv.conf(5), or this machine's own if there are none."""
    servers: list[Server] = []
    try:
        with open(RESOLV_CONF, encoding="latin-1") as file:
            for line in file:
                words = line.split()
                if words[:1] == ["nameserver"] and len(words) > 1:
                    servers += server_at(words[1])
    except OSError:
        pass  # no server is configured: take the default
    return servers[:MOST_SERVERS] or [("127.0.0.1", PORT)]


def server_at(text: str) -> list[Server]:
    """A list of this one server, or an empty list if the text is not an address."""
    address, _, scope = text.partition("%")
    try:
        if ":" not in address:
            _socket.inet_pton(_socket.AF_INET, address)
            return [(address, PORT)]
        _socket.inet_pton(_socket.AF_INET6, address)
        return [(address, PORT, 0, _socket.if_nametoindex(scope) if scope else 0)]
    except (OSError, ValueError):  # ValueError: it holds a NUL
        return []


def records_of(name: str, kind: int, servers: list[Server]) -> "Task[list[bytes]]":
    """The data of the records of this name and type. Raises NotThere, or Unable.

    Asks one server after the other, in rounds, until the deadline. If every server fails at once, it ends before.
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
    """The answer of one server. Raises Silence, NotThere, or Unable."""
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
        connection.connect(server)  # the kernel drops datagrams of other senders, and reports a closed port
        connection.send(question)
        while True:
            yield from wait_for(connection, READ, until)
            answer = connection.recv(LONGEST_DATAGRAM)
            if is_answer_to(question, answer):  # else it is a forgery, or a late answer to an old question
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
