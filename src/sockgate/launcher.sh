#!/bin/sh
# sockgate in a virtual environment, with what is in site-packages but without the time that `import site` takes.
# A shell, since pip keeps no flags on the first line of a script; it costs less than a millisecond.
bin=${0%/*}
for packages in "$bin"/../lib/python3*/site-packages; do
    [ ! -d "$packages/sockgate" ] || break
done
exec "$bin/python3" -IS -c '
import sys

sys.path[:0] = [sys.argv.pop(1)]
from sockgate.shim import main

main()' "$packages" "$@"
