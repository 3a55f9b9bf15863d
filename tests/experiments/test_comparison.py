"""Runs beside each other."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nbdl
from nbdl.errors import ArgumentError
from nbdl.experiments import Comparison
from nbdl.training.archive.store import open_store


@pytest.fixture
def pair(enter):
    enter("first", config={"lr": 0.1, "loss": "mse", "epochs": 2}, loss=[3, 2, 1], only=[1])
    enter("second", config={"lr": 0.2, "loss": "mse"}, loss=[3, 1, math.nan])
    return nbdl.runs()[1], nbdl.runs()[0]


def test_what_is_not_the_same_is_told(pair):
    comparison = pair[0].compare(pair[1])
    assert comparison.labels == ["first (0000)", "second (0001)"]
    assert comparison.configuration() == {"lr": [0.1, 0.2], "epochs": [2, None]}
    assert comparison.surroundings() == {}
    [diff] = comparison.source_differences()
    assert diff.splitlines() == [
        "--- first (0000)", "+++ second (0001)", "@@ -1,2 +1,2 @@", " %%model net", "-first",
        "+second",
    ]  # fmt: skip
    open_store().update_run("0001", environment='{"python": "3.12"}')
    assert nbdl.runs()[0].compare(nbdl.runs()[1]).surroundings() == {"python": ["3.12", "3.11"]}


def test_curves_lie_over_each_other_in_the_picture_and_the_text(pair):
    comparison = pair[0].compare(pair[1])
    curves = comparison.curves()
    assert curves["loss"][1][1][:2].tolist() == [3, 1]
    assert curves["only"][1] is None
    svg = comparison.svg()
    assert svg.count("<path") == 3
    assert "first (0000)" in svg
    text = repr(comparison)
    assert "A  █▅▁  1" in text
    assert "B  █▁x  NaN" in text
    bundle = comparison._repr_mimebundle_()
    assert {"text/html", "text/plain", "image/svg+xml"} <= set(bundle)


def test_many_points_are_thinned_with_their_extremes(enter):
    values = np.zeros(200_000)
    values[123_457] = 7
    enter("long", loss=values)
    enter("short", loss=[1])
    _, shown = nbdl.runs().compare().curves()["loss"][1]
    assert len(shown) < 2000
    assert shown.max() == 7
    assert len(nbdl.runs().compare().svg()) < 200_000


def test_equal_runs_are_said_to_be_so(enter):
    for _ in range(2):
        enter("same", config={"lr": 1}, loss=[1, 2])
    comparison = nbdl.runs().compare()
    assert "The configurations are the same." in comparison.differences_html()
    assert comparison.source_differences() == [""]


def test_what_cannot_be_compared_is_said(pair, enter):
    first, second = pair
    with pytest.raises(ArgumentError, match="2 to 18 runs, got 1"):
        first.compare()
    with pytest.raises(ArgumentError, match="cannot be compared with itself"):
        first.compare(second, first)
    with pytest.raises(ArgumentError, match="takes runs of the store, got 'second'"):
        first.compare("second")
    for number in range(19):
        enter(f"n{number}")
    with pytest.raises(ArgumentError, match="2 to 18 runs, got 21"):
        nbdl.runs().compare()
    assert Comparison(list(nbdl.runs()[:18])).svg()
