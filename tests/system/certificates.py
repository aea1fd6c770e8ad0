"""Certificates, made in a machine: an authority of its own, a server, a client, and one without an authority."""

from tests.system.machine import Machine

FOLDER = "/etc/tls"
AUTHORITY = f"{FOLDER}/ca.pem"
SERVER = f"{FOLDER}/server.pem"  # certificate and key, as are the others
CLIENT = f"{FOLDER}/client.pem"
SELF_SIGNED = f"{FOLDER}/self-signed.pem"
NAME = "mail.example.test"

# What a strict client (Python 3.13) asks for is in it.
SCRIPT = f"""
    mkdir -p {FOLDER}
    cd {FOLDER}
    new='openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -batch'
    $new -x509 -days 2 -subj /CN=authority -addext keyUsage=critical,keyCertSign -keyout ca.key -out ca.pem
    make() {{
        $new -subj "/CN=$2" -keyout "$1.key" -out "$1.csr"
        printf 'subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nsubjectAltName=DNS:%s\n' "$2" > "$1.ext"
        openssl x509 -req -days 2 -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -extfile "$1.ext" -out "$1.crt"
        cat "$1.crt" "$1.key" > "$1.pem"
    }}
    make server {NAME}
    make client client.example.test
    $new -x509 -days 2 -subj /CN=impostor -keyout self-signed.key -out self-signed.crt
    cat self-signed.crt self-signed.key > self-signed.pem
"""


def make(machine: Machine) -> None:
    machine.shell(SCRIPT)
