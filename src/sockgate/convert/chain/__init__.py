"""Programs in front of a server that each do one thing and start the next: `softlimit -m 8000000 setuidgid qmaild ...`.

`peeling` takes the known programs off a command line. `links` has a row for each of them. `identity` has those that
change the account.
"""
