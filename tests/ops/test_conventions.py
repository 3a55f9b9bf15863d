"""Conventions at ties, kinks, zeros and NaN, and what the array API asks of single functions."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nbdl
from nbdl import Tensor


def gradient(function, *values: float) -> list[float]:
    x = nbdl.tensor(list(values), dtype="float64", requires_grad=True)
    (g,) = nbdl.grad(function(x).sum(), x)
    return g.tolist()


@pytest.mark.parametrize(
    ("function", "values", "expected"),
    [
        (abs, (0.0, -2.0), [0, -1]),
        (lambda x: nbdl.maximum(x, 1.0), (1.0, 2.0, 0.0), [0.5, 1, 0]),
        (lambda x: x.max(), (3.0, 3.0, 1.0), [0.5, 0.5, 0]),
        (lambda x: x.amin(), (3.0, 1.0, 1.0, 1.0), [0, 1 / 3, 1 / 3, 1 / 3]),
        (lambda x: x.norm(), (0.0, 0.0), [0, 0]),
        (lambda x: nbdl.vector_norm(x, ord=3), (0.0, 0.0), [0, 0]),
        (lambda x: x.std(), (2.0, 2.0), [0, 0]),
        (lambda x: x.prod(), (0.0, 2.0, 3.0), [6, 0, 0]),
        (lambda x: x.prod(), (0.0, 2.0, 0.0), [0, 0, 0]),
        (lambda x: x.cumprod(0), (2.0, 0.0, 3.0), [1, 8, 0]),
        (lambda x: x.clip(0.0, 1.0), (0.0, 1.0, 2.0, -1.0), [1, 1, 0, 0]),
        (lambda x: x.floor(), (0.5, 1.0), [0, 0]),
        (lambda x: x**0.0, (0.0, 2.0), [0, 0]),
        (lambda x: nbdl.xlogy(0.0, x), (0.0, 1.0), [math.nan, 0]),
        (lambda x: nbdl.sinc(x), (0.0,), [0]),
    ],
)
def test_gradient_conventions(function, values, expected) -> None:
    assert np.allclose(gradient(function, *values), expected, equal_nan=True)


@pytest.mark.judge
def test_binary_cross_entropy_of_a_saturated_sigmoid_has_pytorchs_gradient() -> None:
    import torch

    p, t = np.array([0.0, 1.0, 0.0, 1.0, 1e-30, 0.3]), np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.6])
    theirs, ours = torch.tensor(p, requires_grad=True), nbdl.tensor(p, requires_grad=True)
    torch.nn.functional.binary_cross_entropy(theirs, torch.tensor(t)).backward()
    nbdl.nn.functional.binary_cross_entropy(ours, nbdl.tensor(t)).backward()
    # PyTorch keeps its 1e-12 as a float32, which is off by 4e-9.
    np.testing.assert_allclose(ours.grad, theirs.grad, rtol=1e-8)
    x = nbdl.tensor([-200.0, 40.0], requires_grad=True)
    nbdl.nn.functional.binary_cross_entropy(x.sigmoid(), nbdl.tensor([0.0, 1.0])).backward()
    assert x.grad.tolist() == [0, 0]


def test_a_log_that_where_does_not_choose_does_no_harm_when_its_input_is_mended() -> None:
    def safe_log(x: Tensor) -> Tensor:
        good = x > 0
        return nbdl.where(good, nbdl.log(nbdl.where(good, x, 1.0)), 0.0)

    assert gradient(safe_log, 0.0, 2.0) == [0, 0.5]


def test_nan_wins_in_maximum_and_is_the_largest_in_sort() -> None:
    x = nbdl.tensor([2.0, math.nan, 1.0])
    assert np.isnan(x.max().item())
    assert x.argmax().item() == 1
    assert nbdl.sort(x).tolist()[:2] == [1, 2]
    assert np.isnan(nbdl.topk(x, 1)[0].item())
    assert np.isnan(nbdl.maximum(x, 0.0).tolist()[1])
    assert nbdl.fmax(x, 0.0).tolist()[1] == 0


def test_sorting_is_stable_both_ways() -> None:
    x = nbdl.tensor([1, 0, 1, 0])
    assert nbdl.argsort(x).tolist() == [1, 3, 0, 2]
    assert nbdl.argsort(x, descending=True).tolist() == [0, 2, 1, 3]


@pytest.mark.parametrize("n", [1, 7, 64])
def test_topk_of_long_rows_equals_a_full_sort(n: int) -> None:
    x = nbdl.randn(5, 300, generator=nbdl.Generator(1))
    values, places = nbdl.topk(x, n)
    assert values.tolist() == nbdl.sort(x, descending=True)[:, :n].tolist()
    assert nbdl.take_along_axis(x, places).tolist() == values.tolist()
    low, _ = nbdl.topk(x, n, largest=False)
    assert low.tolist() == nbdl.sort(x)[:, :n].tolist()


@pytest.mark.parametrize(
    "equation",
    ["ij,jk->ik", "bij,bjk", "i,i->", "ii->i", "ii", "...i,...i->...", "ij,kj,lk->il", "ab,bc,cd->",
     "i,j->ji", "ijk->k", "b...,b->...", "iij,jk->ik"],
)  # fmt: skip
def test_einsum_equals_numpys(equation: str) -> None:
    sizes = dict(zip("abcdijkl", (2, 3, 4, 2, 3, 4, 2, 3), strict=True))
    sizes |= {"i": 3, "j": 4, "k": 2, "b": 2}
    rng = np.random.default_rng(0)
    arrays = [
        rng.standard_normal([n for c in term.replace("...", "*")
                             for n in ((2, 5) if c == "*" else (sizes[c],))])
        for term in equation.split("->")[0].split(",")
    ]  # fmt: skip
    found = nbdl.einsum(equation, *(nbdl.asarray(a) for a in arrays))
    expected = np.einsum(equation, *arrays)
    assert found.shape == expected.shape
    assert np.allclose(found.numpy(), expected)


def test_einsum_multiplies_long_chains_in_a_good_order() -> None:
    x, y, z = nbdl.ones((200, 2)), nbdl.ones((2, 200)), nbdl.ones((200, 1))
    seen: list[int] = []
    with nbdl.core.observe(lambda op, xs, ys, node: seen.append(ys[0].size)):
        nbdl.einsum("ij,jk,kl->il", x, y, z)
    assert max(seen) <= 400  # never the 200 x 200 product of the first two


def test_half_precision_sums_in_single() -> None:
    x = nbdl.ones(5000, dtype="float16")
    assert x.sum().item() == 5000  # in float16 a running sum stops at 2048
    assert nbdl.matmul(x, x).item() == 5000
    assert nbdl.ones(1000, dtype="bfloat16").sum().item() == 1000


def test_index_add_and_scatter_add_count_repeated_places() -> None:
    zeros, places = nbdl.zeros(3), nbdl.tensor([0, 2, 2])
    assert nbdl.index_add(zeros, 0, places, nbdl.ones(3)).tolist() == [1, 0, 2]
    assert nbdl.scatter_add(zeros, 0, places, nbdl.ones(3)).tolist() == [1, 0, 2]
    assert zeros.tolist() == [0, 0, 0]


def test_unique_searchsorted_nonzero_one_hot() -> None:
    values, inverse, counts = nbdl.unique(
        nbdl.tensor([3, 1, 3]), return_inverse=True, return_counts=True
    )
    assert (values.tolist(), inverse.tolist(), counts.tolist()) == ([1, 3], [1, 0, 1], [1, 2])
    assert [t.tolist() for t in nbdl.nonzero(nbdl.tensor([[0, 1], [2, 0]]))] == [[0, 1], [1, 0]]
    assert nbdl.one_hot(nbdl.tensor([1, 0]), 3).tolist() == [[0, 1, 0], [1, 0, 0]]
    assert nbdl.searchsorted(nbdl.tensor([1, 2, 2]), nbdl.tensor([2]), side="right").item() == 3


def test_numbers_on_either_side_of_an_operator() -> None:
    x = nbdl.tensor([4.0, 2.0])
    assert (1 - x).tolist() == [-3, -1]
    assert (8 / x).tolist() == [2, 4]
    assert (2**x).tolist() == [16, 4]
    assert (9 // x).tolist() == [2, 4]
    assert (9 % x).tolist() == [1, 1]
    assert (np.array([1.0, 1.0], np.float32) - x).tolist() == [-3, -1]
    assert (x > 3).tolist() == [True, False]
    assert (~(x > 3) | (x < 0)).tolist() == [False, True]


def test_spellings_of_pytorch_and_of_the_array_api_are_one_function() -> None:
    assert nbdl.clamp is nbdl.clip
    assert nbdl.cat is nbdl.concat
    assert nbdl.unsqueeze is nbdl.expand_dims
    assert nbdl.amax is nbdl.max


def test_max_pool_s_gradient_goes_to_the_first_largest_that_is_no_padding() -> None:
    def gradient_of(rows: list[list[float]], **options) -> list:
        x = nbdl.tensor([[rows]], dtype="float32", requires_grad=True)
        y = nbdl.nn.functional.max_pool2d(x, 2, **options)
        (g,) = nbdl.grad(y, x, nbdl.ones_like(y))
        return g[0, 0].tolist()

    nan, inf = math.nan, math.inf
    assert gradient_of([[1, 1], [1, 1]]) == [[1, 0], [0, 0]]
    assert gradient_of([[0, 2], [2, 1]]) == [[0, 1], [0, 0]]
    assert gradient_of([[5, nan], [nan, 9]]) == [[0, 1], [0, 0]]
    assert gradient_of([[-inf, inf], [3, inf]]) == [[0, 1], [0, 0]]
    assert gradient_of([[-inf, -inf], [-inf, -inf]], padding=1, stride=2) == [[1, 1], [1, 1]]


def test_adaptive_max_pool_s_gradient_goes_to_the_first_largest_of_a_window() -> None:
    x = nbdl.ones((1, 1, 3, 2, 3)).requires_grad_()
    y, places = nbdl.nn.functional.adaptive_max_pool3d(x, 2, return_indices=True)
    assert places.numpy().ravel().tolist() == [0, 1, 3, 4, 6, 7, 9, 10]
    (g,) = nbdl.grad(y.sum(), x)
    assert np.array_equal(g.numpy().ravel()[[0, 1, 3, 4, 6, 7, 9, 10]], np.ones(8))
    assert g.numpy().sum() == 8
    assert nbdl.grad(nbdl.nn.functional.adaptive_max_pool3d(x, 2).sum(), x)[0].tolist() == (
        g.tolist()
    )
