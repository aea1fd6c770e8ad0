"""Run scripts of daemontools and runit: what they start is /opt/probe on a port of its own, written PORT."""

from collections.abc import Mapping

from tests.system import roots
from tests.system.machine import Machine

FIRST_PORT = 21000
RULES = """192.168.0.:allow,RELAYCLIENT="",NOTE='a b'
192.168.1.5:allow,TCPREMOTEINFO="told"
10.1.:deny
10.:allow,X="$HOME %n \\"
127.0.0.1:allow
172.16-17.:allow
:deny
"""
NOT_LOOKED_UP = """=.example.com:allow
joe@10.0.0.1:deny
10.0.0.1:allow,WHO="ten"
192.:allow
:deny
"""
REFUSED_BY_RBLSMTPD = """192.168.0.:allow,RBLSMTPD="go away"
:allow,RBLSMTPD=""
"""
FILES = {
    "rules": RULES,
    "not-looked-up": NOT_LOOKED_UP,
    "blocked": REFUSED_BY_RBLSMTPD,
    "control/concurrency": "7\n",
    "control/me": "mail.example.com\nsecond line\n",
    "env/FROM_ENVDIR": "one  \nignored\n",
    "env/EMPTY": "",
    "settings": "MAX=9\nHOST=192.168.0.1\nexport SETTING='from settings'\n",
    "secret": "SECRET='s3 cr$et %n \\\"q'\n",
    "probe": '#!/bin/sh\nexec /opt/probe "$@"\n',
}
T = "tcpserver -vRHl0"
SCRIPTS = {
    "plain": f"exec 2>&1\nexec {T} 0 PORT /opt/probe",
    "words": f"exec {T} 0 PORT /opt/probe a 'b  c' '$HOME ${{x}}' %n 100% '\\x41' \"'q'\" '' '#'",
    "softlimit": f"exec softlimit -m 200000000 -o 40 -c 0 {T} 0 PORT /opt/probe",
    "softlimit-behind": f"exec {T} 0 PORT softlimit -a 300000000 -t 30 -l = /opt/probe",
    "setuidgid": f"exec {T} 0 PORT setuidgid prober /opt/probe",
    "setuidgid-in-front": f"exec setuidgid prober {T} 0 PORT /opt/probe",
    "envuidgid": f"exec envuidgid prober {T} -U 0 PORT /opt/probe",
    "envuidgid-behind": f"exec {T} 0 PORT envuidgid prober /opt/probe",
    "id": f"U=`id -u prober`\nG=$(id -g prober)\nexec {T} -u \"$U\" -g \"$G\" 0 PORT /opt/probe",
    "id-of-two": f"exec {T} -u `id -u prober` -g `id -g daemon` 0 PORT /opt/probe",
    "numbers": f"exec {T} -u 1234 -g 5678 0 PORT /opt/probe",
    "numbers-of-prober": f"exec {T} -u $(getent passwd prober | cut -d: -f3) -g 8 0 PORT /opt/probe",
    "group-alone": f"exec {T} -g 8 0 PORT /opt/probe",
    "rules": f"exec {T} -x rules.cdb 0 PORT /opt/probe",
    "rules-by-name": f"exec {T} -x `pwd`/not-looked-up.cdb 0 PORT /opt/probe",
    "rules-and-user": f"exec {T} -x rules.cdb -u 1234 -g 5678 0 PORT /opt/probe",
    "rules-missing": f"exec {T} -x missing.cdb 0 PORT /opt/probe",
    "rules-missing-allowed": f"exec {T} -X -x missing.cdb 0 PORT /opt/probe",
    "banner": f"exec {T} -B '220 hello %n $x \"q\"\n' 0 PORT /opt/probe",
    "banner-and-rules": f"exec {T} -B '220 hello\n' -x rules.cdb 0 PORT /opt/probe",
    "envdir": f"exec envdir ./env {T} 0 PORT /opt/probe",
    "envdir-behind": f"exec {T} 0 PORT envdir env /opt/probe",
    "env": f"export GONE=1\nexec env - PATH=$PATH A=b {T} 0 PORT /opt/probe",
    "env-behind": f"exec {T} 0 PORT env A=b /opt/probe",
    "env-cleared-behind": f"exec {T} 0 PORT env - A=b PATH=/usr/bin:/bin /opt/probe",
    "chpst": f"exec chpst -u prober -e ./env -o 30 -n 5 {T} 0 PORT /opt/probe",
    "chpst-groups": f"exec {T} 0 PORT chpst -u prober:games -m 200000000 /opt/probe",
    "chpst-variables": f"exec chpst -U prober {T} -U 0 PORT /opt/probe",
    "argv0": f"exec {T} 0 PORT argv0 /bin/cat another-name /proc/self/cmdline",
    "argv0-behind-envdir": f"exec {T} 0 PORT envdir env argv0 /bin/cat another-name /proc/self/cmdline",
    "control": "MAX=`cat control/concurrency`\nLOCAL=`head -1 control/me`\n"
               "exec tcpserver -RH -c \"$MAX\" -l \"$LOCAL\" 0 PORT /opt/probe",
    "settings": ". ./settings\nexec tcpserver -RHl0 ${MAX:+-c$MAX} ${NONE:+-x} $HOST PORT /opt/probe",
    "guards": "if [ -z \"$X\" -o ! -d control ]; then\n  X=yes\nfi\n[ -f missing ] && Y=no\numask 077\nulimit -n 60\n"
              f"ulimit -S -v 400000\nexport X Y\nexec {T} 0 PORT /opt/probe",
    "shell-in-shell": f"exec env A=b sh -c 'exec {T} -x rules.cdb 0 PORT /opt/probe $A'",
    "rblsmtpd": f"exec {T} -x blocked.cdb 0 PORT rblsmtpd -t1 /opt/probe",
    "fixcrio": f"exec {T} 0 PORT fixcrio /opt/probe",
    "recordio": f"exec {T} 0 PORT recordio /opt/probe",
    "relative": "cd control/..\nexec tcpserver -RHl0 0 PORT ./probe x",
    "path": f"PATH=/opt:$PATH\nexec {T} 0 PORT probe x",
    "functions": f"start() {{\n  [ $# -eq 2 ] || return 1\n  exec {T} 0 PORT \"$@\"\n}}\nstart /opt/probe 'a b'",
    "case-and-for": "OPTIONS=-vRHl0\nfor x in rules no-rules; do\n  case $x in\n    no-*) ;;\n"
                    "    *) OPTIONS=\"$OPTIONS -x $x.cdb\" ;;\n  esac\ndone\nexec tcpserver $OPTIONS 0 PORT /opt/probe",
    "eval-of-an-envdir": "eval `env - PATH=$PATH envdir ./env awk 'BEGIN { for (i in ENVIRON) if (i != \"PATH\") printf"
                         " \"export %s=\\\"%s\\\"\\n\", i, ENVIRON[i] }'`\n"
                         f"exec {T} ${{FROM_ENVDIR:+-c11}} 0 PORT /opt/probe $FROM_ENVDIR",
    "subshell-and-status": f"(cd /; X=no; exit 3)\n[ $? -ne 0 ] && X=$(hostname >/dev/null; echo yes)\n"
                           f"! false && exec {T} 0 PORT /opt/probe $X",
    "shell-behind": f"exec {T} 0 PORT sh -c 'exec /opt/probe \"$TCPLOCALPORT $0\"' a",
    "start-stop-daemon": "exec start-stop-daemon --start --chuid prober:games --pidfile /run/none --startas "
                         "`which tcpserver` -- -vRHl0 0 PORT /opt/probe",
    "nice": f"exec nice -n 7 {T} 0 PORT /opt/probe",
    "relay": f"RELAYCLIENT= RBLSMTPD=x\nexport RELAYCLIENT RBLSMTPD\nexec {T} 0 PORT /opt/probe",
    "pgrphack": f"exec pgrphack {T} 0 PORT fghack /opt/probe",
    "logger": f"{T} 0 PORT /opt/probe 2>&1 | cat",
    "secret": f". ./secret\nexport SECRET\nexec {T} 0 PORT /opt/probe -p \"$SECRET\" \"x$SECRET\"",
    "tcpsvd": "exec tcpsvd -u prober -l me -c 5 0 PORT /opt/probe",
}  # fmt: skip
# What needs runit, which not each release has.
OF_RUNIT = "chpst"
PORTS = {name: FIRST_PORT + number for number, name in enumerate(SCRIPTS)}


def text_of(name: str) -> str:
    return "#!/bin/sh\n" + SCRIPTS[name].replace("PORT", str(PORTS[name])) + "\n"


def start_all(machine: Machine) -> None:
    """Start all of /service as svscan does it: from the service's folder."""
    machine.shell("""
renice --priority 0 $$ > /dev/null
for folder in /service/*; do
    (cd $folder && exec setsid ./run > /run/log-${folder##*/} 2>&1 < /dev/null) &
    echo $! >> /run/old
done
""")


def stop_all(machine: Machine) -> None:
    machine.shell("kill -- $(sed 's/^/-/' /run/old)")


def scripts_of(release: str, scripts: Mapping[str, str] = SCRIPTS) -> list[str]:
    """The names of those whose programs this release has."""
    without_runit = "runit" in roots.GONE.get(release, ())
    return [name for name, script in scripts.items() if not (without_runit and OF_RUNIT in script)]
