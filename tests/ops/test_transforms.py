"""Every operation of the table under vmap (against a loop) and jvp (against its gradient)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nbdl
from nbdl import dtypes
from nbdl.autograd import jvp, vmap
from nbdl.core import Tensor, grad
from nbdl.core.tree import leaves
from nbdl.ops.families import Random
from tests.ops.sample import Sample
from tests.ops.table import collect

CASES = {
    f"{name}-{i}": s
    for name, found in collect().items()
    for i, s in enumerate(found)
    if not isinstance(s.op, Random)  # a draw has no examples and no gradient
}
SMOOTH = {k: s for k, s in CASES.items() if s.op.differentiable and s.options.get("order", 2)}


def _other(s: Sample, a: np.ndarray, shift: int) -> np.ndarray:
    """Another example: the same elements in another order, so within the operation's domain.

    Where elements belong together (a matrix to be inverted), a multiple of them.
    """
    if s.options.get("whole") or a.dtype.kind not in "fciu":
        return a * (1 + shift / 4) if a.dtype.kind in "fc" else a
    return np.roll(a.reshape(-1), shift).reshape(a.shape)


def _same(found: Any, expected: Any) -> None:
    ys, es = list(leaves(found)), list(leaves(expected))
    assert len(ys) == len(es)
    for y, e in zip(ys, es, strict=True):
        assert y.shape == e.shape
        assert y.dtype == e.dtype
        np.testing.assert_allclose(y.numpy(), e.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("s", CASES.values(), ids=CASES)
def test_vmap_gives_what_a_loop_gives(s: Sample) -> None:
    count = len(s.inputs)
    for mine in {(True,) * count, *(tuple(i == k for i in range(count)) for k in range(count))}:
        batches = [
            np.stack([_other(s, a, k) for k in range(3)]) if m else a
            for a, m in zip(s.inputs, mine, strict=True)
        ]
        tensors = [Tensor(b) for b in batches]
        axes = tuple(0 if m else None for m in mine)
        rows = [[t[k] if m else t for t, m in zip(tensors, mine, strict=True)] for k in range(3)]
        try:
            results = [list(leaves(s.op(*row))) for row in rows]
        except nbdl.errors.NbdlError:
            continue  # an example that the operation refuses
        if len({tuple(y.shape for y in r) for r in results}) > 1:
            continue  # a mask chose another number of elements
        expected = tuple(nbdl.stack(ys) for ys in zip(*results, strict=True))
        _same(tuple(leaves(vmap(s.op, axes)(*tensors))), expected)


@pytest.mark.parametrize("s", SMOOTH.values(), ids=SMOOTH)
def test_jvp_is_the_transpose_of_the_gradient(s: Sample) -> None:
    rng = np.random.default_rng(5)
    xs = [Tensor(a) for a in s.inputs]
    places = [i for i, x in enumerate(xs) if x.dtype in (dtypes.float64, dtypes.complex128)]

    def of_floats(*floats: Tensor) -> Any:
        given = list(xs)
        for i, x in zip(places, floats, strict=True):
            given[i] = x
        return s.op(*given)

    vs = tuple(_direction(rng, xs[i]) for i in places)
    y, dy = jvp(of_floats, tuple(xs[i] for i in places), vs)
    watched = [Tensor(xs[i].numpy()).requires_grad_() for i in places]
    ys = [t for t in leaves(of_floats(*watched))]
    pairs = [(i, t) for i, t in enumerate(ys) if t.requires_grad]
    if not pairs:
        return
    us = [_direction(rng, t) for _, t in pairs]
    found = grad([t for _, t in pairs], watched, us, allow_unused=True)
    tangents = list(leaves(dy))
    left = sum(_inner(u, tangents[i]) for (i, _), u in zip(pairs, us, strict=True))
    right = sum(_inner(g, v) for g, v in zip(found, vs, strict=True) if g is not None)
    _same(y, tuple(ys) if isinstance(y, tuple) else ys[0].detach())
    scale = sum(float(np.abs(v.numpy()).sum()) for v in (*tangents, *us)) + 1
    assert abs(left - right) <= 1e-9 * scale * max(1.0, abs(left))


def _direction(rng: np.random.Generator, x: Tensor) -> Tensor:
    v = rng.standard_normal(x.shape)
    return Tensor(v + 1j * rng.standard_normal(x.shape) if x.dtype.kind == "c" else v)


def _inner(u: Tensor, v: Tensor) -> float:
    return float(np.sum(u.numpy().conj() * v.numpy()).real)
