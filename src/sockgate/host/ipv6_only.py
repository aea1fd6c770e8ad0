"""Listening sockets for IPv6 alone. The tables in /proc do not show that, so the kernel is asked (sock_diag(7))."""

import socket
import struct
import sys
from collections.abc import Iterator

SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
BY_FAMILY, END, FAILED = 20, 3, 2  # SOCK_DIAG_BY_FAMILY, NLMSG_DONE, NLMSG_ERROR
REQUEST_ALL = 0x301  # NLM_F_REQUEST, NLM_F_DUMP
ONLY_IPV6 = 11  # INET_DIAG_SKV6ONLY
STATES = {"tcp": 1 << 10, "udp": 1 << 7}  # TCP_LISTEN; a UDP socket without a peer
PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP}
HEADER, ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=HH")
QUESTION = struct.Struct("=BBBxI48x")  # struct inet_diag_req_v2
ANSWER = 72  # struct inet_diag_msg, which ends with the inode
ANSWER_SECONDS = 2.0


def inodes(protocol: str) -> set[str]:
    """The inodes of these sockets; none where the kernel does not answer."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, SOCK_DIAG) as kernel:
            kernel.settimeout(ANSWER_SECONDS)
            question = QUESTION.pack(socket.AF_INET6, PROTOCOLS[protocol], 0, STATES[protocol])
            kernel.send(HEADER.pack(HEADER.size + len(question), BY_FAMILY, REQUEST_ALL, 1, 0) + question)
            return {str(inode) for inode, alone in answers(kernel) if alone}
    except OSError:
        return set()


def answers(kernel: socket.socket) -> Iterator[tuple[int, bool]]:
    """The inode of each socket, and whether it is for IPv6 alone."""
    while True:
        data = kernel.recv(1 << 16)
        while len(data) >= HEADER.size:
            length, kind, _, _, _ = HEADER.unpack_from(data)
            if kind in (END, FAILED) or length < HEADER.size:
                return
            message = data[HEADER.size : length]
            yield int.from_bytes(message[ANSWER - 4 : ANSWER], sys.byteorder), is_alone(message)
            data = data[aligned(length) :]


def is_alone(message: bytes) -> bool:
    at = ANSWER
    while at + ATTRIBUTE.size <= len(message):
        length, kind = ATTRIBUTE.unpack_from(message, at)
        if kind == ONLY_IPV6:
            return message[at + ATTRIBUTE.size] == 1
        at += max(aligned(length), ATTRIBUTE.size)
    return False


def aligned(length: int) -> int:
    return (length + 3) & ~3
