"""sockgate-smtpd: an SMTP server for one client on descriptors 0 and 1, for demonstrations and tests.

It speaks ESMTP (RFC 5321) and reads its environment as qmail-smtpd does. If RELAYCLIENT is set, even to the empty
string, the client can send to every domain. TCPREMOTEIP and similar variables go into the Received field. The status
codes of RFC 3463 stand at the end of a reply, where qmail writes them.
"""

import argparse
import os
import signal
import socket

from .channel import Channel, Disconnected, TimedOut
from .delivery import Maildir, Queue
from .session import Client, SmtpService, SmtpSession

LOCAL_DOMAINS = ["localhost", "example.test"]
MEGABYTE = 1 << 20


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("sockgate-smtpd", description="SMTP server for one client on descriptors 0 and 1")
    parser.add_argument(
        "--local-domain", action="append", metavar="NAME",
        help=f"accept mail for this domain from every client (default: {' and '.join(LOCAL_DOMAINS)})",
    )  # fmt: skip
    store = parser.add_mutually_exclusive_group(required=True)
    store.add_argument("--maildir", metavar="FOLDER", help="deliver into this Maildir; made on first use")
    store.add_argument("--queue", metavar="PROGRAM", help="hand messages to this program as to qmail-queue")
    parser.add_argument("--hostname", default=socket.gethostname(), help="name to greet with (default: %(default)s)")
    parser.add_argument("--size", type=int, default=10 * MEGABYTE, help="largest message (default: %(default)s)")
    parser.add_argument(
        "--timeout", type=float, default=300.0, help="seconds to wait for a line (default: %(default)s)"
    )
    return parser.parse_args()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # for a person who tries it: Ctrl-C ends it, without a traceback
    options = arguments()
    store = Queue(options.queue) if options.queue else Maildir(options.maildir)
    service = SmtpService(options.hostname, options.local_domain or LOCAL_DOMAINS, store, options.size)
    try:
        SmtpSession(Channel(0, 1, options.timeout), service, Client(os.environ)).run()
    except (Disconnected, TimedOut):
        return  # often clients leave without a QUIT, or stop reading


if __name__ == "__main__":
    main()
