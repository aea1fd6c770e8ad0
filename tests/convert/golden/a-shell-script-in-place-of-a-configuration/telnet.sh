#!/bin/bash
# how the office gets in

service telnet
{
	socket_type = stream
	protocol    = tcp
	wait        = no
	user        = root
	server      = /bin/cat
	only_from   = 127.0.0.1
	only_from   = 192.168.15.0 # the whole network
	log_on_success = DURATION EXIT HOST PID USERID # in /var/log/messages
	log_on_failure = ATTEMPT HOST USERID
	disable     = no
}
