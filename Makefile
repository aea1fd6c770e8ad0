# sockgate: build, install, test.
#
#   make run                                   serve SMTP on 127.0.0.1:2525, to try it; PORT= for another
#   sudo make install                          into /usr/local, where systemd looks for units as well
#   make install PREFIX=/usr DESTDIR=/tmp/pkg  for a package, with BYTECODE=no if it compiles the modules itself
#   make deb, make dist                        a Debian package; a wheel and a source distribution: into dist/
#   make test                                  everything, set-up included; make test-unit needs no root

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
PLACEHOLDERS = PYTHON SBINDIR BINDIR LIBDIR QMAILDIR COURIERLIBDIR COURIERCONFDIR IMAPD COURIERTLS STUNNEL
SUBSTITUTE = sed $(foreach name,$(PLACEHOLDERS),-e 's|@$(name)@|$($(name))|g')

MODULES = $(shell cd src && find sockgate -name '*.py' -not -path 'sockgate/demo/*' -o -name '*.css')
PAGES = $(notdir $(basename $(wildcard src/sockgate/man/*.scd)))
# The programs whose options the shells complete.
COMPLETED = sockgate sockgated sockgatectl
# What is for another program's configuration, which is the administrator's to change.
EXAMPLES = $(patsubst src/sockgate/%,%,$(wildcard src/sockgate/fail2ban/*/*.conf src/sockgate/stunnel/*.conf))
UNITS = $(patsubst units/%,%,$(wildcard units/*.socket units/*.service))
# What an older systemd would not understand. sockgate-generator links it into place at every boot and daemon-reload of
# one that does, so that one package serves all of them, and an upgrade of systemd needs no other.
DROP_INS = $(patsubst units/%,%,$(wildcard units/*.d/*.conf))
DROPINDIR = $(LIBDIR)/drop-ins

SHELL = /bin/bash
.SHELLFLAGS = -euo pipefail -c
.ONESHELL:
.NOTPARALLEL:
.SILENT:
.PHONY: build run install uninstall deb dist test test-unit test-oracles test-system soak diff corpus log-sessions fuzz fuzz-keep fuzz-verify check setup venv bench bench-gate bench-log bench-convert bench-rules bench-proxied clean

build:
	mkdir -p build/bin
	$(call launchers,build/bin,build/bin,$(CURDIR)/src)
	launcher build/bin/sockgate-xinetd-generator generator -IS
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

# SMTP through a gate, for a look: no root, no systemd.
PORT = 2525
run: build
	exec build/bin/sockgate-demo --port '$(PORT)'

install:
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
	launcher $(DESTDIR)$(GENERATORDIR)/sockgate-xinetd-generator generator -IS
	for unit in $(UNITS); do $(SUBSTITUTE) units/$$unit > $(DESTDIR)$(UNITDIR)/$$unit; done
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
	[ '$(DESTDIR)' ] || $(PYTHON) -c 'import systemd.daemon' 2> /dev/null ||
		echo "no sockgated and no sockgatectl log yet: install the package python3-systemd"
	$(RELOAD)

# On the running machine no port may stay open behind which nothing starts any more; sessions go on. Units that the
# administrator wrote or converted are his: he is told of them.
uninstall:
	if [ -z '$(DESTDIR)' ] && [ -d /run/systemd/system ]; then
		for unit in $(filter %.socket,$(UNITS)); do
			[ ! -e $(UNITDIR)/$$unit ] || systemctl --quiet disable --now $$unit
		done
		! units=$$(grep -ls '$(SBINDIR)/sockgate' /etc/systemd/system/*.service) ||
			echo "without their gate now:" $$units
	fi
	rm -f $(addprefix $(DESTDIR),$(SBINDIR)/sockgate $(SBINDIR)/sockgated $(SBINDIR)/sockgate-builtin $(BINDIR)/sockgatectl)
	rm -f $(addprefix $(DESTDIR)$(GENERATORDIR)/,sockgate-generator sockgate-xinetd-generator)
	rm -f $(addprefix $(DESTDIR)$(UNITDIR)/,$(UNITS))
	rm -f $(foreach page,$(PAGES),$(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(page))
	rm -f $(DESTDIR)$(CATALOGDIR)/sockgate.catalog
	rm -f $(foreach program,$(COMPLETED),$(addprefix $(DESTDIR),$(BASHDIR)/$(program) $(ZSHDIR)/_$(program) $(FISHDIR)/$(program).fish))
	rm -rf $(DESTDIR)$(LIBDIR) $(DESTDIR)$(EXAMPLEDIR)
	rmdir --ignore-fail-on-non-empty $(dir $(DESTDIR)$(EXAMPLEDIR)) 2> /dev/null || true
	$(RELOAD)

# On the running machine systemd must read the units and messages anew; a package's own scripts do that.
RELOAD = $(if $(DESTDIR),,[ ! -d /run/systemd/system ] || { systemctl daemon-reload && journalctl --update-catalog; })

# Without root, into dist/. DEB_VERSION= for a build of your own between two releases.
DEB_VERSION = $(subst .dev,~dev,$(VERSION))
DEB_BUILD = build/deb
DEB_TREE = $(DEB_BUILD)/sockgate-$(DEB_VERSION)
DIST = dist
DEB_TOOLS = dpkg-buildpackage dh dh_python3 scdoc
DEB_SOURCES = Makefile README.md CHANGELOG.md LICENSE src units
COMMITTED = $(shell echo $${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2> /dev/null || date +%s)})
deb:
	for tool in $(DEB_TOOLS); do
		command -v $$tool > /dev/null || {
			echo "make deb: unable to find $$tool (try: apt-get install dpkg-dev debhelper dh-python scdoc)" >&2
			exit 1
		}
	done
	rm -rf $(DEB_BUILD)
	mkdir -p $(DEB_TREE) $(DIST)
	tar --exclude=__pycache__ --mode=u+w,go=rX -cf - $(DEB_SOURCES) | tar -C $(DEB_TREE) -xf -
	cp -r $(DEB_TREE)/src/debian $(DEB_TREE)/debian
	maintainer=$$(sed -n 's/^Maintainer: //p' $(DEB_TREE)/debian/control)
	$(PYTHON) src/debian/changelog.py CHANGELOG.md $(DEB_VERSION) "$$maintainer" $(COMMITTED) > $(DEB_TREE)/debian/changelog
	build() { cd $(DEB_TREE) && SOURCE_DATE_EPOCH=$(COMMITTED) dpkg-buildpackage --build=binary --no-sign; }
	(build) > $(DEB_BUILD)/log 2>&1 || { tail -40 $(DEB_BUILD)/log >&2; exit 1; }
	mv $(DEB_BUILD)/sockgate_$(DEB_VERSION)_all.deb $(DIST)/
	echo $(DIST)/sockgate_$(DEB_VERSION)_all.deb

# A wheel and a source distribution, into dist/, without the network.
dist: venv
	rm -f $(DIST)/sockgate-*.whl $(DIST)/sockgate-*.tar.gz
	SOURCE_DATE_EPOCH=$(COMMITTED) .venv/bin/python -m hatchling build -d $(DIST)

test: setup check test-unit test-oracles test-system

# No root and no oracles: what a laptop runs between two edits.
test-unit: build venv
	.venv/bin/pytest -q -n 4 --dist worksteal tests $(addprefix --ignore=tests/,system differential packaging bench)

# The dialects against the programs they came from (`make diff` for many more cases), the packages against what their
# tools say of them.
test-oracles: build venv
	.venv/bin/pytest -q -n 2 tests/differential tests/packaging

# One worker for each release, side by side.
test-system: build venv
	.venv/bin/pytest -q -n 2 --dist loadgroup tests/system

# sockgated under load for a quarter of an hour, as root: 20 restarts and 20 SIGKILLs, 5,000 sessions at once, 200,000
# connections, bursts of a minute, on each release. `make test` runs the same in small. PART= for some of it, such as
# PART='trixie and nobody_is_lost': none of its tests takes two minutes.
PART =
soak: build venv
	SOCKGATE_LOAD=full .venv/bin/pytest -q -s tests/system/test_load.py $(if $(PART),-k '$(PART)')

# sockgatectl log against the clients of 2,000 connections of each engine on each release: how far their durations are apart.
log-sessions: build venv
	SOCKGATE_LOG_SESSIONS=2000 .venv/bin/pytest -q -s tests/system/test_log.py -k agrees

# Every dialect against the program it came from, 20,000 cases each; the same again with SEED= from the first line.
SEED = $(shell date +%s)
diff: build venv
	seed=$(SEED)
	echo "seed $$seed"
	SOCKGATE_DIFF=full SOCKGATE_DIFF_SEED=$$seed .venv/bin/pytest -q -n 2 tests/differential

# Every parser, guided by coverage; RUNS= for more than 200,000 inputs each, TARGETS= for some of them.
RUNS = 200000
TARGETS =
fuzz: venv
	.venv/bin/pip install -q --disable-pip-version-check -r tests/fuzz/requirements.txt
	PYTHONPATH=src .venv/bin/python -m tests.fuzz.run --runs $(RUNS) $(TARGETS)
# What the converter makes of each input that fuzzing kept, shown to systemd-analyze verify.
fuzz-verify: build venv
	PYTHONPATH=src .venv/bin/python -m tests.fuzz.verify $(TARGETS)
# What reaches a line that no input of tests/fuzz/corpus does, joins it.
fuzz-keep: venv
	PYTHONPATH=src .venv/bin/python -m tests.fuzz.keep $(TARGETS)

# What becomes of every file in a folder of real configurations; they stay outside this tree.
CORPUS = $(or $(SOCKGATE_CORPUS),../shared/corpus)
corpus: build
	$(PYTHON) -m tests.convert.wild '$(CORPUS)'

check: venv
	.venv/bin/ruff check src tests
	.venv/bin/ruff format --check src tests
	.venv/bin/mypy

setup:
	tests/setup system
venv:
	tests/setup venv

# sockgated against the programs that it replaces, in a booted machine; BENCH= for options, such as '--only sockgated'.
BENCH =
bench: setup build venv
	.venv/bin/python -m tests.bench.rates $(BENCH)
bench-gate: build
	$(PYTHON) tests/bench/gate.py
# Over a journal of 200,000 connections, which takes half a minute to make.
bench-log: build
	$(PYTHON) tests/bench/log.py
bench-convert: build
	$(PYTHON) tests/bench/convert.py
bench-rules: build
	$(PYTHON) -m tests.bench.rules
bench-proxied: build venv
	.venv/bin/python -m tests.bench.proxied

clean:
	rm -rf build $(DIST) .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -prune -exec rm -rf {} +
