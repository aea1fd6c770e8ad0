"""One SMTP session (RFC 5321). Each command is a method that returns its reply or raises Refusal."""

import sys
from collections.abc import Callable, Mapping

from .channel import BareNewline, Channel, LineTooLong, TimedOut
from .delivery import MessageStore, NotQueued
from .incoming import TOO_BIG, Incoming, received_field
from .syntax import Path, Refusal, parse_path

LONGEST_COMMAND = 1024  # RFC 5321 asks for 512, its extensions for a few more
MOST_RECIPIENTS = 1000
MOST_ERRORS = 20
BARE_NEWLINE = "bare LF or CR: lines end in CR LF and in nothing else (RFC 5321, 2.3.8; #5.5.2)"


class Hangup(Exception):
    """The server ends the session, with this reply."""


class Client:
    """The client as the gate described it in the environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.ip = environment.get("TCPREMOTEIP", "unknown")
        self.host = environment.get("TCPREMOTEHOST", "unknown")
        self.info = environment.get("TCPREMOTEINFO")
        self.local = environment.get("TCPLOCALHOST") or environment.get("TCPLOCALIP", "unknown")
        self.relay = environment.get("RELAYCLIENT")  # an empty value also counts as set


class SmtpService:
    """What is the same for every client: the server's name, limits, and the destination of the mail."""

    def __init__(self, hostname: str, local_domains: list[str], store: MessageStore, size: int) -> None:
        self.hostname = hostname
        self.local_domains = frozenset(domain.lower().rstrip(".") for domain in local_domains)
        self.store = store
        self.size = size


class SmtpSession:
    """The state of one session: the name that the client gave, and the envelope so far."""

    def __init__(self, channel: Channel, service: SmtpService, client: Client) -> None:
        self.channel = channel
        self.service = service
        self.client = client
        self.protocol = ""  # SMTP or ESMTP, once there was a HELO or EHLO
        self.helo = ""
        self.sender: Path | None = None
        self.recipients: list[str] = []
        self.errors = 0

    def run(self) -> None:
        """Run from the greeting to QUIT, or to an earlier end. Raises Disconnected or TimedOut."""
        self.channel.reply(f"220 {self.service.hostname} ESMTP")
        try:
            while True:
                self.channel.reply(self.answer())
        except TimedOut:
            self.channel.reply("421 timeout, closing the connection (#4.4.2)")
        except Hangup as hangup:
            self.channel.reply(str(hangup))
        self.channel.close()

    def answer(self) -> str:
        """Read one command, carry it out, and return the reply."""
        try:
            verb, _, argument = self.channel.read_line(LONGEST_COMMAND).decode("latin-1").partition(" ")
            command = COMMANDS.get(verb.upper())
            if command is None:
                raise Refusal("500 command not recognized (#5.5.1)")
            return command(self, argument.strip(" "))
        except LineTooLong:
            return self.count("500 line too long (#5.5.2)")
        except BareNewline:
            return self.count(f"500 {BARE_NEWLINE}")
        except Refusal as refusal:
            return self.count(str(refusal))

    def count(self, refusal: str) -> str:
        """One more error: a client that makes nothing else is guessing, or is no mail client."""
        self.errors += 1
        if self.errors > MOST_ERRORS:
            raise Hangup("421 too many errors, closing the connection (#4.7.0)")
        return refusal

    def reset(self) -> None:
        self.sender = None
        self.recipients = []

    def introduce(self, protocol: str, name: str) -> None:
        if not name:
            raise Refusal("501 your name is missing (#5.5.4)")
        self.protocol, self.helo = protocol, name
        self.reset()

    def helo_(self, name: str) -> str:
        self.introduce("SMTP", name)
        return f"250 {self.service.hostname}"

    def ehlo(self, name: str) -> str:
        self.introduce("ESMTP", name)
        return f"250-{self.service.hostname}\n250-PIPELINING\n250-8BITMIME\n250 SIZE {self.service.size}"

    def mail(self, argument: str) -> str:
        if not self.protocol:
            raise Refusal("503 EHLO or HELO first (#5.5.1)")
        if self.sender:
            raise Refusal("503 the sender is named already (#5.5.1)")
        sender = parse_path("FROM", argument)
        for name, value in sender.parameters.items():
            self.check_parameter(name, value)
        self.sender = sender
        return "250 ok"

    def check_parameter(self, name: str, value: str) -> None:
        """Raise Refusal for any parameter but SIZE (RFC 1870) and BODY (RFC 6152), which EHLO announces."""
        if name == "SIZE" and value.isascii() and value.isdigit() and len(value) <= 20:
            if int(value) > self.service.size:
                raise Refusal(TOO_BIG)
        elif name != "BODY" or value.upper() not in ("7BIT", "8BITMIME"):
            raise Refusal("555 parameter not recognized (#5.5.4)")

    def rcpt(self, argument: str) -> str:
        if not self.sender:
            raise Refusal("503 MAIL first (#5.5.1)")
        recipient = parse_path("TO", argument)
        if recipient.parameters:
            raise Refusal("555 parameter not recognized (#5.5.4)")
        if not recipient.address:
            raise Refusal("501 the recipient is missing (#5.1.3)")
        if self.client.relay is None and not self.is_local(recipient):
            raise Refusal("553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)")
        if len(self.recipients) == MOST_RECIPIENTS:
            raise Refusal("452 too many recipients, send the rest later (#4.5.3)")
        self.recipients.append(recipient.address + (self.client.relay or ""))
        return "250 ok"

    def is_local(self, recipient: Path) -> bool:
        """An address without a domain is local: RFC 5321, 4.5.1, requires that RCPT TO:<postmaster> works."""
        return not recipient.domain or recipient.domain in self.service.local_domains

    def data(self, argument: str) -> str:
        if argument:
            raise Refusal("501 DATA takes no argument (#5.5.4)")
        if not self.sender:
            raise Refusal("503 MAIL first (#5.5.1)")
        if not self.recipients:
            raise Refusal("503 RCPT first (#5.5.1)")
        try:
            return f"250 ok {self.store_message(self.sender.address)}"
        except BareNewline:
            # The end of this message is unknown, so what follows must not be taken for commands.
            raise Hangup(f"550 {BARE_NEWLINE}") from None
        except NotQueued as error:
            raise Refusal(f"{'554' if error.permanent else '451'} {error}") from None
        except OSError as error:
            note(f"unable to store a message: {error}")
            raise Refusal("451 unable to store the message, try again later (#4.3.0)") from None
        finally:
            self.reset()

    def store_message(self, sender: str) -> str:
        """Take the message from the client, and return its name in the store."""
        message = self.service.store.open(sender, self.recipients)
        try:
            message.write(self.received())
            self.channel.reply("354 go ahead, end with a dot")
            Incoming(message, self.service.size).receive(self.channel)
            name = message.commit()
        finally:
            message.close()
        note(f"from <{sender}> to {', '.join(f'<{recipient}>' for recipient in self.recipients)}: {name}")
        return name

    def received(self) -> bytes:
        client = self.client
        return received_field(client.host, client.ip, client.info, self.helo, client.local, self.protocol)

    def rset(self, argument: str) -> str:
        if argument:
            raise Refusal("501 RSET takes no argument (#5.5.4)")
        self.reset()
        return "250 ok"

    def quit(self, argument: str) -> str:
        if argument:
            raise Refusal("501 QUIT takes no argument (#5.5.4)")
        raise Hangup(f"221 {self.service.hostname}")

    def noop(self, _: str) -> str:
        return "250 ok"

    def vrfy(self, _: str) -> str:
        return "252 send some mail and see (#2.5.2)"

    def help(self, _: str) -> str:
        return "214 " + " ".join(COMMANDS)

    def expn(self, _: str) -> str:
        raise Refusal("502 command not implemented (#5.5.1)")


COMMANDS: Mapping[str, Callable[[SmtpSession, str], str]] = {
    "HELO": SmtpSession.helo_, "EHLO": SmtpSession.ehlo, "MAIL": SmtpSession.mail,
    "RCPT": SmtpSession.rcpt, "DATA": SmtpSession.data, "RSET": SmtpSession.rset,
    "NOOP": SmtpSession.noop, "VRFY": SmtpSession.vrfy, "EXPN": SmtpSession.expn,
    "HELP": SmtpSession.help, "QUIT": SmtpSession.quit,
}  # fmt: skip


def note(text: str) -> None:
    """Write a line for the administrator. By their syntax, addresses are printable ASCII."""
    print(f"sockgate-smtpd: {text}", file=sys.stderr, flush=True)
