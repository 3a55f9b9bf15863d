"""Gradients held against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core import Tensor, grad, no_grad
from nbdl.core.tree import leaves
from nbdl.shapes import Spec


class GradientMismatch(AssertionError):
    """A gradient differs from finite differences, or has no data or a wrong shape."""


def check_grad(
    function: Callable[..., Any],
    *inputs: Any,
    order: int = 2,
    eps: float = 1e-6,
    rtol: float = 1e-4,
    atol: float = 1e-6,
    seed: int = 0,
) -> bool:
    """Compare the gradients of ``function`` with central differences in double precision.

    The gradient of a complex input is d/d(real part) + i d/d(imaginary part), PyTorch's.

    Args:
        function: takes tensors, gives a tensor or a tuple of them.
        inputs: arrays or tensors; floats are checked (as float64) and complex numbers (as
            complex128), others are passed on.
        order: 1, or 2 for the gradient of the gradient as well.
        eps: the step of the differences.
        rtol, atol: how far off a gradient may be: atol + rtol * the largest of its kind.
        seed: of the random weights with which outputs are summed.

    Returns:
        True.

    Raises:
        GradientMismatch: names the input, the element, and both values.
    """
    arrays = [_double(x) for x in inputs]
    places = [i for i, a in enumerate(arrays) if a.dtype.kind in "fc"]
    rng = np.random.default_rng(seed)
    outputs = _float_outputs(_call(function, arrays, ()))
    weights = [_weights(rng, y) for y in outputs]
    _compare(function, arrays, places, weights, "gradient", eps, rtol, atol)
    if order < 2:
        return True

    count = len(arrays)

    def first(*values: Tensor) -> Any:
        xs, dys = values[:count], values[count:]
        ys = _float_outputs(function(*xs))
        wanted = [xs[i] for i in places]
        kept = [(y, dy) for y, dy in zip(ys, dys, strict=True) if y.requires_grad]
        if not kept:
            return ()
        found = grad(
            [y for y, _ in kept],
            wanted,
            [dy for _, dy in kept],
            create_graph=True,
            allow_unused=True,
        )
        return tuple(g for g in found if g is not None)

    both = [*arrays, *weights]
    seconds = _float_outputs(_call(first, both, range(len(both))))
    if seconds:
        weights2 = [_weights(rng, y) for y in seconds]
        variable = [*places, *range(count, len(both))]
        _compare(first, both, variable, weights2, "second gradient", eps, rtol, atol)
    return True


def _compare(
    function: Callable[..., Any],
    arrays: list[np.ndarray],
    places: Sequence[int],
    weights: list[np.ndarray],
    what: str,
    eps: float,
    rtol: float,
    atol: float,
) -> None:
    """Raise GradientMismatch where the analytic gradients differ from the numeric ones."""
    found = _analytic(function, arrays, places, weights)
    expected = numeric_gradients(function, arrays, places, weights, eps)
    for place, g, n in zip(places, found, expected, strict=True):
        g = np.zeros_like(n) if g is None else g
        if g.shape != n.shape:
            raise GradientMismatch(f"{what} of input {place} has shape {g.shape}, not {n.shape}")
        if not n.size:
            continue
        off = np.abs(g - n) - (atol + rtol * np.maximum(np.abs(n), np.abs(n).max() * 1e-3))
        if not np.isfinite(g).all() or off.max() > 0:
            worst = np.unravel_index(np.argmax(np.where(np.isfinite(g), off, np.inf)), n.shape)
            raise GradientMismatch(
                f"{what} of input {place} at {tuple(int(i) for i in worst)} is {g[worst]:.8g}, "
                f"finite differences give {n[worst]:.8g}"
            )


def _analytic(
    function: Callable[..., Any],
    arrays: list[np.ndarray],
    places: Sequence[int],
    weights: list[np.ndarray],
) -> list[np.ndarray | None]:
    tensors = [Tensor(a) for a in arrays]
    for i in places:
        tensors[i].requires_grad_()
    ys = _float_outputs(function(*tensors))
    kept = [(y, Tensor(w)) for y, w in zip(ys, weights, strict=True) if y.requires_grad]
    if not kept:
        return [None] * len(places)
    found = grad(
        [y for y, _ in kept],
        [tensors[i] for i in places],
        [w for _, w in kept],
        allow_unused=True,
    )
    for place, g in zip(places, found, strict=True):
        if g is not None and type(g.value) is Spec:
            raise GradientMismatch(
                f"the gradient of input {place} has no data: the rule reads a value that "
                "`saves` does not declare"
            )
    return [None if g is None else g.numpy().copy() for g in found]


def numeric_gradients(
    function: Callable[..., Any],
    arrays: list[np.ndarray],
    places: Sequence[int],
    weights: list[np.ndarray],
    eps: float = 1e-6,
) -> list[np.ndarray]:
    """Central differences of the weighted sum of outputs, for the inputs at ``places``."""

    def total(values: list[np.ndarray]) -> float:
        # With gradients recorded: the function may itself take a gradient.
        ys = _float_outputs(_call(function, values, range(len(values))))
        terms = ((y.numpy() * w.conj()).real.sum() for y, w in zip(ys, weights, strict=True))
        return float(sum(terms))

    def slope(place: int, i: tuple[int, ...], direction: complex) -> float:
        sides = []
        for step in (eps, -eps):
            values = list(arrays)
            values[place] = arrays[place].copy()
            values[place][i] += step * direction
            sides.append(total(values))
        return (sides[0] - sides[1]) / (2 * eps)

    result = []
    for place in places:
        g = np.zeros_like(arrays[place])
        for i in np.ndindex(g.shape):
            g[i] = slope(place, i, 1)
            if g.dtype.kind == "c":
                g[i] += 1j * slope(place, i, 1j)
        result.append(g)
    return result


def _weights(rng: np.random.Generator, y: Tensor) -> np.ndarray:
    w = rng.uniform(0.5, 1.5, y.shape)
    if y.dtype.kind == "c":
        w = w + 1j * rng.uniform(0.5, 1.5, y.shape)
    return np.asarray(w)


def _call(function: Callable[..., Any], arrays: list[np.ndarray], leaves_at: Any) -> Any:
    """``function`` on tensors; those at ``leaves_at`` require a gradient, else nothing does."""
    tensors = [Tensor(a) for a in arrays]
    if not leaves_at:
        with no_grad():
            return function(*tensors)
    for i in leaves_at:
        if tensors[i].dtype.kind in "fc":
            tensors[i].requires_grad_()
    return function(*tensors)


def _float_outputs(outputs: Any) -> list[Tensor]:
    return [y for y in leaves(outputs) if dtypes.is_differentiable(y.dtype)]


def _double(x: Any) -> np.ndarray:
    array = x.numpy() if isinstance(x, Tensor) else np.asarray(x)
    if array.dtype.kind == "c":
        return array.astype(np.complex128)
    return array.astype(np.float64) if array.dtype.kind in "fV" else array
