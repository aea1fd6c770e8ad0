"""The same script with other answers of this machine: first one other answer, then two, and so on."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from .findings import Question
from .state import State

MOST_WORLDS = 200
MOST_COMMANDS = 5000  # of all worlds together
World = Mapping[str, int]  # by the key of a question: the number of the answer that is taken in place of this machine's


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The state of the script where these questions have other answers."""

    questions: tuple[Question, ...]
    state: State


@dataclass(frozen=True, slots=True)
class Explored:
    """What was tried. is_whole: no combination of answers is left."""

    elsewhere: tuple[Elsewhere, ...]
    is_whole: bool


def explore(base: State, evaluate: Callable[[World], State]) -> Explored:
    """Every combination of answers, as far as it can be afforded. A question that needs another answer comes later."""
    known = dict(base.questions)
    waiting = deque(further({}, base))
    seen: set[frozenset[tuple[str, int]]] = set()
    found = []
    spent = 0
    while waiting and len(seen) < MOST_WORLDS and spent < MOST_COMMANDS:
        world = waiting.popleft()
        if frozenset(world.items()) in seen:
            continue
        seen.add(frozenset(world.items()))
        state = evaluate(world)
        spent += state.ran + 1
        known |= {key: question for key, question in state.questions.items() if key not in known}
        if all(key in state.questions for key in world):
            found.append(Elsewhere(tuple(known[key] for key in world), state))
            waiting.extend(further(world, state))
    return Explored(tuple(found), not waiting)


def further(world: World, state: State) -> Iterator[dict[str, int]]:
    """This world with one more answer that is another one."""
    for question in state.questions.values():
        if question.key not in world:
            yield from ({**world, question.key: number} for number in range(1, question.others + 1))
