"""sockgate-inetd-generator: units for /etc/xinetd.d and /etc/inetd.conf at boot and at every daemon-reload.

See systemd.generator(7). Packages that put a file into /etc/xinetd.d, or a line into /etc/inetd.conf, keep working
(convert.live). If a service cannot be converted, the journal says so, and the other services are not affected.
"""

import gc
import sys

# While the modules are loaded, the garbage collector would run often. PID 1 waits for this process.
gc.disable()

from .convert.complaints import NAME, log
from .convert.live import live_host, write_leaving, write_units


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit(f"usage: {NAME} NORMAL-DIR EARLY-DIR LATE-DIR")
    try:
        for complaint in write_units("/", sys.argv[1], live_host()):
            log(complaint)
        write_leaving("/", sys.argv[3])
    except Exception as error:  # an error in this program must not disturb the boot
        log(f"internal error: {type(error).__name__}: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
