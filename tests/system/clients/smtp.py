"""Runs in a machine: SMTP conversations, all at the same time, from the addresses that argv[1] names.

argv[1] is {"clients": [[source, destination, port], ...], "recipients": [...], "message": text or null}; the
output is one list for each client: the codes of greeting, EHLO, MAIL, each RCPT, DATA, QUIT; or the error's name.
No one says QUIT before all have come that far.
"""

import concurrent.futures
import json
import smtplib
import sys
import threading

PATIENCE = 60

wishes = json.loads(sys.argv[1])
all_came_so_far = threading.Barrier(len(wishes["clients"]), timeout=PATIENCE)


def talk(source: str, destination: str, port: int) -> list[int | str]:
    codes: list[int | str] = []
    try:
        with smtplib.SMTP(local_hostname="client.example.test", source_address=(source, 0), timeout=PATIENCE) as server:
            codes.append(server.connect(destination, port)[0])
            codes.append(server.ehlo()[0])
            codes.append(server.mail("sender@example.test")[0])
            codes += [server.rcpt(recipient)[0] for recipient in wishes["recipients"]]
            if wishes["message"] is not None:
                codes.append(server.data(wishes["message"])[0])
            all_came_so_far.wait()
            codes.append(server.quit()[0])
    except (OSError, smtplib.SMTPException, threading.BrokenBarrierError) as error:
        all_came_so_far.abort()
        codes.append(type(error).__name__)
    return codes


with concurrent.futures.ThreadPoolExecutor(len(wishes["clients"])) as pool:
    print(json.dumps(list(pool.map(lambda client: talk(*client), wishes["clients"]))))
