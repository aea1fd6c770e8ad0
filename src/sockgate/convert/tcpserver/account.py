"""The user and groups of the server: tcpserver's -u, -g and -U, and setuidgid and chpst in front of it or behind it."""

from dataclasses import dataclass

from ...host.host import Host
from ..accounts import any_group, named_user, numbered_user
from ..chain.peeling import Chain
from ..input_files import ACCOUNT_MARK
from ..outcomes import Answer, approximated, blocked, translated
from ..report import Outcome
from .command_words import ACCOUNT, number_of, shown

Answers = list[tuple[str, Answer]]


@dataclass(frozen=True, slots=True)
class RunAs:
    """The values of User= and Group=. `clear_groups` if User= would add more groups."""

    user: str = ""
    group: str = ""
    clear_groups: bool = False


def run_as(host: Host, chain: Chain, inside: Chain, given: tuple[str, str, bool], answers: Answers) -> RunAs:
    """The last change counts: setuidgid in front, then tcpserver's own -u, -g and -U (given), then one behind it."""
    user, group, takes_variables = given
    if takes_variables:
        user, group = variables(chain, user, group, answers)
    if inside.user:
        return whole_account(host, inside, answers)
    if not (user or group):
        return whole_account(host, chain, answers)
    return of_options(host, user, group, answers)


def variables(chain: Chain, user: str, group: str, answers: Answers) -> tuple[str, str]:
    """tcpserver -U: $UID and $GID replace -u and -g."""
    if chain.uid_variables:
        name = chain.uid_variables
        return f"{ACCOUNT_MARK}u{name}{ACCOUNT_MARK}", f"{ACCOUNT_MARK}g{name}{ACCOUNT_MARK}"
    answers.append(("-U", blocked("$UID and $GID are not set by envuidgid in front of it; write -u and -g")))
    return user, group


def whole_account(host: Host, chain: Chain, answers: Answers) -> RunAs:
    """setuidgid and chpst: the account by name, with only its own group or the given one. sudo keeps all groups."""
    user, group = chain.user, chain.group
    if not user:
        return RunAs()
    found, answer = numbered_user(user) if user.isdigit() else named_user(host, user)
    if answer.blocks:
        answers.append((user, answer))
    group = group or found.group
    if group and group != found.group:
        group, answer = any_group(host, group)
        if answer.blocks:
            answers.append((group, answer))
    if chain.keeps_groups:
        return RunAs(found.user, group)
    return without_further_groups(host, found.user, group, answers)


def of_options(host: Host, user: str, group: str, answers: Answers) -> RunAs:
    """-u and -g: numbers, or `id -u NAME` and `id -g NAME`."""
    name, own_group = resolve(host, "-u", user, answers)
    if user and not group:
        text = "without -g the group stayed root; it is the user's own now"
        answers.append((f"-u {shown([user])}", approximated(text)))
        return without_further_groups(host, name, own_group, answers)
    wanted = ACCOUNT.fullmatch(group)
    if wanted and wanted[1] == "g" and (wanted[2] == name or host.account(name) == host.user(wanted[2])):
        answers.append((f"-g {shown([group])}", translated(text="the user's own group")))
        return without_further_groups(host, name, own_group, answers)
    number = number_of(host, group)
    answers.append((f"-g {shown([group])}", unknown_group(number) or any_group(host, number)[1]))
    return without_further_groups(host, name, any_group(host, number)[0], answers)


def unknown_group(number: str) -> Answer | None:
    if ACCOUNT_MARK in number:
        return blocked("this group is not known on this machine; write its number")
    return None


def resolve(host: Host, letter: str, word: str, answers: Answers) -> tuple[str, str]:
    """The value of User=, and of Group= if User= alone would not give the account's own group."""
    if not word:
        return "", ""
    named = ACCOUNT.fullmatch(word)
    if named and named[1] == "u":
        found, answer = named_user(host, named[2])
    elif number_of(host, word).isdigit():
        found, answer = numbered_user(number_of(host, word))
    else:
        found, answer = named_user(host, word)
        if not (answer.blocks or answer.outcome is Outcome.BROKEN):
            text = "by name; tcpserver 0.88 takes numbers only, and stayed root"
            answer = approximated(text, *answer.became)
    answers.append((f"{letter} {shown([word])}", answer))
    known = host.account(found.user) if found.user.isdigit() else None
    return found.user, str(known.pw_gid) if known else found.group


def without_further_groups(host: Host, user: str, group: str, answers: Answers) -> RunAs:
    """Whether to clear groups: tcpserver -g, setuidgid and chpst leave one group, but User= adds all of the user's."""
    account = host.account(user) if user else None
    if user.isdigit() and account is None and group:
        answers.append((user, translated("setpriv", text="no account has this number, and User= takes only accounts")))
        return RunAs(user, group, clear_groups=True)
    further = host.further_groups(account) if account else []
    if account is None or not [number for number in further if number != group]:
        return RunAs(user, group)
    answers.append((user, translated("setpriv --clear-groups", text=f"without the groups {' '.join(further)}")))
    return RunAs(user, group or str(account.pw_gid), clear_groups=True)
