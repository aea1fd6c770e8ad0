"""From the files to the services that xinetd would run: includes, defaults, `+=` and `-=`, what is disabled.

Follows parse.c and confparse.c: some defaults reach only the services after them in the file, others reach all.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ..input_files import Place, Unreadable, is_mounted_early, names_in, read_text
from ..report import Entry, Outcome, Report
from .attributes import ATTRIBUTES, IN_DEFAULTS, IN_DEFAULTS_ONLY, Arity, suggestion
from .draft import Value
from .grammar import Block, Include, Problem, Setting, parse

# Copied from defaults when a service begins: they reach the services that follow.
COPIED_AT_START = ("only_from", "no_access", "banner", "banner_success", "banner_fail")
# For these, defaults are the start for a service's own `+=`. They reach every service without a value of its own.
COPIED_AND_FILLED = ("log_on_success", "log_on_failure", "passenv")
# These are filled in after all files were read: they reach all services.
FILLED_AT_END = ("instances", "per_source", "groups", "cps", "max_load", "bind", "v6only", "umask", "log_type")
# These take every operator in defaults, but only `=` in a service (parse.c).
LISTS_IN_DEFAULTS = ("log_type",)
SYNONYMS = {"interface": "bind"}
DEEPEST_INCLUDE = 20


Values = dict[str, Value]


@dataclass(slots=True)
class Candidate:
    """A service entry that was read completely. Nothing in it is checked yet."""

    name: str
    place: Place
    values: Values
    enabled_at: Place | None = None  # the list that names it, if there is one
    idle: tuple[Place, ...] = ()  # lines 'disable' that set nothing

    @property
    def id(self) -> str:
        return self.values["id"].word if "id" in self.values else self.name


@dataclass(slots=True)
class Configuration:
    """All that the files say, in order."""

    report: Report
    defaults: Values = field(default_factory=dict)
    candidates: list[Candidate] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    copied: list[tuple[Setting, int]] = field(default_factory=list)  # with the number of candidates before each
    is_cut: bool = False  # whether xinetd, started a moment later, might have read more

    def read(self, path: str, place: Place | None = None, depth: int = 0) -> None:
        """Read one file and the files that it includes.

        A file that cannot be read is reported; the others still count.
        """
        if depth > DEEPEST_INCLUDE:
            self.refuse(place or Place(path, 0), f"include {path}", "files include each other without end")
            return
        try:
            text = read_text(path)
        except Unreadable as error:
            self.is_cut |= may_come(path)
            self.refuse(place or Place(path, 0), path, f"unable to read {path!r}: {error}")
            return
        self.files.append(path)
        if "\r\n" in text:
            self.report.add(Outcome.IGNORED, Place(path, text[: text.index("\r\n")].count("\n") + 1), "", "line end",
                            "DOS line ends: xinetd takes the carriage return for a part of the last value; "
                            "remove them and convert again")  # fmt: skip
        for item in parse(text, path):
            if isinstance(item, Problem):
                self.drop("", item, item.text)
            elif isinstance(item, Include):
                self.include(item, depth)
            elif not item.is_defaults:
                self.add_service(item)
            else:
                self.add_defaults(item)

    def refuse(self, place: Place, what: str, text: str) -> None:
        self.report.add(Outcome.REFUSED, place, "", what, text)

    def include(self, item: Include, depth: int) -> None:
        if not item.is_folder:
            self.read(item.path, item.place, depth + 1)
            return
        try:
            names = names_in(item.path)
        except Unreadable as error:
            self.is_cut |= may_come(item.path)
            self.refuse(item.place, f"includedir {item.path}", f"unable to read {item.path!r}: {error}")
            return
        for name in names:
            path = f"{item.path}/{name}"
            if "." in name or name.endswith("~"):
                self.report_skipped(path)
            elif os.path.isfile(path) or not os.path.exists(path):  # a link that leads nowhere
                self.read(path, item.place, depth + 1)
            else:
                text = "includedir skips what is no regular file"
                self.report.add(Outcome.IGNORED, Place(path, 0), "", os.path.basename(path), text)

    def report_skipped(self, path: str) -> None:
        """Report a file that xinetd skips, if it was probably meant. Leftovers of packages (`.dpkg-dist`) are not."""
        if not os.path.isfile(path) or path.endswith(("~", ".dpkg-dist", ".dpkg-old", ".rpmnew", ".rpmsave", ".swp")):
            return
        if os.path.basename(path).startswith("."):
            return
        self.report.add(Outcome.IGNORED, Place(path, 0), "", os.path.basename(path),
                        "includedir skips names that contain a dot or end in '~'; "
                        "if it was meant to be read, rename it and convert again")  # fmt: skip

    def add_defaults(self, block: Block) -> None:
        for setting in block.settings:
            setting = renamed(setting)
            if setting.name not in IN_DEFAULTS:
                self.ignored("defaults", setting, misplaced(setting))
            elif self.applies("defaults", setting, self.defaults):
                apply(setting, self.defaults, additive=True)
                if setting.name in COPIED_AT_START:
                    self.copied.append((setting, len(self.candidates)))
        if block.problem:
            self.report.add(Outcome.IGNORED, block.problem.place, "defaults", block.problem.what, block.problem.text)

    def add_service(self, block: Block) -> None:
        """Collect an entry, unless it is disabled or cannot be read: then xinetd does not know it."""
        values = {name: inherit(self.defaults[name]) for name in COPIED_AT_START + COPIED_AND_FILLED
                  if name in self.defaults}  # fmt: skip
        noted = Report()
        idle: list[Place] = []
        for setting in block.settings:
            setting = renamed(setting)
            if not self.applies(block.name, setting, values, noted):
                idle += [setting.place] if setting.name == "disable" else []
                continue
            note_replaced(block.name, setting, values.get(setting.name), noted)
            apply(setting, values)
            if setting.name == "disable" and setting.value.lower() == "yes":
                self.report.add(Outcome.TRANSLATED, setting.place, block.name, str(setting), "disabled: no unit")
                return
        self.report.entries += noted.entries
        if block.problem:
            self.drop(block.name, block.problem, f"{block.problem.text}; xinetd drops the whole entry")
        else:
            self.candidates.append(Candidate(block.name, block.place, values, idle=tuple(idle)))

    def drop(self, service: str, problem: Problem, text: str) -> None:
        self.report.entries.append(Entry(Outcome.IGNORED, problem.place, service, problem.what, text=text, blocks=True))

    def ignored(self, service: str, setting: Setting, text: str, report: Report | None = None) -> None:
        (report or self.report).add(Outcome.IGNORED, setting.place, service, str(setting), text)

    def applies(self, service: str, setting: Setting, values: Values, report: Report | None = None) -> bool:
        """Whether xinetd accepts this line. If it only warns, report what was probably meant."""
        row = ATTRIBUTES.get(setting.name)
        if row is None or (setting.name in IN_DEFAULTS_ONLY and values is not self.defaults):
            self.ignored(
                service, setting, f"xinetd has no such attribute{suggestion(setting.name, setting.values)}", report
            )
            return False
        if not is_list(setting.name, in_defaults=values is self.defaults):
            previous = values.get(setting.name)
            if previous and not previous.inherited:
                self.ignored(service, setting, f"already set at {previous.place}: the first value stays", report)
                values[setting.name] = replace(previous, has_other=True)
                return False
            if setting.operator != "=":
                self.ignored(service, setting, f"{setting.name!r} takes '=' only, not {setting.operator!r}", report)
                return False
        if row.arity.count and len(setting.values) != row.arity.count:
            self.ignored(service, setting, miscounted(setting, row.arity.count), report)
            return False
        return True

    def running(self) -> Iterator[Candidate]:
        """The candidates that `enabled` and `disabled` leave, with the defaults that reach all services."""
        enabled, disabled = (self.names(which) for which in ("enabled", "disabled"))
        self.report_unreached()
        for candidate in self.candidates:
            if enabled is not None and candidate.id.lower() not in enabled:
                self.left_out(candidate, "enabled", "not in the list 'enabled': no unit")
            elif disabled is not None and candidate.id.lower() in disabled:
                self.left_out(candidate, "disabled", "in the list 'disabled': no unit")
            else:
                if enabled is not None:
                    candidate.enabled_at = self.defaults["enabled"].place
                self.fill(candidate)
                yield candidate

    def report_unreached(self) -> None:
        """Report lines of defaults that reach no service: xinetd copies them only to services that it reads later."""
        for setting, count in self.copied:
            before = [one.id for one in self.candidates[:count] if lacks(one, setting.name)]
            if before:
                text = f"it does not reach {', '.join(before)}: xinetd copies it to the services that it reads later"
                self.ignored("defaults", setting, text)
            elif count == len(self.candidates):
                self.ignored(
                    "defaults", setting, "it reaches no service: xinetd copies it to those that it reads later"
                )

    def names(self, which: str) -> set[str] | None:
        return {word.lower() for word in self.defaults[which].words} if which in self.defaults else None

    def left_out(self, candidate: Candidate, which: str, text: str) -> None:
        self.report.add(Outcome.TRANSLATED, self.defaults[which].place, candidate.id, f"service {candidate.name}", text)

    def fill(self, candidate: Candidate) -> None:
        for name in FILLED_AT_END + COPIED_AND_FILLED:
            own = candidate.values.get(name)
            if name in self.defaults and (own is None or own.inherited):
                candidate.values[name] = inherit(self.defaults[name])
            elif name in self.defaults and own:
                candidate.values[name] = replace(own, has_other=True)


def may_come(path: str) -> bool:
    """Whether a file that cannot be read now may be readable later: its file system may not be mounted yet.

    Without a file that is just not there, xinetd served the others, and so does the generator. Of one that is there and
    cannot be read (a failing disk, over 16 MiB), xinetd took what it could read. What the rest says is not known: its
    defaults may restrict all services, so none is served.
    """
    target = os.path.realpath(path)
    return os.path.lexists(target) or not is_mounted_early(target)


def lacks(candidate: Candidate, name: str) -> bool:
    """Whether the service has no value of its own for this attribute."""
    return name not in candidate.values or candidate.values[name].inherited


def renamed(setting: Setting) -> Setting:
    name = SYNONYMS.get(setting.name)
    return replace(setting, name=name, written=setting.name) if name else setting


def inherit(value: Value) -> Value:
    return Value(value.name, value.words, value.settings, inherited=True)


def is_list(name: str, *, in_defaults: bool) -> bool:
    return ATTRIBUTES[name].arity is Arity.LIST or (in_defaults and name in LISTS_IN_DEFAULTS)


def apply(setting: Setting, values: Values, *, additive: bool = False) -> None:
    """Apply one line. In defaults (`additive`) the `=` of a list means `+=`."""
    previous = values.get(setting.name)
    if previous is None or not is_list(setting.name, in_defaults=additive):
        removes = setting.operator == "-=" and ATTRIBUTES[setting.name].arity is Arity.LIST
        words = () if removes else setting.values
        values[setting.name] = Value(setting.name, words, (setting,))
    elif setting.operator == "-=" and setting.name not in ("enabled", "disabled"):
        kept = tuple(word for word in previous.words if word.lower() not in {w.lower() for w in setting.values})
        values[setting.name] = Value(setting.name, kept, (*previous.settings, setting), replaced=previous.replaced)
    elif setting.operator == "=" and not additive:
        replaced = () if previous.inherited else previous.replaced + previous.settings
        values[setting.name] = Value(setting.name, setting.values, (setting,), replaced=replaced)
    else:
        values[setting.name] = Value(
            setting.name, previous.words + setting.values, (*previous.settings, setting), replaced=previous.replaced
        )


def note_replaced(service: str, setting: Setting, previous: Value | None, report: Report) -> None:
    """Report a second `=` for a list in the same block: it deletes the values of the first."""
    if previous and not previous.inherited and setting.operator == "=" and previous.words != setting.values:
        last = previous.settings[-1]
        report.add(Outcome.IGNORED, last.place, service, str(last),
                   f"replaced by {setting.place}, where '=' starts the list anew; probably meant: "
                   f"{setting.name} += {' '.join(setting.values)}")  # fmt: skip


def misplaced(setting: Setting) -> str:
    if setting.name == "disable":
        return "in defaults it disables nothing; meant was 'disabled = ID...' here or 'disable = yes' in each service"
    if setting.name in ATTRIBUTES:
        return "not allowed in defaults, so it has no effect; it must stand in each service"
    return f"xinetd has no such attribute in defaults{suggestion(setting.name)}"


def miscounted(setting: Setting, count: int) -> str:
    wanted = "exactly one value" if count == 1 else f"exactly {count} values"
    text = f"takes {wanted} and got {len(setting.values)}, so the whole line has no effect"
    comment = next((at for at, word in enumerate(setting.values) if word.startswith("#")), None)
    if comment == count:
        meant = " ".join((setting.name, setting.operator, *setting.values[:count]))
        return f"{text}; a comment must stand on a line of its own; probably meant: {meant}"
    return text
