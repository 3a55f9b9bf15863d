"""Derivatives of functions of tensors: whole Jacobians and products with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nbdl.autograd.batching import vmap
from nbdl.autograd.forward import jvp
from nbdl.autograd.gradient import gradient, released, watched, worth_recording
from nbdl.core import Tensor, grad
from nbdl.core.modes import enable_grad, is_grad_enabled
from nbdl.core.tree import leaves, map_tensors
from nbdl.errors import GradientError, ShapeError, unknown
from nbdl.ops.conversion import astensor
from nbdl.ops.creation import zeros_like
from nbdl.ops.movement import moveaxis, reshape
from nbdl.ops.ranges import eye

Places = int | tuple[int, ...]


def vjp(function: Callable[..., Any], inputs: Any, v: Any = None) -> tuple[Any, Any]:
    """The output, and ``v`` times the Jacobian: one backward.

    Args:
        function: of as many tensors as ``inputs`` has; returns a tensor, or a tuple of them.
        inputs: a tensor or a tuple of them.
        v: of the output's structure and shapes; may be left out for a number.

    Returns:
        (output, gradient): a tuple of gradients when ``inputs`` is a tuple.
    """
    several = isinstance(inputs, tuple)
    recording = is_grad_enabled()
    with enable_grad():
        xs = [watched(astensor(x)) for x in (inputs if several else (inputs,))]
        y = function(*xs)
        ys = list(leaves(y))
        vs = [None] * len(ys) if v is None else [astensor(t) for t in leaves(v)]
        found = _pulled_back(ys, vs, xs, recording, keep=recording)
    result = map_tensors(lambda t: released(t, xs, recording), y)
    return result, (tuple(found) if several else found[0])


def _pulled_back(
    ys: list[Tensor], vs: list[Any], xs: list[Tensor], recording: bool, keep: bool
) -> list[Tensor]:
    """Gradients of all ``ys``, weighted by ``vs``; zeros where nothing depends on an input."""
    pairs = [(y, v) for y, v in zip(ys, vs, strict=True) if y.requires_grad]
    if not pairs:
        return [zeros_like(x) for x in xs]
    record = recording and any(worth_recording(y, xs) for y, _ in pairs)
    found = grad([y for y, _ in pairs], xs, [v for _, v in pairs], create_graph=record,
                 retain_graph=keep, allow_unused=True)  # fmt: skip
    return [
        zeros_like(x) if g is None else released(g, xs, record)
        for x, g in zip(xs, found, strict=True)
    ]


def jacrev(
    function: Callable[..., Any], argnums: Places = 0, *, chunk_size: int | None = None
) -> Callable[..., Any]:
    """A function that gives all derivatives of the output, by one batched backward.

    Args:
        function: of tensors; gives a tensor, or several in a tuple, list or dict.
        argnums: which arguments to derive by; a tuple of places gives a tuple of Jacobians.
        chunk_size: how many elements of the output at once (default all): bounds the memory.

    Returns:
        For an output of shape (B) and an argument of shape (A) a tensor (B, A), in the
        structure of the output. Best where the output has fewer elements than the argument.
    """

    def derived(*args: Any) -> Any:
        recording = is_grad_enabled()
        with enable_grad():
            given, xs = _watched_at(args, argnums)
            y = function(*given)
            _require_tensors("jacrev", y)
            return map_tensors(lambda t: rows(t, xs, recording), y)

    def rows(y: Tensor, xs: list[Tensor], recording: bool) -> Any:
        def row(dy: Tensor) -> list[Tensor]:
            return _pulled_back([y], [dy], xs, recording, keep=True)

        basis = reshape(eye(y.size, dtype=y.dtype).to(y.device), (y.size, *y.shape))
        found = vmap(row, chunk_size=chunk_size)(basis)
        shaped = tuple(reshape(g, (*y.shape, *x.shape)) for g, x in zip(found, xs, strict=True))
        return shaped if isinstance(argnums, tuple) else shaped[0]

    return derived


def _watched_at(args: tuple[Any, ...], argnums: Places) -> tuple[list[Any], list[Tensor]]:
    given = [astensor(a) if isinstance(a, (np.ndarray, list, float)) else a for a in args]
    places = argnums if isinstance(argnums, tuple) else (argnums,)
    for place in places:
        given[place] = watched(given[place])
    return given, [given[place] for place in places]


def _require_tensors(name: str, y: Any) -> None:
    if not any(True for _ in leaves(y)):
        raise GradientError(f"{name}: the function must return tensors, got {type(y).__name__}")


def jacfwd(
    function: Callable[..., Any], argnums: Places = 0, *, chunk_size: int | None = None
) -> Callable[..., Any]:
    """As ``jacrev``, by forward mode: best where the argument has fewer elements."""

    def derived(*args: Any) -> Any:
        places = argnums if isinstance(argnums, tuple) else (argnums,)
        given = [astensor(a) if isinstance(a, (np.ndarray, list, float)) else a for a in args]
        found = [columns(given, place) for place in places]
        if not isinstance(argnums, tuple):
            return found[0]
        parts = [list(leaves(f)) for f in found]
        by_output = iter([tuple(p[i] for p in parts) for i in range(len(parts[0]))])
        return map_tensors(lambda _: next(by_output), found[0])

    def columns(args: list[Any], place: int) -> Any:
        x = args[place]

        def column(v: Tensor) -> Any:
            def of_one(t: Tensor) -> Any:
                return function(*args[:place], t, *args[place + 1 :])

            y, dy = jvp(of_one, (x,), (v,))
            _require_tensors("jacfwd", y)
            return dy

        basis = reshape(eye(x.size, dtype=x.dtype).to(x.device), (x.size, *x.shape))
        found = vmap(column, chunk_size=chunk_size)(basis)
        return map_tensors(
            lambda g: reshape(moveaxis(g, 0, -1), (*g.shape[1:], *x.shape)), found
        )

    return derived


def jacobian(function: Callable[..., Any], x: Any, *, mode: str = "reverse") -> Any:
    """All derivatives of ``function`` at ``x``.  x: (A), function(x): (B) -> y: (B, A).

    Args:
        function: of one tensor; gives a tensor, or several in a tuple, list or dict.
        x: a tensor or an array.
        mode: ``"reverse"`` (one backward for each element of the output, batched) or
            ``"forward"`` (one jvp for each element of x, batched).
    """
    if mode not in ("reverse", "forward"):
        raise unknown("mode", mode, ("reverse", "forward"))
    return (jacrev if mode == "reverse" else jacfwd)(function)(astensor(x))


def hessian(function: Callable[..., Any], x: Any) -> Tensor:
    """All second derivatives of a function that gives a number.  x: (A) -> y: (A, A)."""
    return jacrev(_gradient_of("hessian", function))(astensor(x))


def hvp(function: Callable[..., Any], x: Any, v: Any) -> Tensor:
    """The Hessian times ``v``: forward over reverse (Pearlmutter 1994).  x, v: (A) -> y: (A)."""
    x, v = astensor(x), astensor(v)
    return jvp(_gradient_of("hvp", function), (x,), (v.to(x.dtype),))[1]


def _gradient_of(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def number(x: Tensor) -> Tensor:
        y = function(x)
        if isinstance(y, Tensor) and y.size != 1:
            raise ShapeError(f"{name} needs a function with one result, got shape {y.shape}")
        return y

    return gradient(number)
