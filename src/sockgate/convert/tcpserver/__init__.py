"""Run scripts of daemontools and runit that end in tcpserver, sslserver or tcpsvd.

`script` finds the command lines, and `command` takes one apart. `options` and `access` convert tcpserver's own options,
`account` the user of the server.
"""

from .script import read

__all__ = ["read"]
