"""`make run`: SMTP behind a gate on an unprivileged port, without root and without systemd as PID 1."""

import argparse
import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = ROOT / "build" / "bin"
ADDRESS = "127.0.0.1"
# All of 127.0.0.0/8 is this machine. Two more of its addresses stand for clients that are not trusted.
STRANGER, UNWANTED = "127.0.0.2", "127.0.0.3"
GATE_OPTIONS = ("--relay", ADDRESS, "--deny", UNWANTED, "--name", "smtp")

BANNER = """\
SMTP through sockgated on {address}:{port}, served by {server}.
Stop it with Ctrl-C. Sessions that have begun go on.

To send a message, in another terminal:

    python3 -c 'import smtplib; smtplib.SMTP("{address}", {port}, source_address=("{address}", 0)).sendmail(
        "me@example.test", "you@elsewhere.test", "Subject: hello\\n\\nIt works.\\n")'

{address} may send to every domain (--relay). Put {stranger} into source_address for a client that may send
{domains}, and {unwanted} for one that the gate refuses (--deny).

{where}
"""


def main() -> None:
    options = arguments()
    if problem := check_port(options.port):
        sys.exit(f"make run: unable to listen on {ADDRESS}:{options.port}: {problem} (try: make run PORT=2526)")
    server = qmail_smtpd(options.qmail) or [str(PROGRAMS / "sockgate-smtpd"), "--maildir", str(options.maildir)]
    print(banner(options.port, server, options.qmail, options.maildir), flush=True)
    listen = ["--listen", f"{ADDRESS}:{options.port}"]
    gate = str(PROGRAMS / "sockgated")
    os.execv(gate, [gate, *listen, *GATE_OPTIONS, "--", *server])  # noqa: S606  # the gate of this very tree


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("make run", description="serve SMTP through a gate on the loopback interface")
    parser.add_argument("--port", default="2525")
    parser.add_argument("--qmail", type=Path, default="/var/qmail", help="qmail's folder, if it is to serve")
    parser.add_argument("--maildir", type=Path, default=ROOT / "build" / "demo" / "Maildir")
    return parser.parse_args()


def check_port(port: str) -> str:
    """Why the gate cannot listen on this port. Empty if it can. The user should see this before the banner."""
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        return "not a port number"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, int(port)))
        except OSError as error:
            return os.strerror(error.errno or 0)
    return ""


def qmail_smtpd(folder: Path) -> list[str] | None:
    """The command for qmail-smtpd, if it is installed and greets its clients."""
    program = folder / "bin/qmail-smtpd"
    try:
        greeting = subprocess.run([program], stdin=subprocess.DEVNULL, capture_output=True, timeout=5).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    return [str(program)] if greeting.startswith(b"220 ") else None


def banner(port: str, server: list[str], qmail: Path, maildir: Path) -> str:
    name = Path(server[0]).name
    if name == "qmail-smtpd":
        domains, where = qmails_domains(qmail / "control/rcpthosts"), "Mail goes into qmail's queue."
    else:
        domains, where = "only to example.test and localhost", f"Mail goes to {maildir}/new."
    return BANNER.format(
        address=ADDRESS, stranger=STRANGER, unwanted=UNWANTED, port=port, server=name, domains=domains, where=where
    )


def qmails_domains(file: Path) -> str:
    """What qmail-smtpd lets a client send to that it does not trust (qmail-smtpd(8), rcpthosts)."""
    return f"only to the domains of {file}" if file.exists() else f"to every domain, too, as there is no {file}"


if __name__ == "__main__":
    main()
