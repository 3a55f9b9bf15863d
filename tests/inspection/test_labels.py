"""Labels of a table's rows: the classes that colour a projection."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nbdl
from nbdl.errors import ArgumentError, ShapeError
from nbdl.inspection.labels import COLOURED, labels_of
from nbdl.inspection.static.tensor import tensor_svg
from nbdl.inspection.tensors import Look, Seen
from nbdl.widgets.figures import figure_of

EVIL = "<img src=x onerror=alert(1)>"


@pytest.mark.parametrize(
    ("given", "names", "codes"),
    [
        ([10, 2, 2, 10], ("2", "10"), [1, 0, 0, 1]),
        (np.array([1, 0, 1, 1], np.uint8), ("0", "1"), [1, 0, 1, 1]),
        (nbdl.tensor([1, 0, 1, 1]), ("0", "1"), [1, 0, 1, 1]),
        (["b", None, "a", ""], ("a", "b"), [1, -1, 0, -1]),
        (np.array([3.0, np.nan, 3.0, 4.0]), ("3", "4"), [0, -1, 0, 1]),
        (pd.Series(["x", pd.NA, "y", "x"]), ("x", "y"), [0, -1, 1, 0]),
        (np.ma.masked_array([5, 6, 5, 6], [0, 1, 0, 0]), ("5", "6"), [0, -1, 0, 1]),
        ([True, False, True, True], ("False", "True"), [1, 0, 1, 1]),
        ([None] * 4, (), [-1] * 4),
    ],
)
def test_labels_become_classes(given, names, codes) -> None:
    found = labels_of(given, (4, 3))
    assert found.names == names
    assert found.codes.tolist() == codes


def test_of_many_classes_the_largest_come_first() -> None:
    given = [i for i in range(40) for _ in range(1 + i)]
    assert labels_of(given, (len(given), 3)).names[:2] == ("39", "38")
    assert len(labels_of(given, (len(given), 3)).names) == 40


@pytest.mark.parametrize(
    ("given", "shape", "error", "said"),
    [
        ([1, 2, 3], (4, 3), ShapeError, r"3 labels for the 4 rows of \(4, 3\)"),
        ([1, 2, 3], (3, 2, 2), ArgumentError, "rows of a table"),
        ("abcd", (4, 3), ArgumentError, "got str"),
        (7, (4, 3), ArgumentError, "got int"),
        (np.zeros((4, 1)), (4, 3), ShapeError, r"shape \(4, 1\)"),
        ([0.5, 1, 2, 3], (4, 3), ArgumentError, "names or whole numbers; got 0.5"),
        ([[1], [2], [3], [4]], (4, 3), ArgumentError, "got list"),
    ],
)
def test_what_is_no_label_is_refused(given, shape, error, said) -> None:
    with pytest.raises(error, match=said):
        labels_of(given, shape)


def seen(classes: int, rows: int = 60) -> Seen:
    x = np.random.default_rng(0).normal(size=(rows, 5))
    x[3] = np.nan
    labels = [None if i == 5 else f"{EVIL} {i % classes}" for i in range(rows)]
    return Seen(x, "points", labels=labels)


def test_a_table_with_labels_is_shown_as_points_with_the_labels_of_their_rows() -> None:
    record = seen(3).record()
    assert record.mode == "pca"
    assert record.codes.tolist() == [-1 if r == 5 else r % 3 for r in record.rows]
    assert seen(3).record(Look(mode="values")).mode == "values"


def test_the_twin_tells_classes_apart_and_escapes_them() -> None:
    svg = tensor_svg(seen(COLOURED + 2).record())
    assert "<img" not in svg
    assert "2 others" in svg
    assert "without a label" in svg
    assert len({line for line in svg.split("<circle")[1:] if "stroke=" in line}) > 6, "rings"


def test_the_figure_has_a_trace_for_each_class() -> None:
    figure = figure_of(seen(3).record())
    assert [trace.name.partition("&gt; ")[2] for trace in figure.data[1:]] == ["0", "1", "2"]
    assert figure.data[0].name == "without a label"
    assert sum(len(trace.x) for trace in figure.data) == 59
