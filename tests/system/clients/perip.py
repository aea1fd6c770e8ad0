"""Opens connections to a port one after the other and keeps them: what each was greeted with. SOURCE PORT COUNT."""

import json
import socket
import sys

source, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
kept = []
greetings = []
for _ in range(count):
    client = socket.socket()
    client.settimeout(20)
    client.bind((source, 0))
    client.connect(("127.0.0.1", port))
    try:
        greetings.append(client.recv(100).decode()[:3])
    except ConnectionResetError:
        greetings.append("")
    kept.append(client)
print(json.dumps(greetings))
