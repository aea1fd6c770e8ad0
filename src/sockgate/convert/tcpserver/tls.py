"""The TLS settings of sslserver, in variables and options, as settings of stunnel.

As ucspi-ssl 0.70 (Superscript) and 0.80 to 0.95 (Fehcom) read them: the options of both together, where they agree.
"""

import os
import ssl
from dataclasses import replace

from ...host.host import Host
from ...units.model import Directive
from ..extra_files import FOLDER
from ..input_files import Unreadable, read_text
from ..outcomes import Answer, Became, approximated, blocked, broken, translated
from ..service import Service
from ..stunnel import PROGRAM, Tls
from .access import rules_of
from .command_words import is_known, shown
from .options import Listener

GREETER = ("/bin/sh", "-c", 'printf %s "$0" && exec "$@"')
PRLIMIT = "/usr/bin/prlimit"
# account.py and command.py use systemd's names for these. Here they stand in stunnel's file.
RENAMED = {"User": "setuid", "Group": "setgid", "ExecStart": "exec"}
Answers = list[tuple[str, Answer]]
VARIABLES = (
    "CERTFILE", "CERTCHAINFILE", "KEYFILE", "DHFILE", "CIPHERS", "CAFILE", "CADIR", "CCAFILE", "VERIFYDEPTH",
    "CCAVERIFY", "SSL_USER", "SSL_GROUP", "SSL_UID", "SSL_GID", "SSL_CHROOT",
)  # fmt: skip
OWN_USER = ("SSL_USER", "SSL_UID", "SSL_GROUP", "SSL_GID", "SSL_CHROOT")


def behind_stunnel(
    service: Service, listener: Listener, given: dict[str, str], argv0: str, answers: Answers
) -> Service | None:
    """The service with stunnel between the gate and its server. given: the variables that sslserver had."""
    tls = front(listener, given, service.user, answers)
    if tls is None:
        return None
    host = listener.host
    program = host.program(PROGRAM)
    if host.is_executable(program):
        answers.append(("sslserver", translated(f"{program} {FOLDER}/", text="stunnel ends TLS, and has a file there")))
    else:
        text = "stunnel ends TLS, and is not installed: apt install stunnel4"
        answers.append(("sslserver", broken(text, program)))
    if service.listens[0].address.startswith("0.0.0.0:"):
        text = "0.90 and newer took clients with IPv6 addresses as well: ListenStream= with the port alone for those"
        answers.append(("host 0", approximated(text)))
    ssl_option, answer = ssl_variables(listener)
    answers.append(answer)
    in_front = [*greeter(listener), *prlimit(service, answers)]
    command, name = list(service.command), service.argv0
    if in_front and argv0:
        command, name = [host.program("argv0"), command[0], argv0, *command[1:]], ""
    answers[:] = [(what, in_terms_of_stunnel(answer)) for what, answer in answers]
    group = service.group or own_group(host, service.user)
    return replace(
        service, tls=tls, command=(*in_front, *command), argv0="" if in_front else name, limits=(),
        gate=(*service.gate, (ssl_option, None)), group=group, clear_groups=False,
    )  # fmt: skip


def ssl_variables(listener: Listener) -> tuple[str, tuple[str, Answer]]:
    """sslserver sets SSLREMOTEIP and the like for the client; with -e, also TCPREMOTEIP and the like."""
    if listener.tcp_variables:
        became = "--ssl-variables"
        return became, ("-e", translated(became, text="with PROTO=TCP, as in 0.90 and newer"))
    became = "--ssl-variables=SSL"
    return became, ("without -e", translated(became, text="and the TCP variables, which were not set"))


def in_terms_of_stunnel(answer: Answer) -> Answer:
    return replace(answer, became=tuple(map(own_form, answer.became)))


def own_form(became: Became) -> Became:
    """A directive that stands in stunnel's configuration instead."""
    name = RENAMED.get(became.key) if isinstance(became, Directive) else None
    return f"{name} = {became.value}" if isinstance(became, Directive) and name else became


def greeter(listener: Listener) -> list[str]:
    """The program that sends the text of -B. It stands behind stunnel, so the text goes through TLS as before."""
    return [*GREETER, listener.greeting] if listener.greeting else []


def prlimit(service: Service, answers: Answers) -> list[str]:
    """prlimit in place of ulimit, for the server alone: stunnel may not start under such limits."""
    if not service.limits:
        return []
    options = [f"--{name}={value.replace('infinity', 'unlimited')}" for name, value in service.limits]
    answers.append(("ulimit", translated(" ".join(["prlimit", *options]), text="in front of the server")))
    return [PRLIMIT, *options, "--"]


def own_group(host: Host, user: str) -> str:
    """The group for stunnel, which keeps root's groups without one. An unknown user gets an unknown group."""
    account = host.account(user) if user else None
    return str(account.pw_gid) if account else user


def front(listener: Listener, given: dict[str, str], user: str, answers: Answers) -> Tls | None:
    """The settings of stunnel. None if a part of them blocks the service."""
    values = {name: given[name] for name in VARIABLES if given.get(name) or (name == "CCAVERIFY" and name in given)}
    problems = len(answers)
    for name, value in values.items():
        if name not in OWN_USER and not is_known(listener.host, value):
            answers.append((name, blocked("its value cannot be known without running the script; write it out")))
    for rule in rules_of(listener.rules):
        special = next((name for name in VARIABLES if name in names_of(rule.action.variables)), None)
        if special:
            text = (
                f"{rule.cause} sets {special} for some clients, which newer versions of sslserver heed; stunnel cannot"
            )
            answers.append((f"-x {listener.rules}", blocked(text)))
    if any(answer.blocks for _, answer in answers[problems:]):
        return None
    name, certificate = certificate_of(listener, values, answers)
    if not certificate:
        return None
    key = path_of(listener, values.get("KEYFILE", ""))
    needs_its_key(key or certificate, "KEYFILE" if key else name, answers)
    own_user(values, user, answers)
    authorities, folder = authorities_of(listener, values, answers)
    if values.get("DHFILE"):
        text = "stunnel has parameters of its own for the exchange of keys; it takes these from behind the certificate"
        answers.append((f"DHFILE={values['DHFILE']}", approximated(text)))
    return Tls(certificate, key, ciphers_of(values, answers), authorities, folder, bool(authorities or folder),
               listener.handshake, listener.idle)  # fmt: skip


def names_of(variables: dict[bytes, bytes | None]) -> set[str]:
    return {name.decode("latin-1") for name in variables}


def path_of(listener: Listener, path: str) -> str:
    """The path of a file, relative to the folder in which sslserver ran."""
    return path if path.startswith("/") or not path else os.path.normpath(f"{listener.chain.folder}/{path}")


def certificate_of(listener: Listener, values: dict[str, str], answers: Answers) -> tuple[str, str]:
    """(variable, file). CERTCHAINFILE counts before CERTFILE."""
    name = "CERTCHAINFILE" if "CERTCHAINFILE" in values else "CERTFILE"
    path = path_of(listener, values.get(name, ""))
    if not path:
        text = "it is not set, and what sslserver was built with cannot be known: export it in the script"
        answers.append((name, blocked(text)))
    elif not os.path.exists(path):
        text = f"{path!r} does not exist on this machine: until it does, stunnel refuses every client"
        answers.append((f"{name}={path}", broken(text, f"cert = {path}")))
    else:
        answers.append((f"{name}={path}", translated(f"cert = {path}")))
    return name, path


def needs_its_key(path: str, name: str, answers: Answers) -> None:
    """stunnel would ask a terminal for the password of a key, and there is none."""
    try:
        text = read_text(path)
    except Unreadable as error:
        if name == "KEYFILE":
            text = f"unable to read {path!r}: {error}; until stunnel can, it refuses every client"
            answers.append((f"{name}={path}", broken(text, f"key = {path}")))
        return
    if "ENCRYPTED" in text:
        text = "the key has a password, which no service can type: `openssl pkey -in KEY -out NEW` leaves it out"
        answers.append((f"{name}={path}", blocked(text)))
    elif name == "KEYFILE":
        answers.append((f"{name}={path}", translated(f"key = {path}")))


def own_user(values: dict[str, str], user: str, answers: Answers) -> None:
    """The user for TLS alone, from 0.80 on. stunnel becomes the server's user instead, with the key in its memory."""
    name = next((name for name in OWN_USER if name in values), None)
    if name is None:
        return
    text = f"TLS has no user or root directory of its own: stunnel reads the key and becomes {user}, as the server does"
    if not user:
        text = "TLS had a user of its own, and stunnel stays root, as the server does: give it one if it can"
    answers.append((shown([f"{name}={values[name]}"]), approximated(text)))


def authorities_of(listener: Listener, values: dict[str, str], answers: Answers) -> tuple[str, str]:
    """The authorities if clients must show a certificate: (file, folder). Both are "" if they need not."""
    demand = listener.client_certificates or ("CCAVERIFY" if "CCAVERIFY" in values else "")
    if not demand:
        return "", ""
    shown = f"-{demand}" if len(demand) == 1 else demand
    reason = why_not(listener, values, demand)
    if reason:
        answers.append((shown, blocked(reason)))
        return "", ""
    file, folder = (path_of(listener, values.get(name, "")) for name in ("CAFILE", "CADIR"))
    became = [f"{key} = {path}" for key, path in (("CAfile", file), ("CApath", folder)) if path]
    depth = values.get("VERIFYDEPTH", "1")
    text = f"a client must show a certificate of these, as before; that only {depth} may stand between is not kept"
    answers.append((shown, approximated(text, "verifyChain = yes", *became)))
    if values.get("CCAFILE") and values["CCAFILE"] != values.get("CAFILE"):
        text = "clients are told the names of CAFILE's authorities"
        answers.append((f"CCAFILE={values['CCAFILE']}", approximated(text)))
    return file, folder


def why_not(listener: Listener, values: dict[str, str], demand: str) -> str:
    """A check of the certificate that stunnel cannot do, for the report. "" if there is none."""
    if demand in "iz" and listener.lookup:
        return (
            "the name in the client's certificate had to be its host name, which stunnel does not ask: add -H (or "
            "write -m in place of -z) if its authority is enough"
        )
    if values.get("CCAFILE") == "-":
        return "CCAFILE=- takes the demand back in newer versions only; write what is meant"
    if not (values.get("CAFILE") or values.get("CADIR")):
        return "neither CAFILE nor CADIR is set, and what sslserver was built with cannot be known: export CAFILE"
    return ""


def ciphers_of(values: dict[str, str], answers: Answers) -> str:
    ciphers = values.get("CIPHERS", "")
    if not ciphers:
        return ""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ciphers(ciphers)
    except (ssl.SSLError, ValueError):
        text = "OpenSSL here knows none of these ciphers, and stunnel would not start: unset it, or name others"
        answers.append((f"CIPHERS={ciphers}", blocked(text)))
        return ""
    answers.append((f"CIPHERS={ciphers}", translated(f"ciphers = {ciphers}")))
    return ciphers
