"""Streams: functions, maps, shuffling in blocks, going on anywhere."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from nbdl import data
from nbdl.errors import ArgumentError, DataError


@data.stream
def numbers():
    for i in range(11):
        yield np.float32(i) + data.sample_rng().random(dtype=np.float32), i


def pairs(loader):
    return [(x.tolist(), y.tolist()) for x, y in loader]


def test_a_function_is_a_stream_that_begins_anew_each_epoch():
    loader = data.DataLoader(numbers, 4)
    first, second = pairs(loader), pairs(loader)
    numbered = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
    assert [y for _, y in first] == [y for _, y in second] == numbered
    assert first != second  # another epoch, other chances
    assert repr(numbers) == "stream(numbers)"


@pytest.mark.parametrize("make", [
    lambda: numbers,
    lambda: numbers.map(lambda x: x + data.sample_rng().random(dtype=np.float32)),
    lambda: numbers.shuffle(4),
    lambda: numbers.shuffle(4).map(lambda y: -y, target=True).shuffle(3),
])  # fmt: skip
@pytest.mark.parametrize("workers", [0, 1, 3])
def test_every_stream_goes_on_in_the_middle_with_any_workers(make, workers):
    whole = pairs(data.DataLoader(make(), 2, num_workers=0, seed=4))
    for start in range(6):
        loader = data.DataLoader(make(), 2, num_workers=workers, seed=9)
        loader.load_state_dict({"epoch": 0, "position": start, "seed": 4})
        assert pairs(loader) == whole[start:]


def test_shuffling_keeps_every_sample_and_differs_by_epoch():
    loader = data.DataLoader(numbers.shuffle(6), 11)
    [(_, first)], [(_, second)] = pairs(loader), pairs(loader)
    assert sorted(first) == sorted(second) == list(range(11))
    assert first != second
    assert max(first[:6]) <= 5  # within blocks of six


def test_reading_ahead_runs_beside_the_loop_and_ends_with_it():
    threads, closed = set(), threading.Event()

    @data.stream
    def endless():
        try:
            i = 0
            while True:
                threads.add(threading.current_thread().name)
                yield np.float32(i), i
                i += 1
        finally:
            closed.set()

    reader = iter(data.DataLoader(endless, 1, prefetch_factor=3))
    next(reader)
    reader.close()
    assert closed.wait(10)
    assert not any(name == threading.current_thread().name for name in threads)
    until = time.monotonic() + 5
    while any(t.name.startswith("nbdl-data") for t in threading.enumerate()):
        assert time.monotonic() < until, "a reading thread stayed behind"
        time.sleep(0.01)


def test_an_error_is_told_with_number_and_line():
    @data.stream
    def broken():
        yield np.float32(0), 0
        raise OSError("cable cut")

    with pytest.raises(DataError, match=r"sample 1 of stream\(broken\).*cable cut") as caught:
        list(data.DataLoader(broken, 1))
    assert 'raise OSError("cable cut")' in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: data.stream([1, 2]), ArgumentError, "takes a function"),
        (lambda: list(data.stream(lambda: 3)), DataError, "cannot be gone through"),
        (lambda: numbers.shuffle(0), ArgumentError, "buffer_size must be a whole number"),
        (lambda: numbers.map(3), ArgumentError, "transform must be callable"),
        (lambda: data.as_dataset(numbers), DataError, "samples have no numbers"),
        (lambda: data.DataLoader(numbers, sampler=[1]), ArgumentError, "numbered samples"),
        (lambda: list(data.DataLoader(data.stream(tuple), 2)), DataError, "no samples"),
    ],
)
def test_nonsense_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()
