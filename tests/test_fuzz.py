"""A short slice of the fuzzing of every parser; a million inputs each are tried by ``tests/soak.py --only fuzz``."""

from __future__ import annotations

import os

import pytest

from tests.fuzz import TARGETS, Target, fuzz

INPUTS = {"excel": 40, "config": 40, "content": 60}
"""Of the slow ones; of the others 600."""


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_spoilt_is_refused_by_name_or_holds(name: str) -> None:
    seed = int.from_bytes(os.urandom(3), "big")
    tried = fuzz(TARGETS[name], INPUTS.get(name, 600), seed)
    assert tried.refused + tried.accepted == INPUTS.get(name, 600)
    assert tried.accepted, "the seeds themselves are good"


@pytest.mark.parametrize("fault", ["crash", "accept"])
def test_a_fault_of_a_parser_is_found_and_told_with_its_seed(fault: str) -> None:
    def faulty(data: bytes) -> bool:
        if b"b" not in data:
            if fault == "crash":
                raise KeyError("b")
            raise AssertionError("accepted without b")
        return True

    with pytest.raises(AssertionError, match=r"planted, seed 7, input \d+"):
        fuzz(Target("planted", lambda: [b"abc"], faulty), 1_000, 7)
