"""From the old super-servers to units: programs -> service record -> unit plan -> unit files, and a report.

Each reader (`xinetd`, `inetd`, `tcpserver`, `couriertcpd`) turns its files into `service.Service` records and
accounts for everything it read in a `report.Report`; `plan` turns a record into unit files. Nothing that is read
is ever executed.
"""
