"""The destination of an accepted message: a Maildir, or a program with the interface of qmail-queue.

Both ways, a message is opened, written and committed. If it is closed without a commit, nothing remains of it.
"""

import itertools
import os
import socket
import subprocess
import time
from collections.abc import Sequence
from typing import IO, Protocol

# qmail-queue(8): with these exit codes it is no use to try again. With all others it may be.
PERMANENT = range(11, 41)
QUEUE_TIMEOUT = 60.0


class NotQueued(Exception):
    """The queue program did not take the message."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the queue program ended with status {status} (#{5 if status in PERMANENT else 4}.3.0)")
        self.permanent = status in PERMANENT


class Message(Protocol):
    """One message on its way in."""

    def write(self, data: bytes) -> None:
        """Add to the message. Raises OSError."""

    def commit(self) -> str:
        """Take responsibility for the complete message. Returns its name. Raises OSError or NotQueued."""

    def close(self) -> None:
        """Close the message, committed or not. Never raises."""


class MessageStore(Protocol):
    """Something that takes messages."""

    def open(self, sender: str, recipients: Sequence[str]) -> Message:
        """A new message. Raises OSError."""


class Maildir:
    """A Maildir (maildir(5)). It is made when it is first used. All recipients share it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._serial = itertools.count(1)

    def open(self, sender: str, recipients: Sequence[str]) -> "MaildirMessage":
        for name in ("", "tmp", "new", "cur"):
            os.makedirs(os.path.join(self.folder, name), mode=0o700, exist_ok=True)
        message = MaildirMessage(self.folder, self._unique_name())
        message.write(f"Return-Path: <{sender}>\n".encode())
        for recipient in recipients:
            message.write(f"Delivered-To: {recipient}\n".encode("utf-8", "surrogateescape"))
        return message

    def _unique_name(self) -> str:
        seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
        host = socket.gethostname().replace("/", "\\057").replace(":", "\\072")
        return f"{seconds}.M{nanoseconds // 1000}P{os.getpid()}Q{next(self._serial)}.{host}"


class MaildirMessage:
    """The message is written in tmp and reaches the disk before it appears in new. A reader never sees half of it."""

    def __init__(self, folder: str, name: str) -> None:
        self._name = name
        self._temporary = os.path.join(folder, "tmp", name)
        self._new = os.path.join(folder, "new")
        self._file = open(self._temporary, "xb", opener=lambda path, flags: os.open(path, flags, 0o600))  # noqa: SIM115

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def commit(self) -> str:
        self._file.flush()
        os.fsync(self._file.fileno())
        os.link(self._temporary, os.path.join(self._new, self._name))  # unlike a rename, never over another message
        sync_folder(self._new)
        return self._name

    def close(self) -> None:
        for end in (self._file.close, lambda: os.unlink(self._temporary)):
            try:
                end()
            except OSError:
                continue  # the disk is full, or another program has cleaned tmp: the client can do nothing about it


def sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Queue:
    """A program with the interface of qmail-queue: the message on descriptor 0, then the envelope on descriptor 1."""

    def __init__(self, program: str) -> None:
        self.program = program

    def open(self, sender: str, recipients: Sequence[str]) -> "QueueMessage":
        envelope = f"F{sender}\0" + "".join(f"T{recipient}\0" for recipient in recipients) + "\0"
        return QueueMessage(self.program, envelope.encode("utf-8", "surrogateescape"))


class QueueMessage:
    """The program reads while the client still sends. Without a complete envelope it throws the message away."""

    def __init__(self, program: str, envelope: bytes) -> None:
        self._envelope = envelope
        reads, writes = os.pipe()
        self._envelope_pipe: IO[bytes] = os.fdopen(writes, "wb")
        try:
            self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=reads)
        except OSError:
            self._envelope_pipe.close()
            raise
        finally:
            os.close(reads)
        assert self._process.stdin is not None
        self._message: IO[bytes] = self._process.stdin
        self._stopped_reading = False  # the exit status of the program says why

    def write(self, data: bytes) -> None:
        try:
            self._message.write(data)
        except BrokenPipeError:
            self._stopped_reading = True

    def commit(self) -> str:
        try:
            self._message.close()
            self._envelope_pipe.write(self._envelope)
            self._envelope_pipe.close()
        except BrokenPipeError:
            self._stopped_reading = True
        try:
            status = self._process.wait(QUEUE_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"the queue program did not end within {QUEUE_TIMEOUT:.0f} s") from None
        if status:
            raise NotQueued(status)
        if self._stopped_reading:
            raise BrokenPipeError("the queue program did not read the whole message")
        return f"qp {self._process.pid}"

    def close(self) -> None:
        for pipe in (self._message, self._envelope_pipe):
            try:
                pipe.close()
            except OSError:
                continue  # the program has stopped reading already
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
