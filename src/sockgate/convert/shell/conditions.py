"""test(1), [ ] and bash's [[ ]]. A test of a file is a question to this machine; its answer is recorded."""

import operator
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass

from ..input_files import UNKNOWN, Place
from .expansion import matches
from .findings import Question, is_secret
from .runner import Call, Runner
from .syntax import BashTest, Dialect, Joined, Negation, Primary, Test

FALSE, WRONG = 1, 2  # the status of a test that fails, and of words that are no test


def has_mode(test: Callable[[int], bool]) -> Callable[[str], bool]:
    return lambda path: os.path.exists(path) and test(os.stat(path).st_mode)


# Each test of a file, with the text of its answer if it succeeds and if it fails.
FILE_TESTS: dict[str, tuple[Callable[[str], bool], str, str]] = {
    "-e": (os.path.exists, "it exists", "there is nothing of that name"),
    "-a": (os.path.exists, "it exists", "there is nothing of that name"),
    "-f": (os.path.isfile, "it is a file", "there is no such file"),
    "-d": (os.path.isdir, "it is a folder", "there is no such folder"),
    "-x": (lambda path: os.access(path, os.X_OK), "it can be executed", "it cannot be executed"),
    "-r": (lambda path: os.access(path, os.R_OK), "it can be read", "it cannot be read"),
    "-w": (lambda path: os.access(path, os.W_OK), "it can be written", "it cannot be written"),
    "-s": (
        lambda path: os.path.exists(path) and os.path.getsize(path) > 0,
        "it is not empty",
        "it is empty or not there",
    ),
    "-L": (os.path.islink, "it is a link", "it is no link"),
    "-h": (os.path.islink, "it is a link", "it is no link"),
    "-p": (has_mode(stat.S_ISFIFO), "it is a pipe", "it is no pipe"),
    "-S": (has_mode(stat.S_ISSOCK), "it is a socket", "it is no socket"),
    "-b": (has_mode(stat.S_ISBLK), "it is a device", "it is no device"),
    "-c": (has_mode(stat.S_ISCHR), "it is a device", "it is no device"),
}
NUMBER_TESTS: dict[str, Callable[[int, int], bool]] = {
    "-eq": operator.eq, "-ne": operator.ne, "-lt": operator.lt, "-le": operator.le, "-gt": operator.gt,
    "-ge": operator.ge,
}  # fmt: skip
STRING_TESTS: dict[str, Callable[[str, str], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
UNDECIDED = frozenset(("-nt", "-ot", "-ef", "=~"))  # of two files or by a pattern that is not read here
UNARY = frozenset((*FILE_TESTS, "-n", "-z", "-t", "-u", "-g", "-k", "-O", "-G", "-v", "-o")) - {"-a", "-o"}
WHOLE_NUMBER = re.compile(r"\s*[-+]?\d{1,18}\s*", re.ASCII)


class NoTest(Exception):
    """The words are no test. The shell reports an error and goes on, with status 2."""


def test(runner: Runner, call: Call) -> int | None:
    """[ and test."""
    words = call.arguments
    if call.name == "[":
        if words[-1:] != ["]"]:
            return WRONG
        words = words[:-1]
    if not words:
        return FALSE
    shown = runner.state.told(call.words, call.keys)
    evaluation = Evaluation(runner, call.place, words, shown)
    try:
        result = evaluation.either()
        if evaluation.at < len(words):
            raise NoTest
    except NoTest:
        if not any(UNKNOWN in word for word in words):
            runner.state.doubt(call.place, shown, f"{runner.state.dialect} takes this for no test: it fails")
            return WRONG
        result = None
    return status_of(depends(runner, call, shown, result))


def status_of(result: bool | None) -> int | None:
    return None if result is None else int(not result)


def depends(runner: Runner, call: Call, shown: str, result: bool | None) -> bool | None:
    """The result of a test. If its words contain answers of this machine, the test is a question itself."""
    if result is None or not runner.state.may_be_otherwise(call.all_keys):
        return result
    answer = "it is so" if result else "it is not so"
    shown = shown.replace(UNKNOWN, "?")
    return runner.state.ask(Question(f"test {call.place} {shown}", call.place, shown, answer, 1), result, not result)


def file_test(runner: Runner, place: Place, sign: str, path: str) -> bool | None:
    """The answer of this machine about a file. None if it is not known."""
    look, yes, no = FILE_TESTS[sign]
    whole = runner.state.path_of(path)
    try:
        here = look(whole) if path else False
    except (ValueError, OSError):
        return None
    question = Question(f"{sign} {whole}", place, f"[ {sign} {path} ]", yes if here else no, 1,
                        is_secret=is_secret(whole))  # fmt: skip
    return runner.state.ask(question, here, not here)


def unary(runner: Runner, place: Place, sign: str, text: str) -> bool | None:
    if sign == "-t":
        return False  # a service has no terminal
    if UNKNOWN in text:
        return None
    if sign in ("-n", "-z"):
        return bool(text) == (sign == "-n")
    if sign == "-v":
        return None if runner.state.more_set else text in runner.state.variables
    return file_test(runner, place, sign, text) if sign in FILE_TESTS else None


def binary(dialect: Dialect, left: str, sign: str, right: str) -> bool | None:
    """Compare two words. None if the result is not known. Raises NoTest if a number is expected and there is none."""
    if sign == "==":
        if dialect is Dialect.DASH:
            raise NoTest
        sign = "="
    if sign in UNDECIDED or UNKNOWN in left + right:
        return None
    if sign in STRING_TESTS:
        return STRING_TESTS[sign](left, right)
    if not (WHOLE_NUMBER.fullmatch(left) and WHOLE_NUMBER.fullmatch(right)):
        raise NoTest
    return NUMBER_TESTS[sign](int(left), int(right))


def is_binary(word: str) -> bool:
    return word in NUMBER_TESTS or word in STRING_TESTS or word in UNDECIDED or word == "=="


def either(left: bool | None, right: bool | None) -> bool | None:
    """The logical or. None stands for a value that is not known."""
    return True if True in (left, right) else None if None in (left, right) else False


def both(left: bool | None, right: bool | None) -> bool | None:
    return False if False in (left, right) else None if None in (left, right) else True


def negated(result: bool | None) -> bool | None:
    return None if result is None else not result


@dataclass(slots=True)
class Evaluation:
    """The evaluation of the words between [ and ], from left to right."""

    runner: Runner
    place: Place
    words: list[str]
    shown: str
    at: int = 0

    def rest(self) -> list[str]:
        return self.words[self.at :]

    def either(self) -> bool | None:
        result = self.both()
        while self.rest()[:1] == ["-o"]:
            self.at += 1
            result = either(result, self.both())
        return result

    def both(self) -> bool | None:
        result = self.negation()
        while self.rest()[:1] == ["-a"]:
            self.at += 1
            result = both(result, self.negation())
        return result

    def negation(self) -> bool | None:
        rest = self.rest()
        if rest[:1] == ["!"] and len(rest) > 1 and not (len(rest) > 2 and is_binary(rest[1])):
            self.at += 1
            return negated(self.negation())
        return self.primary()

    def primary(self) -> bool | None:
        rest = self.rest()
        if len(rest) > 2 and is_binary(rest[1]):
            self.at += 3
            return binary(self.runner.state.dialect, rest[0], rest[1], rest[2])
        if rest[:1] == ["("] and len(rest) > 2:
            self.at += 1
            result = self.either()
            if self.rest()[:1] != [")"]:
                raise NoTest
            self.at += 1
            return result
        if len(rest) > 1 and rest[0] in UNARY:
            self.at += 2
            return unary(self.runner, self.place, rest[0], rest[1])
        if not rest:
            raise NoTest
        self.at += 1
        return None if UNKNOWN in rest[0] else bool(rest[0])


# --- [[ ]]


def bash_test(runner: Runner, command: BashTest, place: Place) -> int | None:
    """The status of [[ ]]. Words are not split. && and || stop early, as in a list of commands."""
    try:
        return status_of(evaluate(runner, command.test, place))
    except NoTest:
        return WRONG


def evaluate(runner: Runner, tree: Test, place: Place) -> bool | None:
    match tree:
        case Negation(below):
            return negated(evaluate(runner, below, place))
        case Joined(sign, left, right):
            first = evaluate(runner, left, place)
            if first is (sign == "||"):
                return first
            second = evaluate(runner, right, place)
            return either(first, second) if sign == "||" else both(first, second)
        case Primary():
            return primary(runner, tree, place)


def primary(runner: Runner, tree: Primary, place: Place) -> bool | None:
    before, runner.state.touched = runner.state.touched, set()
    texts = [runner.text(word.pieces, place) for word in tree.words]
    keys = frozenset(runner.state.touched)
    runner.state.touched |= before
    call = Call(texts, [keys] * len(texts), {}, {}, place)
    shown = f"[[ {runner.state.told(call.words, call.keys)} ]]"
    match texts:
        case [text]:
            return depends(runner, call, shown, None if UNKNOWN in text else bool(text))
        case [sign, text] if sign in UNARY:
            return depends(runner, call, shown, unary(runner, place, sign, text))
        case [left, "=" | "==" | "!=" as sign, right]:
            found = matches(left, runner.pattern(tree.words[2], place))
            result = None if found is None or UNKNOWN in right else found == (sign != "!=")
            return depends(runner, call, shown, result)
        case [left, sign, right] if is_binary(sign):
            return depends(runner, call, shown, binary(Dialect.BASH, left, sign, right))
    return None
