"""Gradients compared with finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nbdl.core import Tensor, grad
from nbdl.errors import GradientError
from nbdl.ops.creation import zeros_like


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
        g = _gradient(y, xs[i], Tensor(weights)).numpy()
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


def _tensor_from(function: Callable[..., Any], *inputs: Tensor) -> Tensor:
    y = function(*inputs)
    if not isinstance(y, Tensor):
        raise GradientError(f"the function must return one tensor, it returned {type(y).__name__}")
    return y


def _gradient(y: Tensor, x: Tensor, dy: Tensor) -> Tensor:
    """The gradient, zeros where y does not depend on x."""
    if not y.requires_grad:
        return zeros_like(x)
    (g,) = grad(y, x, dy, retain_graph=True, allow_unused=True)
    return zeros_like(x) if g is None else g
