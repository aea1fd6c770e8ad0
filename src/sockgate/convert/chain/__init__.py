"""Programs in front of a server that each do one thing and start the next: `softlimit -m 8000000 setuidgid qmaild ...`.

`peeling` takes the known ones off a command line, `links` has a row for each, `identity` has those that change the
account.
"""
