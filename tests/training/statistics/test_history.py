"""Histories: growing, being read meanwhile."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from nbdl.training.statistics.history import History


def test_series_grow_and_can_be_read_from_a_point_on():
    h = History()
    for step in range(1, 1001):
        h.append(step, {"loss": 1 / step} | ({"acc": step} if step % 10 == 0 else {}))
    assert h.names() == ["loss", "acc"]
    steps, values = h.series("loss")
    np.testing.assert_array_equal(steps, np.arange(1, 1001))
    np.testing.assert_allclose(values, 1 / np.arange(1, 1001))
    steps, values = h.since("acc", 98)
    assert (steps.tolist(), values.tolist()) == ([990, 1000], [990, 1000])
    assert h.last("acc") == 1000
    assert h["acc"][0] == 10
    assert "acc" in h


def test_what_is_not_there_is_empty_or_named():
    h = History()
    assert [len(a) for a in h.series("loss")] == [0, 0]
    assert h.last("loss") is None
    with pytest.raises(KeyError, match="no series"):
        h["loss"]


def test_what_was_read_does_not_change_and_cannot_be_changed():
    h = History()
    h.append(1, {"loss": 5.0})
    _, values = h.series("loss")
    for step in range(2, 300):
        h.append(step, {"loss": 0.0})
    assert values.tolist() == [5.0]
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 1


def test_reading_while_another_thread_appends_sees_whole_points():
    h = History()

    def write():
        for step in range(20_000):
            h.append(step, {"a": step, "b": step})

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        steps, values = h.series("a")
        assert (steps == values).all()
        assert (np.diff(steps) == 1).all()
    writer.join()
    assert h.count("a") == h.count("b") == 20_000


def test_gradients_are_kept_by_layer():
    h = History()
    for step in range(0, 200, 2):
        h.gradients.append(["a", "b"], step, [step, 1], [2, 3], [4, 5])
    g = h.gradients
    assert g.layers == ["a", "b"]
    assert g.norms.shape == g.weights.shape == g.updates.shape == (100, 2)
    assert g.norms.dtype == np.float32
    assert g.steps.tolist() == list(range(0, 200, 2))
    assert g.norms[7].tolist() == [14, 1]
    assert (g.weights[7].tolist(), g.updates[7].tolist()) == ([2, 3], [4, 5])
    assert History().gradients.norms.shape == (0, 0)


def test_many_points_can_be_added_at_once():
    h = History()
    h.extend("loss", np.array([[1.0, 2.0], [2.0, 3.0]]))
    h.append(3, {"loss": 4})
    assert h["loss"].tolist() == [2, 3, 4]
    h.extend("loss", np.ones((1000, 2)))
    h.append(9, {"loss": 7})
    assert h.count("loss") == 1004
    assert h.last("loss") == 7
