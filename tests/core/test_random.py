"""Philox: known answers, statistics, reproducibility."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import nbdl
from nbdl.backends import philox
from nbdl.core import Generator, random
from nbdl.errors import ArgumentError

# Random123's kat_vectors for philox4x32-10: counter, key, result.
KNOWN = [
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_known_answers(counter, key, expected) -> None:
    words = [np.array([w], np.uint64) for w in counter]
    keys = (np.uint64(key[0]), np.uint64(key[1]))
    assert [int(w[0]) for w in philox.philox(np, tuple(words), keys)] == expected


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_uniform_numbers_fill_the_interval_and_never_reach_1(dtype: str) -> None:
    x = nbdl.rand(200_000, dtype=dtype, generator=Generator(1)).numpy().astype(np.float64)
    assert 0 <= x.min() < 0.001
    assert 0.99 < x.max() < 1
    assert abs(x.mean() - 0.5) < 0.005
    counts = np.histogram(x, 16, (0, 1))[0]
    assert ((counts - 12_500) ** 2 / 12_500).sum() < 60  # chi-squared, 15 degrees of freedom


def test_normal_numbers_have_the_moments_of_a_normal_distribution() -> None:
    x = nbdl.randn(200_000, generator=Generator(2)).numpy().astype(np.float64)
    assert abs(x.mean()) < 0.01
    assert abs(x.var() - 1) < 0.02
    assert abs((x**3).mean()) < 0.05
    assert abs((x**4).mean() - 3) < 0.1
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 0.01


def test_a_seed_repeats_and_draws_differ() -> None:
    a, b = nbdl.rand(5, generator=Generator(3)), nbdl.rand(5, generator=Generator(3))
    g = Generator(3)
    first, second = nbdl.rand(5, generator=g), nbdl.rand(5, generator=g)
    assert a.tolist() == b.tolist() == first.tolist()
    assert first.tolist() != second.tolist()


def test_state_goes_on_where_it_was_taken() -> None:
    g = Generator(4)
    nbdl.rand(3, generator=g)
    state = g.state()
    x = nbdl.randn(4, generator=g)
    other = Generator(0)
    other.restore(state)
    assert nbdl.randn(4, generator=other).tolist() == x.tolist()


def test_a_generator_in_use_is_this_threads_alone() -> None:
    nbdl.manual_seed(5)
    expected = nbdl.rand(3).tolist()
    nbdl.manual_seed(5)
    found = []
    with random.use(Generator(9)):
        nbdl.rand(3)
        thread = threading.Thread(target=lambda: found.append(nbdl.rand(3).tolist()))
        thread.start()
        thread.join()
    assert found == [expected]


def test_randint_and_randperm() -> None:
    x = nbdl.randint(-2, 3, (1000,), generator=Generator(6)).numpy()
    assert set(x.tolist()) == {-2, -1, 0, 1, 2}
    assert sorted(nbdl.randperm(50, generator=Generator(7)).tolist()) == list(range(50))
    with pytest.raises(ArgumentError, match="low=3, high=3"):
        nbdl.randint(3, 3)


def test_a_seed_is_a_whole_number() -> None:
    with pytest.raises(ArgumentError, match="a seed must be a whole number, got 'abc'"):
        nbdl.manual_seed("abc")
    assert Generator(-1).seed == 2**64 - 1
