"""From the old super-servers to units: programs -> service record -> unit plan -> unit files, and a report.

Each reader (`xinetd`, `inetd`, `tcpserver`, `couriertcpd`) makes `service.Service` records of its files, and puts all
that it read into a `report.Report`. `unit_plan` makes unit files of a record. Nothing that is read is ever executed.
"""
