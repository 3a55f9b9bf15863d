"""Attention: PyTorch's samples of the function, positions by their formulas, a cache by steps."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.errors import ArgumentError, ShapeError
from nbdl.nn import functional as F
from nbdl.testing import check_grad

RNG = np.random.default_rng(6)


@pytest.mark.judge
def test_the_function_agrees_with_pytorchs_on_its_samples():
    torch = pytest.importorskip("torch", reason="PyTorch, the judge, is not installed")
    from torch.testing._internal import common_methods_invocations as judge

    torch.manual_seed(0)
    (info,) = (o for o in judge.op_db if o.name == "nn.functional.multi_head_attention_forward")
    count = 0
    for s in info.sample_inputs("cpu", torch.float64, requires_grad=False):
        args = [s.input, *s.args]
        if args[10]:
            continue  # dropout: other random numbers
        args = [a.requires_grad_() if isinstance(a, torch.Tensor) else a for a in args]
        named = {k: v.requires_grad_() if isinstance(v, torch.Tensor) else v
                 for k, v in s.kwargs.items()}  # fmt: skip
        theirs = [a for a in (*args, *named.values()) if isinstance(a, torch.Tensor)]
        made = {id(t): nbdl.tensor(t.detach().numpy()).requires_grad_() for t in theirs}
        y = F.multi_head_attention_forward(
            *(made.get(id(a), a) for a in args), **{k: made.get(id(v), v) for k, v in named.items()}
        )
        e = torch.nn.functional.multi_head_attention_forward(*args, **named)
        for a, b in zip(y, e, strict=True):
            np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-7, atol=1e-9)
        (y[0].sin().sum() + (y[1] ** 2).sum()).backward()
        (e[0].sin().sum() + (e[1] ** 2).sum()).backward()
        for t in theirs:
            if t.grad is not None:
                got = made[id(t)].grad.numpy()
                np.testing.assert_allclose(got, t.grad.numpy(), rtol=1e-7, atol=1e-9)
        count += 1
    assert count >= 40


@pytest.mark.judge
def test_given_keys_and_values_take_the_place_of_projected_ones():
    torch = pytest.importorskip("torch", reason="PyTorch, the judge, is not installed")
    q, w = RNG.normal(size=(3, 2, 4)), RNG.normal(size=(12, 4))
    out, static = RNG.normal(size=(4, 4)), RNG.normal(size=(4, 5, 2))

    def call(function, make):
        x, given = make(q), make(static)
        return function(
            x, x, x, 4, 2, make(w), None, None, None, True, 0.0, make(out), None,
            static_k=given, static_v=given * 2, average_attn_weights=False,
        )  # fmt: skip

    for y, e in zip(
        call(F.multi_head_attention_forward, nbdl.tensor),
        call(torch.nn.functional.multi_head_attention_forward, torch.tensor),
        strict=True,
    ):
        np.testing.assert_allclose(y.numpy(), e.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("interleaved", [False, True])
def test_rotary_pairs_are_turned_like_complex_numbers(interleaved):
    x = RNG.normal(size=(2, 3, 5, 6))
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else (x[..., :3], x[..., 3:])
    angles = np.arange(7, 12)[:, None] * 100.0 ** (-2 * np.arange(3) / 6)
    turned = (a + 1j * b) * np.exp(1j * angles)
    y = F.rotary_embedding(x, base=100.0, interleaved=interleaved, offset=7).numpy()
    a, b = (y[..., 0::2], y[..., 1::2]) if interleaved else (y[..., :3], y[..., 3:])
    np.testing.assert_allclose(a + 1j * b, turned, rtol=1e-12)
    layer = nn.RotaryEmbedding(100.0, interleaved)
    np.testing.assert_array_equal(layer(nbdl.tensor(x), positions=np.arange(7, 12)).numpy(), y)
    check_grad(lambda x: F.rotary_embedding(x, interleaved=interleaved), x[0, 0])


def test_rotary_products_depend_on_the_distance_alone():
    q, k = RNG.normal(size=(1, 8)), RNG.normal(size=(1, 8))

    def product(i, j):
        a, b = F.rotary_embedding(q, offset=i), F.rotary_embedding(k, offset=j)
        return (a.numpy() @ b.numpy().T).item()

    assert product(5, 2) == pytest.approx(product(1005, 1002), rel=1e-9)
    assert product(5, 2) != pytest.approx(product(5, 3), rel=1e-3)


def test_linear_biases():
    bias = F.alibi_bias(8, 2, 4, dtype="float64").numpy()
    for h in range(8):  # slopes 1/2, 1/4, …, 1/256
        distances = [[2, 1, 0, 1], [3, 2, 1, 0]]
        np.testing.assert_allclose(bias[h], -np.array(distances) / 2 ** (h + 1))
    # the paper's rule for other numbers: the slopes of 2 heads, then every other one of 4
    np.testing.assert_allclose(F.alibi_bias(3, 1, 2).numpy()[:, 0, 0], [-1 / 16, -1 / 256, -1 / 4])


def test_sinusoids():
    table = F.sinusoidal_positions(6, 5, offset=2, dtype="float64").numpy()
    for row, position in enumerate(range(2, 8)):
        for i in range(5):
            angle = position / 10000 ** (2 * (i // 2) / 5)
            assert table[row, i] == pytest.approx(math.cos(angle) if i % 2 else math.sin(angle))
    x = nbdl.zeros((3, 6, 5), dtype="float64")
    np.testing.assert_array_equal(nn.SinusoidalPositions()(x, offset=2).numpy()[1], table)
    assert nn.SinusoidalPositions()(x.to("meta")).shape == (3, 6, 5)


def test_attention_by_steps_with_a_cache_is_attention_at_once():
    q, k, v = (nbdl.tensor(RNG.normal(size=(1, n, 20, 4))) for n in (4, 2, 2))
    whole = F.scaled_dot_product_attention(
        F.rotary_embedding(q), F.rotary_embedding(k), v, is_causal=True, enable_gqa=True
    )
    cache, parts, seen = nn.KeyValueCache(), [], []
    for start, end in ((0, 7), (7, 8), (8, 20)):  # a prompt, one step, several
        at = slice(start, end)
        keys, values = cache.append(F.rotary_embedding(k[:, :, at], offset=len(cache)), v[:, :, at])
        seen.append((keys, keys.numpy().copy()))
        queries, mask = F.rotary_embedding(q[:, :, at], offset=start), cache.mask(end - start)
        parts.append(F.scaled_dot_product_attention(queries, keys, values, mask, enable_gqa=True))
    np.testing.assert_allclose(nbdl.concat(parts, axis=2).numpy(), whole.numpy(), rtol=1e-10)
    for keys, before in seen:  # what was given out did not change
        np.testing.assert_array_equal(keys.numpy(), before)
    with pytest.raises(ShapeError, match="reset"):
        cache.append(nbdl.ones((2, 2, 1, 4)), nbdl.ones((2, 2, 1, 4)))
    with pytest.raises(ArgumentError, match="queries=30"):
        cache.mask(30)
    cache.reset()
    assert len(cache) == 0
