"""Packages of Debian with a service for an inetd: how a client asks, and what it is told."""

from dataclasses import dataclass
from typing import NamedTuple

BOTH = ("127.0.0.1", "::1")
IPV4, IPV6 = BOTH[:1], BOTH[1:]


class Question(NamedTuple):
    """What clients/debian_services.py asks, and a part of the answer."""

    kind: str
    address: str
    port: int
    said: str
    expected: str


@dataclass(frozen=True)
class Package:
    """One package.

    service   the first word of its line, for update-inetd; "" if it has a file in /etc/xinetd.d
    expected  a part of the answer
    on        what an administrator does before it answers
    families  those in which it answers
    """

    name: str
    service: str
    port: int
    said: str
    expected: str
    on: str = ""
    kind: str = "tcp"
    families: tuple[str, ...] = BOTH

    @property
    def questions(self) -> list[Question]:
        """As Python asks, which speaks the protocol."""
        return [Question(self.kind, address, self.port, self.said, self.expected) for address in self.families]


def enabled(service: str) -> str:
    return f"update-inetd --enable {service}"


# The first message of a client of SANE's network protocol and of kadmind.
SANE = "\0\0\0\0\x01\0\0\x03\0\0\0\x05root\0"
KADMIN = "\0\0\0\x13KRB5_SENDAUTH_V1.0\0\0\0\0\x08KADM0.1\0"
POP3, FTP, FINGER, IDENT = "QUIT\r\n", "QUIT\r\n", "root\r\n", "1,1\r\n"
HTTP = "GET /adv HTTP/1.0\r\n\r\n"
GSSAPI = "nothing without a ticket: its own client asks"
TELNET = "\xff\xfd"  # IAC DO
BOOTP = """echo client:ht=ethernet:ha=020000000001:ip=127.0.0.1:sm=255.0.0.0 > /etc/bootptab
update-inetd --comment-chars '#' --enable bootps"""
# It runs by itself unless its file says otherwise.
PROFTPD = """sed -i 's/^ServerType .*/ServerType inetd/' /etc/proftpd/proftpd.conf
systemctl --quiet disable --now proftpd.service
update-inetd --enable ftp"""
# Its line has options that it does not know any more. Its own service has none, and fails. Behind it is micro-httpd.
SSLH = """systemctl --quiet disable --now sslh.service
systemctl reset-failed 'sslh*'
sed -i 's/-s localhost:22 -l localhost:444/--http localhost:80/' /etc/inetd.conf
update-inetd --enable https"""

# Clients of the first three are served while apt installs the next ten, of which one reloads systemd itself.
FIRST = (
    Package("efingerd", "finger", 79, FINGER, "root"),
    Package("tang-xinetd", "", 8888, HTTP, "HTTP/1"),
    Package("dictd", "dict", 2628, "QUIT\r\n", "221 bye"),
    Package("dbskkd-cdb", "skkserv", 1178, "2", "dbskkd"),
    Package("ident2", "ident", 113, IDENT, "ERROR"),
    Package("telnetd-ssl", "telnet", 23, "", TELNET),
    Package("poppassd", "poppassd", 106, "quit\r\n", "200 "),
    Package("talkd", "ntalk", 518, "", "\x01\x01", kind="talk", families=IPV4),
    Package("ifcico", "fido", 60179, "\r", "EMSI", "touch /etc/ifmail/passwds"),
    Package("bootp", "bootps", 67, "", "\x02\x01\x06", BOOTP, "bootp", IPV4),
    Package("inetutils-ftpd", "ftp", 21, FTP, "221 ", enabled("ftp")),
    Package("micro-httpd", "www", 80, HTTP, "HTTP/1", families=IPV6),  # its own socket listens on IPv4
    Package("gwhois", "whois", 43, "example.org\r\n", "example.org"),
    Package("popa3d", "pop3", 110, POP3, "+OK"),
    Package("csync2", "csync2", 30865, "SSL\n", "OK (activating_ssl)"),
    Package("heimdal-kdc", "kerberos-adm", 749, KADMIN, "\0"),
    Package("sane-utils", "sane-port", 6566, SANE, "\0\0\0\0\x01", enabled("sane-port")),
    Package("globus-gridftp-server-progs", "", 2811, FTP, "220 ", "sed -i 's/= yes/= no/' /etc/xinetd.d/gridftp"),
    Package("apt-cacher", "3142", 3142, HTTP, "HTTP/1"),
    Package("remctl-server", "remctl", 4373, "", GSSAPI),
)

# Those that conflict with one of the first.
SECOND = (
    Package("cfingerd", "finger", 79, FINGER, "root"),
    Package("nullidentd", "ident", 113, IDENT, "USERID"),
    Package("inetutils-telnetd", "telnet", 23, "", TELNET, enabled("telnet")),
    Package("inetutils-talkd", "ntalk", 518, "", "\x01\x01", enabled("ntalk"), "talk", IPV4),
    Package("skksearch", "skkserv", 1178, "1a \n", "\n"),
    Package("solid-pop3d", "pop3", 110, POP3, "+OK"),
    Package("pure-ftpd", "ftp", 21, FTP, "221"),
    Package("ftpd-ssl", "ftp", 21, FTP, "221"),
)

# Those that conflict with one of the second.
THIRD = (
    Package("fingerd", "finger", 79, FINGER, "root"),
    Package("proftpd-core", "ftp", 21, FTP, "221", PROFTPD),
    Package("sslh", "https", 443, HTTP, "HTTP/1", SSLH),
)

# What debconf asks.
ANSWERS = """krb5-config krb5-config/default_realm string EXAMPLE.ORG
popa3d popa3d/standalone boolean false
pure-ftpd-common pure-ftpd/standalone-or-inetd select inetd
gwhois gwhois/inetd boolean true
dictd dictd/run_mode select inetd
apt-cacher apt-cacher/mode select inetd
sslh sslh/inetd_or_standalone select from inetd
"""
