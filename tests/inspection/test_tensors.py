"""Tensors as records: what they are taken for, what is read of them, and what is counted."""

from __future__ import annotations

import time
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.errors import ArgumentError
from nbdl.inspection.arrays import DOWN, MASKED, NAN, NUMBER, UP
from nbdl.inspection.static.scales import DIVERGING, diverging
from nbdl.inspection.tensor_records import TensorRecord
from nbdl.inspection.tensor_text import tensor_text
from nbdl.inspection.tensors import CELLS, Look, Seen, is_sampled
from nbdl.inspection.wire import pack

DRAW = np.random.default_rng(7)


def roles(record: TensorRecord) -> dict[str, str]:
    return {axis.role: axis.name for axis in record.axes}


def attention(heads: int, length: int) -> np.ndarray:
    shares = np.exp(DRAW.normal(size=(heads, length, length)))
    return shares / shares.sum(-1, keepdims=True)


@pytest.mark.parametrize(
    ("thing", "kind", "mode", "names"),
    [
        (DRAW.random((4, 3, 16, 20)), "images", "image", ("N", "C", "H", "W")),
        (DRAW.integers(0, 256, (20, 16, 3), np.uint8), "images", "image", ("H", "W", "C")),
        (DRAW.random((5, 20, 16, 3)), "images", "image", ("N", "H", "W", "C")),
        (attention(4, 9), "attention", "values", ("head", "query", "key")),
        (nn.Conv2d(3, 8, 5).weight, "filters", "values", ("out", "in", "height", "width")),
        (nn.Linear(6, 4).weight, "", "values", ("out", "in")),
        (DRAW.normal(size=(2, 5, 7)), "", "values", ("axis 0", "axis 1", "axis 2")),
        (DRAW.normal(size=(4, 3, 2, 2)), "", "values", ("axis 0", "axis 1", "axis 2", "axis 3")),
    ],
    ids=["images", "picture", "pictures", "attention", "filters", "linear", "plain", "small"],
)
def test_arrays_are_taken_for_what_their_shape_and_values_say(
    thing: Any, kind: str, mode: str, names: tuple[str, ...]
) -> None:
    seen = Seen(thing)
    record = seen.record()
    assert (seen.layout.kind, record.mode) == (kind, mode)
    assert tuple(axis.name for axis in record.axes) == names


def test_outputs_of_convolutions_have_the_names_of_their_axes() -> None:
    y = nn.Conv2d(1, 5, 3)(nbdl.ones((2, 1, 9, 8)))
    record = Seen(y).record()
    assert roles(record) == {"index": "N", "panels": "C", "rows": "H", "columns": "W"}
    assert ("gradient", "recorded") in record.facts


def test_cells_are_the_numbers_themselves_where_they_fit() -> None:
    x = DRAW.normal(size=(2, 4, 5, 7))
    record = Seen(x).record(Look(index=(1, 0, 0, 0)))
    assert record.cells.shape == (4, 5, 7)
    np.testing.assert_array_equal(record.cells, x[1])
    turned = Seen(x).record(Look(rows=3, columns=0, panels=-1, index=(0, 2, 4, 0)))
    np.testing.assert_array_equal(turned.cells[0], x[:, 2, 4, :].T)


def test_larger_parts_are_means_of_blocks_and_a_window_shows_the_numbers() -> None:
    x = DRAW.normal(size=(1003, 702))
    seen = Seen(x)
    record = seen.record()
    rows, columns = record.axes
    assert record.cells.size <= CELLS
    assert rows.every > 1
    block = x[rows.every : 2 * rows.every, 2 * columns.every : 3 * columns.every]
    assert record.cells[0, 1, 2] == pytest.approx(block.mean())
    last = x[(record.cells.shape[1] - 1) * rows.every :, : columns.every]
    assert record.cells[0, -1, 0] == pytest.approx(last.mean())
    part = seen.record(Look(window=(100, 140, 20, 50)))
    np.testing.assert_array_equal(part.cells[0], x[100:140, 20:50])


def test_what_is_no_number_is_marked_and_counted_one_by_one() -> None:
    x = np.ma.masked_equal(DRAW.normal(size=(4, 6)), 9)
    x[0, 0], x[1, 1], x[2, 2], x[3, 3] = np.nan, np.inf, -np.inf, np.ma.masked
    record = Seen(x).record()
    assert record.marks[0].diagonal().tolist() == [NAN, UP, DOWN, MASKED]
    assert (record.marks == NUMBER).sum() == 20
    assert record.stats is not None
    assert (record.stats.nans, record.stats.infinities) == (1, 2)
    assert np.isfinite(record.cells).all()


def test_one_nan_among_millions_is_counted_and_marks_its_cell() -> None:
    x = np.zeros((3000, 2000), np.float32)
    x[1234, 567] = np.nan
    record = Seen(x).record()
    assert record.stats is not None
    assert record.stats.nans == 1
    assert "sample" in record.notes[0]
    assert not is_sampled(record) or (record.marks != NUMBER).sum() in (0, 1)
    near = Seen(x).record(Look(window=(1200, 1300, 500, 600)))
    assert near.marks[0, 34, 67] == NAN


def test_a_broadcast_view_of_a_billion_elements_is_never_copied() -> None:
    x = np.broadcast_to(np.float32(2.5), (1000, 1000, 1000))
    start = time.process_time()
    record = Seen(x).record()
    assert time.process_time() - start < 20  # reading all of it would take 8 GB as float64
    assert record.stats is not None
    assert (record.stats.low, record.nbytes) == (2.5, 4)
    assert (record.cells == 2.5).all()
    assert sum(len(b) for b in pack(record)[1]) < 400_000


@pytest.mark.parametrize(
    "x",
    [
        np.zeros(()), np.zeros((0, 3)), np.zeros((3, 0, 2)), np.array([True, False, True]),
        np.arange(12).reshape(3, 4), np.array([2**62, -(2**62)]),
        DRAW.normal(size=(3, 3)) + 1j, DRAW.normal(size=(4, 5)).astype(np.float16),
        DRAW.normal(size=(4, 5)).astype(ml_dtypes.bfloat16), np.array([5e-324, 1e-310]),
        np.array([1.7e308, -1.7e308, 0]), np.full((3, 4), np.nan), np.array([np.inf, -np.inf]),
        DRAW.normal(size=(40, 60))[::-3, ::2].T, DRAW.normal(size=(2, 2, 2, 2, 2, 3)),
        np.full(5, 1e16) + np.arange(5), np.full((1, 1), 7.0),
    ],
    ids=str,
)  # fmt: skip
def test_every_array_has_a_record_a_text_and_finite_colours(x: np.ndarray) -> None:
    record = Seen(x, "x").record()
    assert np.isfinite(record.cells).all()
    assert np.isfinite([record.low, record.high]).all()
    assert record.shape == x.shape
    assert tensor_text(record).startswith("x · ndarray")
    pack(record)


def test_parts_of_complex_numbers() -> None:
    x = np.array([[3 + 4j, -1j]])
    seen = Seen(x)
    assert seen.record().cells[0, 0].tolist() == [5.0, 1.0]
    assert seen.record(Look(part="imag")).cells[0, 0].tolist() == [4.0, -1.0]
    assert seen.record(Look(part="nonsense")).part == "abs"


@pytest.mark.parametrize(
    "said",
    [
        None, 7, [], {"mode": "eval"}, {"rows": 99}, {"rows": 1, "columns": 1}, {"rows": True},
        {"index": ["a"]}, {"index": [10**9, -5]}, {"window": [5, 1, -3, 10**12]},
        {"window": [1, 2]}, {"panels": "0"}, {"rows": 2**70},
    ],
)  # fmt: skip
def test_whatever_a_page_asks_for_there_is_an_answer(said: Any) -> None:
    x = DRAW.normal(size=(4, 5, 6))
    record = Seen(x).record(Look.said(said))
    assert record.mode == "values"
    assert record.cells.size > 0


def test_diverging_colours_have_zero_in_the_middle_and_even_steps_of_lightness() -> None:
    record = Seen(np.array([[-1.0, 0.5]])).record()
    assert (record.palette, record.low, record.high) == ("diverging", -1.0, 1.0)
    shares = DIVERGING / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    lms = np.cbrt(linear @ np.array([[0.4122, 0.2119, 0.0883], [0.5363, 0.6807, 0.2817],
                                     [0.0514, 0.1074, 0.6300]]))  # OKLab, Ottosson 2020
    lightness = lms @ [0.2105, 0.7936, -0.0041]
    steps = np.diff(lightness)
    assert np.ptp(np.abs(steps)) < 0.02
    np.testing.assert_allclose(lightness, lightness[::-1], atol=0.01)
    assert diverging(np.array([0.5])).tolist() == [[0xF5, 0xF5, 0xF5]]


def test_rounding_is_not_coloured() -> None:
    record = Seen(1 + 1e-9 * DRAW.normal(size=20)).record()
    assert record.high - record.low == pytest.approx(1.0)


def test_a_table_is_projected_and_the_components_are_those_of_the_decomposition() -> None:
    x = DRAW.normal(size=(60, 5)) * [9, 4, 1, 0.1, 0.1]
    record = Seen(x).record(Look(mode="pca"))
    assert record.mode == "pca"
    assert record.points.shape == (60, 2)
    centred = x - x.mean(0)
    values = np.linalg.eigvalsh(centred.T @ centred)[::-1]
    share = 100 * values[:2] / values.sum()
    assert f"{share[0]:.1f} + {share[1]:.1f} %" in record.notes[-1]
    # Distances in the plane are those of the table, but for what the other components add.
    assert np.corrcoef(record.points[:, 0], centred[:, 0])[0, 1] ** 2 > 0.99


def test_rows_that_are_not_numbers_are_left_out_of_a_projection() -> None:
    x = DRAW.normal(size=(9, 4))
    x[2, 1] = np.nan
    assert 2 not in Seen(x).record(Look(mode="pca")).rows
    x[:7] = np.nan
    record = Seen(x).record(Look(mode="pca"))
    assert record.mode == "values"
    assert "too few rows" in record.notes[-1]


def test_names_of_axes_are_a_persons_and_must_fit() -> None:
    x = np.zeros((2, 3))
    assert [a.name for a in Seen(x, names=("time", "<b>")).record().axes] == ["time", "<b>"]
    with pytest.raises(ArgumentError, match=r"3 names \(a, b, c\) for the 2 axes"):
        Seen(x, names=("a", "b", "c"))


@pytest.mark.parametrize("thing", ["text", np.array(["a"]), np.array([None]), 3, [1.0]])
def test_what_holds_no_numbers_is_refused(thing: Any) -> None:
    with pytest.raises(ArgumentError, match="holds no numbers"):
        Seen(thing)


def test_a_tensor_without_data_is_refused_in_words() -> None:
    layer = nn.Linear(None, 3)
    model = nbdl.model("m", nn.Sequential(layer), input=(4,), quiet=True)
    with pytest.raises(ArgumentError, match="a shape and no data"):
        Seen(nbdl.Tensor(nbdl.shapes.Spec((2, 3), np.dtype("float32"))))
    assert Seen(model[0].weight).record().shape == (3, 4)
