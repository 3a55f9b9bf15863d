"""Cells of popular tutorials do the same on PyTorch and, after the imports, on nbdl.torch.

Each file in cells/ is executed twice in an empty folder. What it prints must be the same text,
and what it leaves in ``result`` the same values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nbdl
from tests.torch.test_face import plain, same
from tests.torch.test_models import run, with_nbdl

CELLS = sorted((Path(__file__).parent / "cells").glob("*.py"))
WORDS = {"dtype=torch.": "dtype=", "Backward0>": ">"}
"""What nbdl says in fewer words."""

pytestmark = [pytest.mark.judge, pytest.mark.filterwarnings("ignore::nbdl.errors.MistakeWarning")]


@pytest.fixture(autouse=True)
def modes_of_before() -> Iterator[None]:
    """Cells set how the whole process computes; the tests that come after know nothing of it."""
    yield
    for framework in (nbdl, pytest.importorskip("torch")):
        framework.use_deterministic_algorithms(False)


def said(text: str) -> str:
    for theirs, ours in WORDS.items():
        text = text.replace(theirs, ours)
    return re.sub(r"torch\.Size\(\[(.*?)\]\)", r"(\1)", text)


@pytest.mark.parametrize("path", CELLS, ids=[p.stem for p in CELLS])
def test_a_cell_does_the_same_after_changing_its_imports(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # PyTorch's own test samples, once imported in this process, lock the flags of its backends.
    torch = pytest.importorskip("torch", reason="PyTorch, the judge, is not installed")
    flags = torch.backends.flags_frozen.__globals__
    monkeypatch.setitem(flags, "__allow_nonbracketed_mutation_flag", True)
    outcomes: list[tuple[Any, str]] = []
    for change in (str, with_nbdl):
        names = run(path, change)
        outcomes.append((plain(names["result"]), said(capsys.readouterr().out)))
    (theirs, their_words), (ours, our_words) = outcomes
    assert our_words == their_words
    same(ours, theirs, rtol=1e-5, atol=1e-6)  # a few steps in float32, whose eps is 1.2e-7
