"""Run scripts of daemontools and runit that end in tcpserver, sslserver or tcpsvd.

`script` finds the command lines, `command` takes one apart, `options` and `access` say what tcpserver's own options
become, `account` as whom the server runs.
"""

from .script import read

__all__ = ["read"]
