"""The ports of old services by name. Newer versions of services(5) no longer have all of them.

The names are those in files of xinetd.d. The numbers are IANA's, or those that services(5) used to have.
"""

from ..core.numbers import natural
from ..host.host import Host
from .outcomes import Answer, approximated, blocked

PORTS = {
    "tcp": {
        "echo": 7, "discard": 9, "systat": 11, "daytime": 13, "netstat": 15, "qotd": 17, "chargen": 19, "ftp": 21,
        "ssh": 22, "telnet": 23, "smtp": 25, "time": 37, "whois": 43, "gopher": 70, "finger": 79, "http": 80,
        "www": 80, "linuxconf": 98, "pop2": 109, "pop-2": 109, "pop3": 110, "pop-3": 110, "auth": 113, "ident": 113,
        "nntp": 119, "netbios-ssn": 139, "imap": 143, "imap2": 143, "https": 443, "smtps": 465, "ssmtp": 465,
        "exec": 512, "login": 513, "shell": 514, "printer": 515, "uucp": 540, "klogin": 543, "kshell": 544,
        "nntps": 563, "submission": 587, "ldap": 389, "ldaps": 636, "rsync": 873, "swat": 901, "ftps": 990,
        "telnets": 992, "imaps": 993, "pop3s": 995, "cvspserver": 2401, "dict": 2628, "gds_db": 3050, "distcc": 3632,
        "svn": 3690, "svnserve": 3690, "nrpe": 5666, "nsca": 5667, "sane-port": 6566, "sane": 6566, "saned": 6566,
        "git": 9418, "eklogin": 2105, "gsigatekeeper": 2119, "gsiftp": 2811,
        "netperf": 12865, "amandaidx": 10082, "amidxtape": 10083, "amanda": 10080,
    },
    "udp": {
        "echo": 7, "discard": 9, "daytime": 13, "chargen": 19, "time": 37, "name": 42, "nameserver": 42, "bootps": 67,
        "tftp": 69, "netbios-ns": 137, "biff": 512, "comsat": 512, "talk": 517, "ntalk": 518, "amanda": 10080,
    },
}  # fmt: skip


def port_of(host: Host, text: str, protocol: str) -> tuple[int | None, Answer | None]:
    """The port that a number or a name of services(5) stands for, and what the report has to say about it."""
    number = natural(text, 5)
    number = host.port(text, protocol) if number is None else number
    if number is not None and 0 < number < 65536:
        return number, None
    assigned = PORTS[protocol].get(text)
    if assigned is None:
        return None, blocked(f"{text!r} with protocol {protocol} is neither in /etc/services nor a port")
    return assigned, approximated(
        f"{text!r} with protocol {protocol} is not in this machine's /etc/services: the old program would not have "
        f"served it here; the port that is assigned to this name, {assigned}, is taken"
    )
