"""One function of one example, applied to many at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nbdl.core import Tensor
from nbdl.core.backward import left
from nbdl.core.lifted import Batched, World
from nbdl.core.tree import leaves, map_tensors
from nbdl.errors import ArgumentError, ShapeError, unknown
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.concatenation import concat
from nbdl.ops.conversion import astensor
from nbdl.ops.movement import moveaxis, reshape
from nbdl.shapes import normalize_axis

RANDOMNESS = ("error", "different", "same")


def vmap(
    function: Callable[..., Any],
    in_axes: Any = 0,
    out_axes: Any = 0,
    *,
    randomness: str = "error",
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that applies ``function`` to every example of a batch, without a Python loop.

    Inside, ``function`` sees one example; operations run on all of them. It combines with
    itself, ``gradient``, ``jvp`` and the rest: ``vmap(gradient(loss), (None, 0, 0))`` gives the
    gradients of every sample.

    Args:
        function: takes tensors (also in tuples, lists and dicts) and gives them.
        in_axes: which axis of the arguments counts the examples: an int for all, or a tuple
            with one entry for each; None: the argument is the same for all examples. Keyword
            arguments count them along axis 0.
        out_axes: where that axis goes in the outputs: an int, or a tuple with one for each.
        randomness: what random numbers drawn inside are: ``"error"`` refuses them,
            ``"different"`` draws for each example, ``"same"`` once for all.
        chunk_size: how many examples at once (default: all of them); bounds the memory.

    Raises:
        ShapeError: arguments with different numbers of examples.
        ArgumentError: no argument with examples; ``in_axes`` that does not fit the arguments.
        TraceError: an operation whose result's shape depends on values, as ``nonzero``.
    """
    if randomness not in RANDOMNESS:
        raise unknown("randomness", randomness, RANDOMNESS)
    if chunk_size is not None and chunk_size < 1:
        raise ArgumentError(f"vmap: chunk_size={chunk_size} must be positive")

    def batched(*args: Any, **kwargs: Any) -> Any:
        batch = _Batch(args, in_axes, kwargs)
        step = batch.count if chunk_size is None else min(chunk_size, batch.count)
        starts = range(0, batch.count, step) if batch.count else (0,)
        results = []
        for start in starts:
            with World(min(step, batch.count - start), randomness) as world:
                given, named = batch.lifted(world, start, step)
                results.append(_lowered(world, function(*given, **named)))
        return _placed(results, out_axes)

    return batched


class _Batch:
    """The arguments, with the examples along the first axis of those that have any."""

    def __init__(self, args: tuple[Any, ...], in_axes: Any, kwargs: dict[str, Any]) -> None:
        axes = in_axes if isinstance(in_axes, (tuple, list)) else (in_axes,) * len(args)
        if len(axes) != len(args):
            raise ArgumentError(
                f"vmap: in_axes={in_axes} has {len(axes)} entries for {len(args)} arguments",
                hint="one for each argument, None for one that all examples share",
            )
        self.axes = axes
        pairs = zip(args, axes, strict=True)
        self.args = [_to_front(arg, axis, f"argument {i}") for i, (arg, axis) in enumerate(pairs)]
        self.kwargs = {name: _to_front(arg, 0, name) for name, arg in kwargs.items()}
        own = [arg for arg, axis in zip(self.args, axes, strict=True) if axis is not None]
        counts = {x.shape[0] for x in leaves([*own, self.kwargs])}
        if not counts:
            raise ArgumentError(
                "vmap: no argument has an axis that counts examples",
                hint="in_axes=0 for tensors whose first axis does",
            )
        if len(counts) > 1:
            raise ShapeError(
                f"vmap: the arguments count different numbers of examples, {sorted(counts)}: "
                f"shapes {[x.shape for x in leaves([*own, self.kwargs])]} with the examples first"
            )
        (self.count,) = counts

    def lifted(
        self, world: World, start: int, step: int
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments as one example sees them; ``start`` and ``step`` choose a chunk."""

        def lift(x: Tensor) -> Tensor:
            part = x if step >= self.count else x[start : start + step]
            return Tensor._wrap(Batched(world, part))

        args = tuple(
            arg if axis is None else map_tensors(lift, arg)
            for arg, axis in zip(self.args, self.axes, strict=True)
        )
        return args, map_tensors(lift, self.kwargs)


def _to_front(arg: Any, axis: int | None, name: str) -> Any:
    if axis is None:
        return arg

    def moved(x: Tensor) -> Tensor:
        if not x.ndim:
            raise ShapeError(
                f"vmap: {name} is a number, without an axis that counts examples",
                hint="in_axes=None for an argument that all examples share",
            )
        place = normalize_axis(axis, x.ndim, "in_axes")
        return moveaxis(x, place, 0) if place else x

    return map_tensors(moved, astensor(arg) if isinstance(arg, np.ndarray) else arg)


def _lowered(world: World, result: Any) -> Any:
    """The result's tensors with all examples along the first axis."""

    def lower(y: Tensor) -> Tensor:
        if isinstance(y.value, Batched) and y.value.world is world:
            return left(world, y.value.tensor)
        return broadcast_to(reshape(y, (1, *y.shape)), (world.count, *y.shape))

    return map_tensors(lower, result)


def _placed(results: list[Any], out_axes: Any) -> Any:
    """Chunks joined, and the examples' axis where it was asked for."""
    whole = results[0] if len(results) == 1 else _joined(results)
    if isinstance(out_axes, (tuple, list)):
        if not isinstance(whole, (tuple, list)) or len(whole) != len(out_axes):
            raise ArgumentError(f"vmap: out_axes={out_axes} does not fit the function's outputs")
        return type(whole)(_to_axis(y, axis) for y, axis in zip(whole, out_axes, strict=True))
    return _to_axis(whole, out_axes)


def _to_axis(tree: Any, axis: int) -> Any:
    return map_tensors(lambda y: moveaxis(y, 0, axis), tree) if axis else tree


def _joined(results: list[Any]) -> Any:
    columns = zip(*(leaves(r) for r in results), strict=True)
    joined = iter([concat(parts) for parts in columns])
    return map_tensors(lambda _: next(joined), results[0])
