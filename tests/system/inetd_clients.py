"""Debian's own clients of what the packages of inetd_packages serve. They do the asking where there is one.

Python asks inetutils-talkd, which takes nothing for a terminal but what a session of systemd-logind has. Python also
asks where a client knows no IPv6, as that of ifcico.
"""

from dataclasses import dataclass

from tests.system.inetd_packages import BOTH, IPV4, Package, Question

NAMES = {"127.0.0.1": "four", "::1": "six"}  # some clients take nothing but a name
USER, PASSWORD = "alice", "secret"
EVERYWHERE = ("bookworm", "trixie", "forky")
TALKING = "/usr/local/bin/talking"  # clients/talking.py, which starts talk(1) twice
FILE = "what the server has"


@dataclass(frozen=True)
class Client:
    """One client.

    script    for /bin/sh on a terminal: $1 is the address, $2 the address as in a URL, $3 its name
    expected  a part of what it prints
    families  those that it knows
    needs     its package, if it does not come with the server
    ready     what an administrator does once, so that the server has an answer for it
    releases  those on which it has been seen to ask: elsewhere it may be gone, or want other preparations
    """

    script: str
    expected: str
    needs: str = ""
    families: tuple[str, ...] = BOTH
    ready: str = ""
    releases: tuple[str, ...] = EVERYWHERE


FINGER = Client("finger root@$1", "root", "finger", releases=("bookworm", "trixie"))
LYNX = "lynx -dump finger://$2/root"
IDENT = "tcpclient -r $1 113 sh -c 'echo user=$TCPREMOTEINFO.'"
POP3 = Client("mpop --host=$1 --serverinfo --tls=off", "POP3 server at", "mpop")
FTP = Client(f"tnftp -o - ftp://{USER}:{PASSWORD}@$2/file", FILE, "tnftp")
# Without the dictionary of that server, it would ask what these kana are to become.
SKK = Client(
    "echo K a n j i SPC | LC_ALL=C.UTF-8 skk --file-dict=/dev/null --skkserv=$2:1178",
    "漢字".encode().decode("latin-1"), "libskk-utils",
)  # fmt: skip

# What these servers need before they answer their own client.
SANED = """echo test >> /etc/sane.d/dll.conf
printf '%s\\n' 127.0.0.1 '[::1]' >> /etc/sane.d/saned.conf"""
KDC = """kadmin.heimdal -l add --password=secret --use-defaults root/admin
kadmin.heimdal -l ext_keytab -k /root/admin.keytab root/admin
echo root/admin@EXAMPLE.ORG all > /etc/heimdal-kdc/kadmind.acl
sed -i 's/^\\[realms\\]/&\\nEXAMPLE.ORG = {\\nkdc = 127.0.0.1\\n}/' /etc/krb5.conf"""
GRIDFTP = "printf '%s\\n' 'allow_anonymous 1' 'anonymous_user nobody' >> /etc/gridftp.conf"
CACHED = f"mkdir -p /var/www/html && cp /home/{USER}/file /var/www/html/file_1_all.deb"
REMCTL = """kadmin.heimdal -l add --random-key --use-defaults host/localhost
kadmin.heimdal -l ext_keytab -k /etc/krb5.keytab host/localhost
echo 'say this /bin/echo ANYUSER' > /etc/remctl/conf.d/say"""
# One host under two names, that of the client and its own, has each file twice: as it is to be.
CSYNC2 = """for name in four six; do
mkdir /srv/$name
printf '%s\\n' 'nossl * *;' 'group one {' "host left $(uname --nodename)@$name;" 'key /etc/csync2.key;' \\
    "include /srv/$name;" '}' > /etc/csync2_$name.cfg
done
echo akeyoflettersandofnothingelsebutletters > /etc/csync2.key"""
BOOTPTAB = "echo own:ip=127.0.1.1:sm=255.0.0.0 >> /etc/bootptab"

CLIENTS = {
    "efingerd": FINGER,
    "cfingerd": FINGER,
    "fingerd": FINGER,
    "ident2": Client(IDENT, "user=root.", "ucspi-tcp-ipv6", IPV4),  # this server finds no client of IPv6
    "nullidentd": Client(IDENT, "user=foobar.", "ucspi-tcp-ipv6"),
    "telnetd-ssl": Client("telnet-ssl $1", "login:", "telnet-ssl"),
    "inetutils-telnetd": Client("inetutils-telnet $1", "login:", "inetutils-telnet"),
    "poppassd": Client(
        f"/usr/lib/cgi-bin/poppass host=$3 username={USER}"
        f" password={PASSWORD} newpassword1={PASSWORD} newpassword2={PASSWORD}",
        "Changed Successfully", "poppass-cgi", IPV4,
    ),
    "talkd": Client(f"{TALKING} $3", "a word to bob", "talk", IPV4),
    "csync2": Client(
        "echo >> /srv/$3/file && csync2 -C $3 -N left -xv", "File is already up to date on peer", ready=CSYNC2
    ),
    "tang-xinetd": Client(
        """echo a secret | clevis encrypt tang "{\\"url\\":\\"http://$2:8888\\"}" -y > /tmp/$3.jwe
        clevis decrypt < /tmp/$3.jwe""", "a secret", "clevis",
    ),
    "ifcico": Client(
        "setpriv --reuid=ftn --regid=ftn --clear-groups /usr/lib/ifmail/ifcico -r1 -a$1 f998.n999.z2 && echo called",
        "called", families=IPV4,
    ),
    "bootp": Client("bootptest $1", "(reply)", families=IPV4, ready=BOOTPTAB),
    "inetutils-ftpd": FTP,
    "pure-ftpd": FTP,
    "proftpd-core": FTP,
    "sslh": Client("curl --silent --include http://$2:443/", "micro_httpd", "curl"),
    "micro-httpd": Client("curl --silent --include http://$2/", "micro_httpd", "curl"),
    "popa3d": POP3,
    "solid-pop3d": POP3,
    "heimdal-kdc": Client(
        "kadmin.heimdal -p root/admin -K /root/admin.keytab -a $3 list '*'", "krbtgt/EXAMPLE.ORG", ready=KDC
    ),
    "sane-utils": Client("scanimage -d net:$3:test:0 --format=pnm | head -c 2", "P5", ready=SANED),
    "globus-gridftp-server-progs": Client(
        f"globus-url-copy -ipv6 ftp://anonymous:a@$2:2811/home/{USER}/file file:///tmp/$3.file && cat /tmp/$3.file",
        FILE, "globus-gass-copy-progs", ready=GRIDFTP,
    ),
    "dbskkd-cdb": SKK,
    "skksearch": SKK,
    "ftpd-ssl": FTP,
    "dictd": Client("dict -h $3 -D", "dummy", "dict"),  # the name of the dictionary that it has without another
    "gwhois": Client("whois -h $1 example.org", "Process query: 'example.org'", "whois"),
    # It fetches from micro-httpd what apt asks it for.
    "apt-cacher": Client(
        """rm -f /tmp/$3.deb
        /usr/lib/apt/apt-helper -o Acquire::http::Proxy=http://$2:3142 \\
            download-file http://localhost/file_1_all.deb /tmp/$3.deb && cat /tmp/$3.deb""",
        FILE, ready=CACHED,
    ),
    # With the realm of heimdal-kdc.
    "remctl-server": Client(
        f"KRB5CCNAME=MEMORY: KRB5_CLIENT_KTNAME=/root/admin.keytab remctl -s host/localhost $1 say this '{FILE}'",
        f"this {FILE}", "remctl-client", ready=REMCTL,
    ),
}  # fmt: skip

# Where finger(1) is gone. The title that this one writes ends in ": root".
INSTEAD = {
    "efingerd": Client(LYNX, "\nroot", "lynx", releases=("forky",)),
    "cfingerd": Client(LYNX, "Username: root", "lynx", releases=("forky",)),
}

# Packages of clients.
PROGRAMS = tuple(dict.fromkeys(one.needs for one in (*CLIENTS.values(), *INSTEAD.values()) if one.needs))

# What clients need before any package is there: names, a user, a file to read.
PREPARE = f"""
name=$(uname --nodename)  # telnetd-ssl asks for the domain of the machine
printf '%s\\n' '127.0.0.1 localhost four left' '::1 localhost six left' "127.0.1.1 $name.example $name" > /etc/hosts
useradd --create-home --shell /bin/sh {USER}
useradd --create-home --shell /bin/sh bob
echo {USER}:{PASSWORD} | chpasswd
echo {FILE} > /home/{USER}/file
chmod 755 /home/{USER}
"""


def client_of(one: Package, release: str) -> Client | None:
    clients = [each[one.name] for each in (CLIENTS, INSTEAD) if one.name in each]
    return next((client for client in clients if release in client.releases), None)


def questions(one: Package, release: str) -> list[Question]:
    """As the package's own client asks."""
    client = client_of(one, release)
    if client is None:
        return one.questions
    asked = Question("client", "", 0, client.script, client.expected)
    return [asked._replace(address=each.address) if each.address in client.families else each for each in one.questions]
