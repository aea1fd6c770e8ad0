"""Asks the real libwrap: one JSON request a line on standard input, one answer a line on standard output.

A program of its own, because an option such as umask or setenv changes the process that libwrap runs in.
"""

import ctypes
import json
import os
import socket
import struct
import sys

LIBRARY = "libwrap.so.0"
# tcpd.h
RQ_DAEMON, RQ_USER, RQ_CLIENT_NAME, RQ_CLIENT_ADDR = 2, 3, 4, 5
RQ_SERVER_NAME, RQ_SERVER_ADDR, RQ_SERVER_SIN = 7, 8, 9
USUAL_SEVERITY = 9999  # which no option can set
USUAL_UMASK = 0o022


def main() -> None:
    libwrap, libc = ctypes.CDLL(LIBRARY), ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_char_p
    ctypes.c_int.in_dll(libwrap, "dry_run").value = 1  # nice and keepalive are not carried out
    severity = ctypes.c_int.in_dll(libwrap, "allow_severity")
    tables = {name: ctypes.c_char_p.in_dll(libwrap, f"hosts_{name}_table") for name in ("allow", "deny")}
    for line in sys.stdin:
        request = json.loads(line)
        for name, table in tables.items():
            table.value = f"{request['folder']}/hosts.{name}".encode()
        for name in request["variables"]:
            libc.unsetenv(name.encode())
        severity.value = USUAL_SEVERITY
        os.umask(USUAL_UMASK)
        buffer = ctypes.create_string_buffer(8192)
        given = arguments(request)  # kept: libwrap copies names, but not the server's socket address
        libwrap.request_init(buffer, *given, 0)
        granted = libwrap.hosts_access(buffer)
        values = {name: libc.getenv(name.encode()) for name in request["variables"]}
        answer = {
            "granted": bool(granted),
            "variables": {name: value.decode() for name, value in values.items() if value is not None},
            "severity": None if severity.value == USUAL_SEVERITY else severity.value,
            "umask": os.umask(USUAL_UMASK),
        }
        print(json.dumps(answer), flush=True)


def arguments(request: dict[str, str]) -> list[ctypes.c_char_p | ctypes.c_int]:
    named = (
        (RQ_DAEMON, "daemon"), (RQ_USER, "user"), (RQ_CLIENT_NAME, "client_name"), (RQ_CLIENT_ADDR, "client"),
        (RQ_SERVER_NAME, "server_name"), (RQ_SERVER_ADDR, "server"),
    )  # fmt: skip
    found = [(key, request[name].encode()) for key, name in named]
    found.append((RQ_SERVER_SIN, struct.pack("=HH", socket.AF_INET, socket.htons(int(request["port"]))) + bytes(12)))
    return [argument for key, value in found for argument in (ctypes.c_int(key), ctypes.c_char_p(value))]


if __name__ == "__main__":
    main()
