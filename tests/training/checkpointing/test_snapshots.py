"""A ring of snapshots: which are kept, that they come back to the bit, how much room they take."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from nbdl.training.checkpointing import snapshots
from nbdl.training.checkpointing.snapshots import Ring


def walk(ring, steps, shape=(40, 30), seed=0):
    """Give a ring what weights on a random walk are; what it was given, by step."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=shape).astype(np.float32)
    given = {}
    for step in range(steps + 1):
        w = (w + 1e-4 * rng.normal(size=shape)).astype(np.float32)
        if ring.wants(step):
            given[step] = {
                "w": w, "half": w[0].astype(ml_dtypes.bfloat16), "turned": w.T[:3],
                "count": np.array(step), "none": np.empty((0, 3)), "flag": w[0] > 0,
            }  # fmt: skip
            ring.take(step, given[step], {"step": step})
    return given


def same(found, given):
    assert found.keys() == given.keys()
    for name, array in found.items():
        assert (array.shape, array.dtype) == (given[name].shape, given[name].dtype)
        assert array.tobytes() == given[name].tobytes()


def test_while_there_is_room_every_step_is_kept():
    ring = Ring(8)
    walk(ring, 7)
    assert ring.steps == list(range(8))


@pytest.mark.parametrize("steps", [9, 100, 1000, 1023, 5000])
@pytest.mark.parametrize("count", [2, 3, 8, 50])
def test_the_whole_training_stays_covered_evenly(steps, count):
    ring = Ring(count)
    walk(ring, steps, shape=(1, 1))
    kept = ring.steps
    assert kept[0] == 0
    assert len(kept) == min(count, steps + 1)
    gaps = np.diff([*kept, steps])
    assert gaps.max() <= 4 * steps / count + 1


def test_every_snapshot_comes_back_to_the_bit_in_whatever_order_it_is_asked_for():
    ring = Ring(8)
    given = walk(ring, 1000)
    kept = ring.steps
    for step in [*kept, *kept[::-1], kept[3], kept[6], kept[0], kept[-1], kept[2]]:
        found = ring.at(step)
        assert found.step == step
        assert found.rest == {"step": step}
        same(found.arrays, given[step])


def test_the_nearest_before_is_given():
    ring = Ring(4)
    walk(ring, 64, shape=(2, 2))
    kept = ring.steps
    assert ring.at(kept[1] + 1).step == kept[1]
    assert ring.at(10_000).step == kept[-1]
    assert ring.at(-1) is None
    assert Ring(4).at(3) is None


def test_snapshots_stay_right_while_others_are_dropped_between_two_questions():
    ring, rng = Ring(6), np.random.default_rng(1)
    given = {}
    for step in range(400):
        if ring.wants(step):
            given[step] = {"w": rng.normal(size=(20, 20))}
            ring.take(step, given[step])
        found = ring.at(step // 2)
        same(found.arrays, given[found.step])


def test_other_arrays_from_some_step_on_break_no_chain():
    ring, given = Ring(6), {}
    for step in range(40):
        names = ("w",) if step < 1 else ("w", "momentum") if step < 20 else ("v",)
        if ring.wants(step):
            given[step] = {n: np.full((30 + step // 20, 3), step + 0.1, np.float32) for n in names}
            ring.take(step, given[step])
    for step in ring.steps:
        same(ring.at(step).arrays, given[step])
    for step in reversed(ring.steps):
        same(ring.at(step).arrays, given[step])


def test_what_changes_little_takes_less_room_than_the_arrays():
    ring = Ring(20)
    given = walk(ring, 19, shape=(200, 100))
    whole = sum(a.nbytes for arrays in given.values() for a in arrays.values())
    ring.settle()
    assert ring.nbytes < 0.7 * whole


@pytest.mark.parametrize("times", [4, 10, 25])
def test_memory_is_kept_to(times):
    one = 4 * 100 * 100
    ring, rng = Ring(memory=times * one), np.random.default_rng(2)
    for step in range(300):
        if ring.wants(step):
            ring.take(step, {"w": rng.normal(size=(100, 100)).astype(np.float32)})
            ring.settle()
            assert ring.nbytes <= times * one
    assert ring.steps[0] == 0
    assert len(ring.steps) >= (times - 2) * 0.9


def test_a_step_is_kept_once():
    ring = Ring(4)
    ring.take(0, {"w": np.ones(3)})
    assert not ring.wants(0)
    ring.take(0, {"w": np.zeros(3)})
    assert ring.steps == [0]
    assert ring.at(0).arrays["w"].tolist() == [1, 1, 1]


def test_nothing_is_taken_while_too_much_waits(monkeypatch):
    monkeypatch.setattr(snapshots, "BACKLOG", 100)
    monkeypatch.setattr(snapshots, "in_thread", lambda job: None)  # nobody packs
    ring = Ring(10)
    for step in range(5):
        ring.take(step, {"w": np.zeros(10)})
    assert ring.steps == [0]
    assert ring.at(3).step == 0
    ring.take(5, {"w": np.zeros(10)})
    assert ring.steps == [0, 5]


@pytest.mark.parametrize(("count", "total"), [(50, 640), (8, 32), (8, 36), (8, 1000), (3, 5)])
def test_where_the_number_of_steps_is_known_few_are_taken_in_vain(count, total):
    ring = Ring(count)
    ring.plan(total)
    taken = 0
    for step in range(total + 1):
        if ring.wants(step):
            ring.take(step, {"x": np.full(3, step, np.float32)})
            taken += 1
    assert taken <= 1.5 * count + 1
    assert 0.7 * count <= len(ring.steps) <= count
    gaps = np.diff(ring.steps)
    assert gaps.max() <= 2 * gaps.min()


def test_fewer_steps_than_snapshots_are_all_kept():
    ring = Ring(50)
    ring.plan(20)
    assert all(ring.wants(step) for step in range(20))
