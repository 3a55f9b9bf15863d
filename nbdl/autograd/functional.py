"""Derivatives of functions of tensors, by reverse mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nbdl.core import Tensor, grad
from nbdl.errors import GradientError, ShapeError
from nbdl.ops.conversion import astensor
from nbdl.ops.creation import zeros_like
from nbdl.ops.movement import reshape, stack

Output = Tensor | tuple[Tensor, ...]


def _watched(x: Any) -> Tensor:
    """A leaf of its own with x's values; a tensor with a history stays connected to it."""
    x = astensor(x)
    return x if x.requires_grad else x.detach().requires_grad_()


def _tensor_from(function: Callable[..., Any], *inputs: Tensor) -> Tensor:
    y = function(*inputs)
    if not isinstance(y, Tensor):
        raise GradientError(f"the function must return one tensor, it returned {type(y).__name__}")
    return y


def _gradient(y: Tensor, x: Tensor, dy: Tensor | None, create_graph: bool, keep: bool) -> Tensor:
    """The gradient, zeros where y does not depend on x."""
    if not y.requires_grad:
        return zeros_like(x)
    (g,) = grad(y, x, dy, create_graph=create_graph, retain_graph=keep, allow_unused=True)
    return zeros_like(x) if g is None else g


def vjp(
    function: Callable[..., Any],
    inputs: Any,
    v: Tensor | None = None,
    *,
    create_graph: bool = False,
) -> tuple[Tensor, Output]:
    """The output, and ``v`` times the Jacobian: one backward.

    Args:
        function: of as many tensors as ``inputs`` has; returns one tensor.
        inputs: a tensor or a tuple of them.
        v: of the output's shape; may be left out for a scalar.
        create_graph: record the gradient's own computation.

    Returns:
        (output, gradient): a tuple of gradients when ``inputs`` is a tuple.
    """
    several = isinstance(inputs, tuple)
    xs = tuple(_watched(x) for x in (inputs if several else (inputs,)))
    y = _tensor_from(function, *xs)
    found = tuple(_gradient(y, x, v, create_graph, True) for x in xs)
    return y if create_graph else y.detach(), found if several else found[0]


def jacobian(function: Callable[..., Any], x: Any, *, create_graph: bool = False) -> Tensor:
    """All derivatives of a tensor by a tensor, one backward for each element of the output.

    x: (A), function(x): (B) -> y: (B, A) for shapes A and B.
    """
    x = _watched(x)
    y = _tensor_from(function, x)
    rows = []
    for i in range(y.size):
        one = np.zeros(y.size, y.dtype)
        one[i] = 1
        rows.append(_gradient(y, x, Tensor(one.reshape(y.shape)).to(y.device), create_graph, True))
    if not rows:
        return zeros_like(reshape(x, (1, *x.shape)))[:0].reshape((*y.shape, *x.shape))
    return reshape(stack(rows), (*y.shape, *x.shape))


def hessian(function: Callable[..., Any], x: Any, *, create_graph: bool = False) -> Tensor:
    """All second derivatives of a scalar function.  x: (A) -> y: (A, A) for a shape A."""

    def gradient(x: Tensor) -> Tensor:
        y = _tensor_from(function, x)
        if y.size != 1:
            raise ShapeError(f"hessian needs a function with one result, got shape {y.shape}")
        return _gradient(y, x, None, True, True)

    return jacobian(gradient, x, create_graph=create_graph)


def hvp(function: Callable[..., Any], x: Any, v: Any) -> Tensor:
    """The Hessian of a scalar function times ``v``, by two backwards.  x, v: (A) -> y: (A)."""
    x = _watched(x)
    y = _tensor_from(function, x)
    if y.size != 1:
        raise ShapeError(f"hvp needs a function with one result, got shape {y.shape}")
    g = _gradient(y, x, None, True, True)
    return _gradient((g * astensor(v)).sum(), x, None, False, False)


def gradcheck(
    function: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
) -> bool:
    """Compare the gradients of ``function`` with central differences; inputs in float64.

    Args:
        function: of as many tensors as ``inputs`` has; returns one tensor.
        inputs: a tensor or a tuple of them; those that require a gradient are checked.
        eps, atol, rtol: the step, and how far off a gradient may be.

    Returns:
        True.

    Raises:
        GradientError: names the input and element that differ, or an input in low precision.
    """
    xs = inputs if isinstance(inputs, tuple) else (inputs,)
    checked = [i for i, x in enumerate(xs) if x.requires_grad]
    for i in checked:
        if xs[i].dtype != np.float64:
            raise GradientError(
                f"gradcheck: inputs[{i}] is {xs[i].dtype}, too coarse for finite differences",
                hint="x.double().detach().requires_grad_()",
            )
    y = _tensor_from(function, *xs)
    weights = np.random.default_rng(0).uniform(0.5, 1.5, y.shape)
    for i in checked:
        g = _gradient(y, xs[i], Tensor(weights), False, True).numpy()
        for place in np.ndindex(xs[i].shape):
            sides = []
            for step in (eps, -eps):
                moved = xs[i].numpy().copy()
                moved[place] += step
                values = (*xs[:i], Tensor(moved), *xs[i + 1 :])
                sides.append(float((_tensor_from(function, *values).numpy() * weights).sum()))
            expected = (sides[0] - sides[1]) / (2 * eps)
            if not abs(g[place] - expected) <= atol + rtol * abs(expected):
                raise GradientError(
                    f"gradcheck: the gradient of inputs[{i}] at {place} is {g[place]:.6g}, finite "
                    f"differences give {expected:.6g}"
                )
    return True
