"""The corpus of `make fuzz` through every target, as it is and cut, so that what was found once stays mended."""

from pathlib import Path

import pytest

from .targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
CUTS = 20  # of each input


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_of_the_corpus_is_taken_or_refused_in_order(name: str) -> None:
    inputs = sorted((CORPUS / name).iterdir())
    assert inputs, "a target without a corpus proves nothing"
    for path in inputs:
        data = path.read_bytes()
        for end in {len(data) * part // CUTS for part in range(CUTS + 1)}:
            TARGETS[name](data[:end])


def test_every_folder_of_the_corpus_has_its_target() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
