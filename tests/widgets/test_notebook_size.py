"""A notebook stays small enough to send and to keep in a repository."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nbformat
import pytest

from benchmarks.drawings.models import MODELS, graph_of
from nbdl.magics.show import graph_view
from tests.widgets.saved_views import notebook_of, ten_kinds, without_outputs

MOST = 300_000
"""Bytes that ten views may add, their state and their twins included."""


def ten_graphs() -> list[Any]:
    """The graphs of ten published models, made small."""
    return [graph_view(graph_of(name)) for name in MODELS]


@pytest.mark.parametrize("make", [ten_kinds, ten_graphs])
def test_ten_views_add_less_than_300_kilobytes(make: Callable[[], list[Any]]) -> None:
    views = make()
    assert len(views) == 10
    notebook = notebook_of(views)
    kinds = [kind for cell in notebook.cells for output in cell.outputs for kind in output.data]
    assert kinds.count("image/svg+xml") == kinds.count("image/png") == 10
    nbformat.validate(notebook)
    grown = len(nbformat.writes(notebook).encode()) - len(
        nbformat.writes(without_outputs(notebook)).encode()
    )
    assert grown < MOST
