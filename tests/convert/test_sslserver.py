"""Run scripts of sslserver: stunnel ends TLS between the gate and the server."""

import subprocess
from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.convert.report import Outcome
from sockgate.convert.result import Conversion
from sockgate.convert.stunnel import server
from sockgate.core import ConfigError
from sockgate.host.host import Host
from sockgate.units.writer import format_unit

HOST = Host(systemd=257, asks_services=False)
KEY = "-----BEGIN PRIVATE KEY-----\n"


def convert(folder: Path, line: str, variables: str = "CERTFILE=cert.pem") -> Conversion:
    (folder / "cert.pem").write_text(KEY)
    (folder / "run").write_text(f"export {variables}\nexec {line}\n" if variables else f"exec {line}\n")
    return programs.convert("tcpserver", [str(folder / "run")], HOST)


def config(conversion: Conversion) -> str:
    (file,) = conversion.files
    return file.text


def texts(conversion: Conversion, outcome: Outcome) -> list[str]:
    return [entry.text for entry in conversion.report.entries if entry.outcome is outcome]


@pytest.mark.parametrize(
    ("line", "variables", "setting"),
    [
        ("sslserver -RHl0 0 7 /bin/cat a b", "CERTFILE=/c.pem", "cert = /c.pem\n"),
        ("sslserver -RHl0 0 7 /bin/cat a b", "CERTFILE=/c.pem", "exec = /bin/cat\nexecArgs = /bin/cat a b\n"),
        ("sslserver -RHl0 0 7 /bin/cat", "CERTFILE=/c.pem CERTCHAINFILE=chain.pem", "cert = FOLDER/chain.pem\n"),
        ("sslserver -RHl0 0 7 /bin/cat", "CERTFILE=/c.pem KEYFILE=k.pem", "cert = /c.pem\nkey = FOLDER/k.pem\n"),
        ("sslserver -RHl0 0 7 /bin/cat", "CERTFILE=/c.pem KEYFILE= CIPHERS='HIGH:!aNULL'", "ciphers = HIGH:!aNULL\n"),
        ("sslserver -RHl0 -T 9 -w60 0 7 /bin/cat", "CERTFILE=/c.pem", "TIMEOUTbusy = 9\nTIMEOUTidle = 60\n"),
        ("sslserver -RHl0 0 7 /bin/cat", "CERTFILE=/c.pem", "TIMEOUTbusy = 26\nTIMEOUTidle = 3600\n"),
        ("sslserver -RHl0 -u1 -g 2 0 7 /bin/cat", "CERTFILE=/c.pem", "setuid = 1\nsetgid = 2\n"),
        ("sslserver -RHl0 -u1 0 7 /bin/cat", "CERTFILE=/c.pem", "setuid = 1\nsetgid = 1\n"),
        ("sslserver -RHl0 -g 8 0 7 /bin/cat", "CERTFILE=/cert.pem", "cert.pem\nsetgid = 8\n"),
        ("sslserver -RHl0 0 7 setuidgid daemon /bin/cat", "CERTFILE=/c.pem", "setuid = daemon\nsetgid = 1\n"),
        ("sslserver -RHl0 0 7 setuidgid to-come /bin/cat", "CERTFILE=/c.pem", "setuid = to-come\nsetgid = to-come\n"),
        ("softlimit -m 9 sslserver -RHl0 0 7 /bin/cat", "CERTFILE=/c.pem", "softlimit -m 9 /bin/cat\n"),
        ("sslserver -RHl0 0 7 chpst -o 9 /bin/cat", "CERTFILE=/c.pem", "chpst -o 9 /bin/cat\n"),
        ("sslserver -RHl0 0 7 argv0 /bin/cat dog", "CERTFILE=/c.pem", "exec = /bin/cat\nexecArgs = dog\n"),
        ("sslserver -RHl0 0 7 /bin/cat 'a b' ''", "CERTFILE=/c.pem", 'execArgs = env -S"/bin/cat"\\_"a\\_b"\\_""\n'),
        ("sslserver -RHl0 -B hi 0 7 /bin/cat", "CERTFILE=/c.pem", '\\_"hi"\\_"/bin/cat"\n'),
        ("sslserver -RHl0 -m 0 7 /bin/cat", "CERTFILE=/c.pem CAFILE=/ca.pem", "CAfile = /ca.pem\nverifyChain = yes\n"),
        ("sslserver -RHl0 -z 0 7 /bin/cat", "CERTFILE=/c.pem CADIR=/ca", "CApath = /ca\nverifyChain = yes\n"),
        ("sslserver -RHl0 -ZIi 0 7 /bin/cat", "CERTFILE=/c.pem CAFILE=/ca.pem", "verifyChain = yes\n"),
        ("sslserver -RHl0 0 7 /bin/cat", "CERTFILE=/c.pem CAFILE=/ca.pem", "CAfile = /c.pem\n"),
        ("sslserver -RHl0 0 7 /bin/cat", "CERTFILE=/c.pem CAFILE=/ca.pem CCAVERIFY=", "verifyChain = yes\n"),
        ("envdir ./env sslserver -RHl0 0 7 /bin/cat", "A=b", "cert = /in/a/folder.pem\n"),
        ("env - CERTFILE=/c.pem sslserver -RHl0 0 7 /bin/cat", "CERTFILE=/gone.pem", "cert = /c.pem\n"),
    ],
)
def test_line_becomes_this_in_stunnels_file(line: str, variables: str, setting: str, tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env/CERTFILE").write_text("/in/a/folder.pem \nx\n")
    assert setting.replace("FOLDER", str(tmp_path)) in config(convert(tmp_path, line, variables))


@pytest.mark.parametrize(
    ("line", "directive"),
    [
        ("sslserver -eRHl0 0 7 /bin/cat", " --ssl-variables --env "),
        ("sslserver -RHl0 0 7 /bin/cat", " --ssl-variables=SSL --env "),
        ("sslserver -eERHl0 0 7 /bin/cat", " --ssl-variables=SSL --env "),
        ("sslserver -Rpl0 0 7 /bin/cat", " --hostname --paranoid "),
        ("sslserver -Hrl0 0 7 /bin/cat", " --ident "),
        ("sslserver -RHl0 -u1 -g2 0 7 /bin/cat", "\nStandardInput="),
        ("sslserver -RHl0 0 7 /bin/cat", "\nNoDelay=yes\n"),
        ("sslserver -RHl0 -c7 -x /r 0 7 /bin/cat", "\nMaxConnections=7\n"),
        ("sslserver -RHl0 -x /r 0 7 /bin/cat", " --rules /r "),
        ("sslserver -RHl0 0 7 /bin/cat 'a b'", "-- /usr/bin/stunnel /etc/sockgate/NAME.conf\n"),
    ],
)
def test_line_becomes_this_in_the_units(line: str, directive: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, line)
    assert directive.replace("NAME", tmp_path.name) in "\n".join(map(format_unit, conversion.units))
    assert "User=" not in format_unit(conversion.units[1])
    assert "\nNoDelay" not in "\n".join(map(format_unit, convert(tmp_path, "sslserver -dRHl0 0 7 /bin/cat").units))


@pytest.mark.parametrize(
    ("line", "variables", "reason"),
    [
        ("sslserver -RHl0 -n 0 7 /bin/cat", "CERTFILE=/c.pem",
         "the server starts TLS itself (UCSPI-TLS), on descriptors that only sslserver has: let it speak STARTTLS by "
         "itself and convert with tcpserver in place of sslserver, or leave this service where it is"),
        ("sslserver -RHl0 -3 0 7 /bin/cat", "CERTFILE=/c.pem",
         "the password of the key came on descriptor 3, and no unit has one: `openssl pkey -in KEY -out NEW` writes a "
         "key without; name that in KEYFILE"),
        ("sslserver -RHl0 -j 0 7 /bin/cat", "CERTFILE=/c.pem", "sslserver: the option -j is not known"),
        ("sslserver -RHl0 0 7 /bin/cat", "",
         "it is not set, and what sslserver was built with cannot be known: export it in the script"),
        ("sslserver -RHl0 0 7 /bin/cat", "CERTFILE=`x`",
         "its value cannot be known without running the script; write it out"),
        ("sslserver -RHl0 0 7 /bin/cat", "CERTFILE=cert.pem KEYFILE=locked.pem",
         "the key has a password, which no service can type: `openssl pkey -in KEY -out NEW` leaves it out"),
        ("sslserver -RHl0 0 7 /bin/cat", "CERTFILE=cert.pem CIPHERS=nonsense",
         "OpenSSL here knows none of these ciphers, and stunnel would not start: unset it, or name others"),
        ("sslserver -RHl0 -m 0 7 /bin/cat", "CERTFILE=cert.pem",
         "neither CAFILE nor CADIR is set, and what sslserver was built with cannot be known: export CAFILE"),
        ("sslserver -RHl0 -z 0 7 /bin/cat", "CERTFILE=cert.pem CAFILE=/ca CCAFILE=-",
         "CCAFILE=- takes the demand back in newer versions only; write what is meant"),
        ("sslserver -Rl0 -z 0 7 /bin/cat", "CERTFILE=cert.pem CAFILE=/ca",
         "the name in the client's certificate had to be its host name, which stunnel does not ask: add -H (or "
         "write -m in place of -z) if its authority is enough"),
        ("sslserver -Hl0 -x by-user 0 7 /bin/cat", "CERTFILE=cert.pem",
         "sslserver up to 0.70 asks ident without -r, newer ones do not; 'FOLDER/by-user' has rules by user: write -r "
         "or -R"),
        ("sslserver -RHl0 -x by-client 0 7 /bin/cat", "CERTFILE=cert.pem",
         "FOLDER/by-client:1 sets CCAVERIFY for some clients, which newer versions of sslserver heed; stunnel cannot"),
    ],
)  # fmt: skip
def test_line_is_refused_and_nothing_is_written(line: str, variables: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "locked.pem").write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    (tmp_path / "by-user").write_text("joe@10.0.0.1:allow\n:deny\n")
    (tmp_path / "by-client").write_text("10.:allow,CCAVERIFY='1'\n:allow\n")
    conversion = convert(tmp_path, line, variables)
    assert (conversion.units, conversion.files) == ((), ())
    expected = f"{reason.replace('FOLDER', str(tmp_path))}; the service is not converted"
    assert expected in texts(conversion, Outcome.REFUSED)


@pytest.mark.parametrize(
    ("line", "variables", "difference"),
    [
        ("sslserver -RHl0 -s 0 7 /bin/cat", "A=b",
         "of the session the server is told SSL_CLIENT_DN and SSL_CLIENT_I_DN only, and those only of a client that "
         "shows a certificate; no SSL_PROTOCOL, SSL_CIPHER, SSL_SERVER_... or certificates"),
        ("sslserver -RHl0 -m 0 7 /bin/cat", "CAFILE=/ca VERIFYDEPTH=3",
         "a client must show a certificate of these, as before; that only 3 may stand between is not kept"),
        ("sslserver -RHl0 -m 0 7 /bin/cat", "CAFILE=/ca CCAFILE=/other",
         "clients are told the names of CAFILE's authorities"),
        ("sslserver -RHl0 0 7 /bin/cat", "DHFILE=/dh",
         "stunnel has parameters of its own for the exchange of keys; it takes these from behind the certificate"),
        ("sslserver -RHl0 -u1 0 7 /bin/cat", "SSL_UID=7",
         "TLS has no user or root directory of its own: stunnel reads the key and becomes 1, as the server does"),
        ("sslserver -RHl0 0 7 /bin/cat", "SSL_CHROOT=/x",
         "TLS had a user of its own, and stunnel stays root, as the server does: give it one if it can"),
        ("sslserver -RHl0 0 7 /bin/cat", "A=b",
         "0.90 and newer took clients with IPv6 addresses as well: ListenStream= with the port alone for those"),
        ("sslserver -RHl0 0 7 /bin/cat", "KEYFILE=/gone",
         "unable to read '/gone': No such file or directory; until stunnel can, it refuses every client"),
        ("sslserver -RHl0 0 7 /bin/cat", "CERTCHAINFILE=/gone",
         "'/gone' does not exist on this machine: until it does, stunnel refuses every client"),
        ("sslserver -Hl0 0 7 /bin/cat", "A=b",
         "sslserver up to 0.70 asks ident without -r, newer ones do not: the gate does not ask; add --ident if "
         "TCPREMOTEINFO is needed"),
    ],
)  # fmt: skip
def test_what_differs_is_said(line: str, variables: str, difference: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, line, f"CERTFILE=cert.pem {variables}")
    assert len(conversion.units) == 3
    assert difference in texts(conversion, Outcome.APPROXIMATED) + texts(conversion, Outcome.BROKEN)


def test_the_report_speaks_of_stunnels_settings(tmp_path: Path) -> None:
    conversion = convert(tmp_path, "sslserver -RHl0 -u1 -g2 0 7 /bin/cat")
    became = {word for entry in conversion.report.entries for word in entry.became}
    assert {"setuid = 1", "setgid = 2", "exec = /bin/cat"} <= became
    assert not [word for word in became if word.startswith(("User=", "Group=", "ExecStart="))]


def test_every_line_demands_what_it_demanded(tmp_path: Path) -> None:
    for letters in ("m", "z", "i", "Zm", "Iz", "zm", "mi"):
        demanding = convert(tmp_path, f"sslserver -RHl0 -{letters} 0 7 /bin/cat", "CERTFILE=/c CAFILE=/ca")
        assert "verifyChain = yes\n" in config(demanding), letters
    for letters in ("mZ", "zI", "iZ"):
        assert "verifyChain" not in config(convert(tmp_path, f"sslserver -RHl0 -{letters} 0 7 /bin/cat"))


def test_env_takes_every_word_apart_as_it_was() -> None:
    words = [
        "a b",
        "",
        "#x",
        "$HOME ${HOME}",
        "t\tn\nr\rv\vf\f",
        "'q' \"q\"",
        "back\\slash\\_\\c",
        "é",
        "%n",
        "-x",
        "A=b",
    ]
    _, arguments = server(["/usr/bin/printf", "<%s>", *words], "")
    (_, _, program, option) = arguments.split()
    shown = subprocess.run([f"/usr/bin/{program}", option], capture_output=True, check=True).stdout
    assert shown.decode() == "".join(f"<{word}>" for word in words)


def test_words_that_no_file_of_stunnel_can_hold_refuse_the_service(tmp_path: Path) -> None:
    for word in ("'\x01'", "x" * 4001):
        conversion = convert(tmp_path, f"sslserver -RHl0 0 7 /bin/cat {word}")
        assert (conversion.units, conversion.files) == ((), ())
        assert "cannot stand in a file of stunnel" in texts(conversion, Outcome.REFUSED)[0]
    with pytest.raises(ConfigError, match="would take that for a variable"):
        server(["/a=b/c", "x y"], "")
