# sockgate: build, install, test. `make help` lists what there is.

PREFIX = /usr/local
DESTDIR =
PYTHON = /usr/bin/python3
BYTECODE = yes
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' src/sockgate/__init__.py)

SBINDIR = $(PREFIX)/sbin
BINDIR = $(PREFIX)/bin
LIBDIR = $(PREFIX)/lib/sockgate
UNITDIR = $(PREFIX)/lib/systemd/system
GENERATORDIR = $(PREFIX)/lib/systemd/system-generators
MANDIR = $(PREFIX)/share/man
PRESETDIR = $(PREFIX)/lib/systemd/system-preset
CATALOGDIR = $(PREFIX)/lib/systemd/catalog
EXAMPLEDIR = $(PREFIX)/share/doc/sockgate/examples
BASHDIR = $(PREFIX)/share/bash-completion/completions
ZSHDIR = $(PREFIX)/share/zsh/site-functions
FISHDIR = $(PREFIX)/share/fish/vendor_completions.d

SCDOC = scdoc

# Where the servers are.
QMAILDIR = /var/qmail
COURIERLIBDIR = /usr/lib/courier/courier
COURIERCONFDIR = /etc/courier
IMAPD = /usr/bin/imapd
COURIERTLS = /usr/bin/couriertls
STUNNEL = /usr/bin/stunnel

# @NAME@ in a unit or in the launcher becomes the value of the variable NAME.
PLACEHOLDERS = PYTHON SBINDIR BINDIR LIBDIR UNITDIR QMAILDIR COURIERLIBDIR COURIERCONFDIR IMAPD COURIERTLS STUNNEL
SUBSTITUTE = sed $(foreach name,$(PLACEHOLDERS),-e 's|@$(name)@|$($(name))|g')

MODULES = $(shell cd src && find sockgate -name '*.py' -not -path 'sockgate/demo/*' -o -name '*.css')
PAGES = $(notdir $(basename $(wildcard src/sockgate/man/*.scd)))
# The programs whose options the shells complete.
COMPLETED = sockgate sockgated sockgatectl
# Files for the configuration of other programs. The administrator changes those.
EXAMPLES = $(patsubst src/sockgate/%,%,$(wildcard src/sockgate/fail2ban/*/*.conf src/sockgate/stunnel/*.conf))
UNITS = $(patsubst units/%,%,$(wildcard units/*.socket units/*.service units/*.path units/*.slice))
# Settings that systemd 252 does not understand. sockgate-generator links them into place, at boot and at daemon-reload,
# where systemd is new enough. So one package serves every version of systemd.
DROP_INS = $(patsubst units/%,%,$(wildcard units/*.d/*.conf))
DROPINDIR = $(LIBDIR)/drop-ins

SHELL = /bin/bash
.SHELLFLAGS = -euo pipefail -c
.ONESHELL:
.NOTPARALLEL:
.SILENT:
.PHONY: help build run install uninstall deb rpm arch dist test test-unit test-pythons test-oracles test-system coverage soak attack diff corpus log-sessions fuzz fuzz-keep fuzz-verify check setup venv bench bench-gate bench-log bench-convert bench-inetd bench-rules bench-proxied bench-moved bench-flood bench-sandbox clean

# The first target is what `make` alone makes.
build:  ## the programs into build/bin, to run them from this tree
	mkdir -p build/bin
	$(call launchers,build/bin,build/bin,$(CURDIR)/src)
	launcher build/bin/sockgate-inetd-generator generator -IS
	launcher build/bin/sockgate-smtpd demo.smtpd -IS
	launcher build/bin/sockgate-demo demo.run -IS

# $(call launchers,SBINDIR,BINDIR,LIBDIR) writes the programs. Those that need no python3-systemd run without
# site-packages (-S).
define launchers
launcher() { # FILE MODULE FLAGS
	sed -e 's|@LIBDIR@|$(3)|' -e "s|@MODULE@|$$2|" -e "s|@FLAGS@|$$3|" src/sockgate/launcher.in | $(SUBSTITUTE) > "$$1"
	chmod 755 "$$1"
}
launcher $(1)/sockgate shim -IS
launcher $(1)/sockgated dispatch.main -I
launcher $(1)/sockgate-builtin builtin -IS
launcher $(2)/sockgatectl ctl.main -I
endef

help:  ## this list
	sed -n 's/^\([a-z][a-z-]*\):.*  ## \(.*\)/\1 \2/p' Makefile | while read -r name text; do printf '%-14s %s\n' "$$name" "$$text"; done

# SMTP through a gate, for a look: no root, no systemd.
PORT = 2525
run: build  ## serve SMTP on 127.0.0.1:2525, to try it; PORT= for another
	exec build/bin/sockgate-demo --port '$(PORT)' --qmail '$(QMAILDIR)'

install:  ## into /usr/local, where systemd looks for units as well; PREFIX=/usr DESTDIR=/tmp/pkg BYTECODE=no for a package
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || {
		echo "make install: unable to find Python 3.11 or newer as $(PYTHON) (apt-get install python3, or PYTHON=...)" >&2
		exit 1
	}
	umask 022
	mkdir -p $(addprefix $(DESTDIR),$(SBINDIR) $(BINDIR) $(LIBDIR) $(UNITDIR))
	tar -C src --mode=u=rw,go=r -cf - $(MODULES) | tar -C $(DESTDIR)$(LIBDIR) --no-same-owner --touch -xf -
	[ $(BYTECODE) = no ] || $(PYTHON) -m compileall -q -s '$(DESTDIR)' -p / $(DESTDIR)$(LIBDIR)
	$(call launchers,$(DESTDIR)$(SBINDIR),$(DESTDIR)$(BINDIR),$(LIBDIR))
	mkdir -p $(DESTDIR)$(GENERATORDIR)
	launcher $(DESTDIR)$(GENERATORDIR)/sockgate-inetd-generator generator -IS
	for unit in $(UNITS); do $(SUBSTITUTE) units/$$unit > $(DESTDIR)$(UNITDIR)/$$unit; done
	for script in restart-gates stop-gates; do
		$(SUBSTITUTE) src/packaging/$$script > $(DESTDIR)$(LIBDIR)/$$script
		chmod 755 $(DESTDIR)$(LIBDIR)/$$script
	done
	install -D -m 644 units/80-sockgate.preset $(DESTDIR)$(PRESETDIR)/80-sockgate.preset
	for file in $(DROP_INS); do install -D -m 644 units/$$file $(DESTDIR)$(DROPINDIR)/$$file; done
	$(SUBSTITUTE) units/sockgate-generator > $(DESTDIR)$(GENERATORDIR)/sockgate-generator
	chmod 755 $(DESTDIR)$(GENERATORDIR)/sockgate-generator
	install -D -m 644 src/sockgate/catalog/sockgate.catalog $(DESTDIR)$(CATALOGDIR)/sockgate.catalog
	for example in $(EXAMPLES); do install -D -m 644 src/sockgate/$$example $(DESTDIR)$(EXAMPLEDIR)/$$example; done
	mkdir -p $(addprefix $(DESTDIR),$(BASHDIR) $(ZSHDIR) $(FISHDIR))
	PYTHONPATH=src $(PYTHON) -B -m sockgate.ctl.completion $(addprefix $(DESTDIR),$(BASHDIR) $(ZSHDIR) $(FISHDIR)) $(COMPLETED)
	if command -v $(SCDOC) > /dev/null; then
		for page in $(PAGES); do
			mkdir -p $(DESTDIR)$(MANDIR)/man$${page##*.}
			$(SCDOC) < src/sockgate/man/$$page.scd > $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page
		done
	else
		echo "no manual pages: install the package scdoc, then repeat 'make install'"
	fi
	[ '$(DESTDIR)' ] || $(PYTHON) -c 'import systemd.journal' 2> /dev/null ||
		echo "no sockgatectl log and report yet: install the package python3-systemd"
	$(RELOAD)

# On the running machine, the sockets are stopped first: a port with no server behind it must not stay open. Sessions go
# on. Units that the administrator wrote or converted stay; uninstall names them.
uninstall:  ## take away what install brought
	if [ -z '$(DESTDIR)' ] && [ -d /run/systemd/system ]; then
		for unit in $(filter %.socket,$(UNITS)); do
			[ -e $(UNITDIR)/$$unit ] || continue
			systemctl --quiet disable --now $$unit
			systemctl reset-failed $$unit 2> /dev/null || true
		done
		[ ! -e $(UNITDIR)/sockgate-inetd.path ] || systemctl --quiet disable --now sockgate-inetd.path sockgate-inetd.service
		[ ! -e $(LIBDIR)/stop-gates ] || $(LIBDIR)/stop-gates --generated
		! units=$$(grep -ls '$(SBINDIR)/sockgate' /etc/systemd/system/*.service) ||
			echo "without their gate now:" $$units
	fi
	rm -f $(addprefix $(DESTDIR),$(SBINDIR)/sockgate $(SBINDIR)/sockgated $(SBINDIR)/sockgate-builtin $(BINDIR)/sockgatectl)
	rm -f $(addprefix $(DESTDIR)$(GENERATORDIR)/,sockgate-generator sockgate-inetd-generator)
	rm -f $(addprefix $(DESTDIR)$(UNITDIR)/,$(UNITS))
	rm -f $(foreach page,$(PAGES),$(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(page))
	rm -f $(DESTDIR)$(CATALOGDIR)/sockgate.catalog $(DESTDIR)$(PRESETDIR)/80-sockgate.preset
	rm -f $(foreach program,$(COMPLETED),$(addprefix $(DESTDIR),$(BASHDIR)/$(program) $(ZSHDIR)/_$(program) $(FISHDIR)/$(program).fish))
	rm -rf $(DESTDIR)$(LIBDIR) $(DESTDIR)$(EXAMPLEDIR)
	rmdir --ignore-fail-on-non-empty $(dir $(DESTDIR)$(EXAMPLEDIR)) 2> /dev/null || true
	$(RELOAD)

# On the running machine, systemd must read the units and messages anew. In a package, its scripts do that.
RELOAD = $(if $(DESTDIR),,[ ! -d /run/systemd/system ] || { systemctl daemon-reload && journalctl --update-catalog; })

# VERSION= for a build of your own between two releases.
DIST = dist
COMMITTED = $(shell echo $${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2> /dev/null || date +%s)})
deb:  ## a Debian package into dist/, without root
rpm:  ## a package for the Fedora and openSUSE families into dist/, without root
arch:  ## a package for Arch into dist/, not as root
deb rpm arch:
	src/packaging/build $@ '$(VERSION)' '$(COMMITTED)'


dist: venv  ## a wheel and a source distribution into dist/
	rm -f $(DIST)/sockgate-*.whl $(DIST)/sockgate-*.tar.gz
	SOURCE_DATE_EPOCH=$(COMMITTED) .venv/bin/python -m hatchling build -d $(DIST)

test: setup check test-unit test-pythons test-oracles test-system  ## everything, set-up included; as root it boots systemd 252, 257 and 262 in containers

UNIT_TESTS = $(addprefix --ignore=tests/,system differential packaging bench)
# Each of the workers compiles all tests, unless their bytecode may be written.
test-unit: build venv  ## no root and no oracles, under a minute: what a laptop runs between two edits
	PYTHONDONTWRITEBYTECODE= .venv/bin/pytest -q -n 4 --dist worksteal tests $(UNIT_TESTS)

test-pythons: venv  ## the unit tests under the Pythons of newer Debian releases, 3.13 and 3.14, as root
	.venv/bin/python -m tests.system.pythons -- -n 2 --dist worksteal

coverage: build venv  ## which lines the unit tests reach, by module
	.venv/bin/pip install -q --disable-pip-version-check 'coverage>=7.10'
	rm -rf build/coverage
	mkdir -p build/coverage
	.venv/bin/coverage run -m pytest -q -n 2 --dist worksteal tests $(UNIT_TESTS)
	.venv/bin/coverage combine -q
	.venv/bin/coverage report --sort=cover

# `make diff` tries many more cases.
test-oracles: build venv  ## every dialect against the program that it came from, and the packages
	.venv/bin/pytest -q -n 2 tests/differential tests/packaging

test-system: build venv  ## whole machines with a real systemd, as root; one worker for each test file and release
	.venv/bin/pytest -q -n 2 --dist loadgroup --no-loadscope-reorder tests/system

# On each release: 20 restarts and 20 SIGKILLs, 5,000 sessions at once, 200,000 connections, bursts of a minute.
# `make test` runs the same in small. PART= for some of it, such as PART='trixie and no_client_is_lost'. No test of it takes
# two minutes.
PART =
soak: build venv attack  ## sockgated under load for half an hour, as root
	SOCKGATE_LOAD=full .venv/bin/pytest -q -s tests/system/test_load.py $(if $(PART),-k '$(PART)')

SEED = $(shell date +%s)
# For each engine; the first line of the output has the seed. ENGINE=resident, proxied, timed or connection.
SECONDS = 60
ENGINE =
attack: build venv  ## random faults against both engines under load, as root: SECONDS=, SEED=
	.venv/bin/python -m tests.attack.run --seconds $(SECONDS) --seed $(SEED) $(addprefix --engine ,$(ENGINE))

# 2,000 connections of each engine on each release.
log-sessions: build venv  ## how far the durations of sockgatectl log are from those that the clients saw
	SOCKGATE_LOG_SESSIONS=2000 .venv/bin/pytest -q -s tests/system/test_log.py -k agrees

# The first line of the output has the seed.
diff: build venv  ## 20,000 cases of each dialect against the program that it came from; SEED= for the same again
	seed=$(SEED)
	echo "seed $$seed"
	SOCKGATE_DIFF=full SOCKGATE_DIFF_SEED=$$seed .venv/bin/pytest -q -n 2 tests/differential

RUNS = 200000
TARGETS =
fuzz: venv  ## every parser, guided by coverage; RUNS= inputs each, TARGETS= for some of them
	.venv/bin/pip install -q --disable-pip-version-check -r tests/fuzz/requirements.txt
	PYTHONPATH=src .venv/bin/python -m tests.fuzz.run --runs $(RUNS) $(TARGETS)
fuzz-verify: build venv  ## show systemd-analyze what the converter makes of each input that fuzzing kept
	PYTHONPATH=src .venv/bin/python -m tests.fuzz.verify $(TARGETS)
fuzz-keep: venv  ## add to tests/fuzz/corpus what fuzzing found and no input there reaches
	PYTHONPATH=src .venv/bin/python -m tests.fuzz.keep $(TARGETS)

# Real configurations belong to their authors. They stay outside this tree.
CORPUS = $(or $(SOCKGATE_CORPUS),../shared/corpus)
corpus: build  ## convert every file of a folder of real configurations: CORPUS=
	$(PYTHON) -m tests.convert.wild '$(CORPUS)'

check: venv  ## lint and types
	.venv/bin/ruff check src tests
	.venv/bin/ruff format --check src tests
	.venv/bin/mypy

setup:  ## install the Debian packages that the tests need, as root
	tests/setup system
venv:  ## the checkers, into .venv
	tests/setup venv

# Such as BENCH='--only sockgated'.
BENCH =
bench: setup build venv  ## sockgated against the programs that it replaces, in a booted machine; BENCH= for options
	.venv/bin/python -m tests.bench.rates $(BENCH)
bench-moved: setup build venv  ## each old program beside what convert makes of it, in booted machines; BENCH= for options
	.venv/bin/python -m tests.bench.moved $(BENCH)
bench-gate: build  ## CPU of one gated connection against a bare interpreter
	$(PYTHON) tests/bench/gate.py
# The journal takes half a minute to make.
bench-log: build  ## reading a journal of 200,000 connections
	$(PYTHON) tests/bench/log.py
bench-convert: build  ## what a conversion costs
	$(PYTHON) tests/bench/convert.py
bench-inetd: build venv  ## CPU of sockgate-inetd's generator and of sync, in booted machines
	.venv/bin/pytest -q -s tests/system/test_superserver.py -k 'needs_and_serves_nothing or forty'
bench-rules: build  ## what the size of a rules file costs
	$(PYTHON) -m tests.bench.rules
bench-proxied: build venv  ## CPU of a client behind a proxy against one that comes by itself
	.venv/bin/python -m tests.bench.proxied
bench-flood: setup build venv  ## refused clients per second, and the wait of a good one meanwhile; BENCH= for options
	.venv/bin/python -m tests.bench.flood $(BENCH)
# Such as SANDBOX='--release trixie --service smtp --each', which measures every setting by itself.
SANDBOX =
bench-sandbox: setup build venv  ## what the sandboxes of the per-connection units cost, in booted machines; SANDBOX= for options
	.venv/bin/python -m tests.bench.sandbox $(SANDBOX)

clean:  ## remove what the targets above made
	rm -rf build $(DIST) .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -prune -exec rm -rf {} +
