"""Lines of inetd.conf, whose server is /opt/probe: the port stands for PORT, and each has one of its own."""

from dataclasses import dataclass

FIRST_PORT = 22000
P = "/opt/probe"
BOTH = (
    f"PORT stream tcp nowait root {P}",
    f"PORT stream tcp nowait root {P} probe",
    f"PORT stream tcp nowait root {P} another-name -x %n $HOME ${{x}} \\x41 100%",
    f"PORT stream tcp nowait root {P} probe 'a b' \"c d\" # e",
    f"PORT stream tcp4 nowait root {P} probe",
    f"PORT stream tcp6 nowait root {P} probe",
    f"PORT stream tcp nowait.500 root {P} probe",
    f"PORT stream tcp nowait daemon {P} probe",
    f"PORT stream tcp nowait nobody {P} probe",
    f"PORT stream tcp nowait prober {P} probe",
    f"PORT stream tcp nowait prober:mail {P} probe",
    f"PORT stream tcp nowait prober.mail {P} probe",
    f"PORT stream tcp nowait root:mail {P} probe",
    f"PORT stream tcp nowait nosuchuser {P} probe",
    "PORT stream tcp nowait root /usr/sbin/tcpd /usr/sbin/probe-a",
    "PORT stream tcp nowait prober /usr/sbin/tcpd /opt/probe-b -x",
    "PORT stream tcp nowait root /usr/sbin/tcpd probe-c x y",  # which `inetd -l` does not find
    "PORT stream tcp4 nowait root /usr/sbin/tcpd /opt/probe-e",
    f"PORT stream tcp later root {P} probe",
    "PORT stream tcp nowait root",
    f"\tPORT stream tcp nowait root {P} probe indented",
    f"PORT stream tcp4 nowait root {P} probe one\n\ttwo three",
)
OPENBSD = (
    *BOTH,
    f"PORT stream tcp46 nowait root {P} probe",
    f"127.0.0.1:PORT stream tcp nowait root {P} probe",
    f"192.168.0.1,127.0.0.1:PORT stream tcp nowait root {P} probe",
    f"*:PORT stream tcp4 nowait root {P} probe",
    f"[fd00:1::1]:PORT stream tcp6 nowait root {P} probe",
    f"localhost:PORT stream tcp4 nowait root {P} probe",
    f"PORT stream tcp,rcvbuf=32k,sndbuf=64k nowait root {P} probe",
    f"192.168.0.1:\nPORT stream tcp nowait root {P} probe\n*:",
)
GNU = (
    *BOTH,
    f"PORT stream tcp6only nowait root {P} probe",
)


# Internal services have the ports of /etc/services, and UDP and UNIX sockets another client.
OTHERS = """
echo stream tcp nowait root internal
echo dgram udp wait root internal
discard stream tcp nowait root internal
daytime stream tcp nowait root internal
daytime dgram udp wait root internal
time stream tcp nowait root internal
chargen stream tcp nowait root internal
7001 dgram udp wait daemon /opt/upper upper
7002 stream tcp wait daemon /opt/waits waits
127.0.0.1,127.0.0.2:7003 stream tcp4 wait daemon /opt/waits waits
192.168.0.1,127.0.0.2:7004 dgram udp4 wait daemon /opt/upper upper
127.0.0.1,127.0.0.2:
7005 stream tcp4 wait daemon /opt/waits waits
*:
"""
# GNU's inetd has no sockets in the file system.
UNIX = "/run/unix.sock stream unix nowait prober /opt/probe probe\n"


@dataclass(frozen=True)
class Line:
    text: str
    port: int


def lines(texts: tuple[str, ...]) -> list[Line]:
    return [Line(text.replace("PORT", str(port)), port) for port, text in enumerate(texts, FIRST_PORT)]
