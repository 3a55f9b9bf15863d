"""Samplers: what an epoch visits, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from nbdl import data
from nbdl.errors import ArgumentError, DataError, IndexRangeError

X, Y = np.zeros((10, 2), np.float32), np.array([0] * 8 + [1, 2])


def visited(**options) -> list[int]:
    numbers = data.TensorDataset(np.arange(10))
    return [int(i) for (batch,) in data.DataLoader(numbers, 1, **options) for i in batch.tolist()]


def test_samplers_give_their_order_and_a_new_one_each_epoch():
    assert visited(sampler=data.SequentialSampler(range(10))) == list(range(10))
    assert visited(sampler=[3, 1, 1]) == [3, 1, 1]
    assert visited(sampler=data.RandomSampler(X), seed=2) == visited(shuffle=True, seed=2)
    assert sorted(visited(sampler=data.SubsetRandomSampler([7, 2, 5]))) == [2, 5, 7]
    few = data.RandomSampler(X, replacement=True, num_samples=30)
    assert len(few.order(0, 0)) == 30
    assert few.order(0, 0).tolist() == few.order(0, 0).tolist() != few.order(0, 1).tolist()


def test_a_loader_with_a_sampler_goes_on_in_the_middle():
    made = [data.DataLoader((X, Y), 2, sampler=data.WeightedRandomSampler.balanced((X, Y)))
            for _ in range(2)]  # fmt: skip
    whole = [y.tolist() for _, y in made[0]]
    made[1].load_state_dict({"epoch": 0, "position": 3, "seed": 0})
    assert [y.tolist() for _, y in made[1]] == whole[3:]


def test_balanced_weights_draw_each_class_equally_often():
    order = data.WeightedRandomSampler.balanced(Y, num_samples=9000).order(1, 0)
    counts = np.bincount(Y[order])
    assert (abs(counts - 3000) < 250).all()
    once = data.WeightedRandomSampler([1, 0, 2, 3], 3, replacement=False).order(0, 0)
    assert sorted(once.tolist()) == [0, 2, 3]


def test_a_batch_sampler_says_whole_batches():
    batches = [[0, 9], [4], [1, 2, 3]]
    loader = data.DataLoader((np.arange(10), Y), batch_sampler=batches)
    assert len(loader) == 3
    assert [x.tolist() for x, _ in loader] == batches
    made = data.BatchSampler(data.RandomSampler(X), 4, drop_last=True)
    loader = data.DataLoader((np.arange(10), Y), batch_sampler=made)
    assert [len(x) for x, _ in loader] == [4, 4]
    first = [x.tolist() for x, _ in loader]
    loader.load_state_dict({"epoch": 1, "position": 1, "seed": 0})
    assert [x.tolist() for x, _ in loader] == first[1:]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: data.WeightedRandomSampler([]), DataError, "one number a sample"),
        (lambda: data.WeightedRandomSampler([1, -1]), DataError, "weight 1 is -1"),
        (lambda: data.WeightedRandomSampler([1, np.nan]), DataError, "weight 1 is nan"),
        (lambda: data.WeightedRandomSampler([0, 0]), DataError, "all weights are 0"),
        (lambda: data.WeightedRandomSampler([0, 1], 2, False), DataError, "only 1 weights"),
        (lambda: data.WeightedRandomSampler([1], 0), ArgumentError, "at least 1"),
        (lambda: data.WeightedRandomSampler.balanced((X, X[:, 0])), DataError, "class numbers"),
        (lambda: data.RandomSampler(X, num_samples=11), ArgumentError, "of 10 samples"),
        (lambda: visited(sampler=[1, 10]), IndexRangeError, "asks for sample 10"),
        (lambda: visited(batch_sampler=[[-1]]), IndexRangeError, "asks for sample -1"),
        (lambda: visited(sampler=3), ArgumentError, "sampler must be an iterable"),
        (lambda: visited(sampler=[1], shuffle=True), ArgumentError, "exclude each other"),
    ],
)
def test_nonsense_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()
