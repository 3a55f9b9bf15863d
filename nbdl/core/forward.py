"""Derivatives along tangents, from the rule of the gradient.

``grad`` is linear in dy, and its transpose is the derivative that forward mode needs: so it is
taken by differentiating the rule with respect to dy. The trick is J. Townsend's ("A new trick
for calculating Jacobian vector products", 2017), here for one operation at a time, so that no
values are kept beyond it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbdl.core import modes
from nbdl.core.backward import grad
from nbdl.core.needs import rules
from nbdl.core.tensor import Tensor

if TYPE_CHECKING:
    from nbdl.core.op import Op


def pushforward(
    op: Op, tangents: tuple[Tensor | None, ...], y: Any, xs: tuple[Tensor, ...]
) -> Any:
    """The tangents of the output(s) ``y`` of ``op`` at ``xs``.

    Args:
        op: an operation with a gradient.
        tangents: one for each input, None for those that stay.
        y: the output, or the tuple of outputs.
        xs: the inputs.

    Returns:
        A tensor (a tuple of them if there are several outputs); None where nothing changes.
    """
    several = isinstance(y, tuple)
    ys = y if several else (y,)
    record = modes.is_grad_enabled()
    with modes.enable_grad():
        dys = tuple(_direction(op, i, v) for i, v in enumerate(ys))
        gradients = op.grad(dys if several else dys[0], y, *xs)
        gradients = gradients if type(gradients) is tuple else (gradients,)
        pairs = [
            (fitted, t)
            for g, x, t in zip(gradients, xs, tangents, strict=True)
            if t is not None and (fitted := _fitted(op, g, x)) is not None
        ]
        pairs = [(g, t) for g, t in pairs if g.node is not None]
        wanted = [dy for dy in dys if dy is not None]
        if not pairs or not wanted:
            return (None,) * len(ys) if several else None
        found = iter(
            grad([g for g, _ in pairs], wanted, [t for _, t in pairs], create_graph=record,
                 allow_unused=True)
        )  # fmt: skip
    result = tuple(None if dy is None else next(found) for dy in dys)
    return result if several else result[0]


def _direction(op: Op, i: int, y: Tensor) -> Tensor | None:
    """A gradient of output ``i`` to differentiate by; None for one that carries none."""
    if i in op.byproducts or y.dtype.kind not in "fcV":
        return None
    return rules.zeros(y.spec).to(y.device).requires_grad_()


def _fitted(op: Op, g: Any, x: Tensor) -> Tensor | None:
    """A gradient in the input's shape and dtype, as the walk back makes it."""
    g = g if g is None or isinstance(g, Tensor) else g()
    if g is None:
        return None
    if op.broadcasts and g.shape != x.shape:
        g = rules.sum_to(g, x.shape)
    return g if g.dtype == x.dtype else rules.cast(g, x.dtype)
