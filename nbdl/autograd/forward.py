"""Forward mode: derivatives along a direction, computed beside the values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbdl.core import Tensor
from nbdl.core.backward import left
from nbdl.core.lifted import Dual, World
from nbdl.core.tree import leaves, map_tensors
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.conversion import astensor
from nbdl.ops.creation import zeros_like


def jvp(function: Callable[..., Any], primals: Any, tangents: Any) -> tuple[Any, Any]:
    """The output, and the Jacobian times the tangents: how the output changes along them.

    One pass, no tape: memory does not grow with the depth of the function. Siskind and
    Pearlmutter, "Nesting forward-mode AD in a functional framework", 2008.

    Args:
        function: of as many tensors as ``primals`` has; gives a tensor, or several in a tuple,
            list or dict.
        primals: a tensor, or a tuple of arguments (tensors, or tuples, lists and dicts of them).
        tangents: of the same structure and shapes.

    Returns:
        (output, tangent): of the same structure.

    Raises:
        ShapeError: a tangent of another shape than its primal.
    """
    several = isinstance(primals, (tuple, list))
    xs, vs = (primals, tangents) if several else ((primals,), (tangents,))
    xs, vs = map_tensors(astensor, tuple(xs)), map_tensors(astensor, tuple(vs))
    flat = list(leaves(vs))
    if len(flat) != len(list(leaves(xs))):
        raise ArgumentError(
            f"jvp: {len(list(leaves(xs)))} primals, but {len(flat)} tangents",
            hint="one tangent for each tensor",
        )
    given = iter(flat)
    with World() as world:
        result = function(*map_tensors(lambda x: _lifted(world, x, next(given)), xs))
        return (
            map_tensors(lambda y: _parts(world, y)[0], result),
            map_tensors(lambda y: _parts(world, y)[1], result),
        )


def _lifted(world: World, x: Tensor, v: Tensor) -> Tensor:
    if x.shape != v.shape:
        raise ShapeError(f"jvp: a primal of shape {x.shape} has a tangent of shape {v.shape}")
    return Tensor._wrap(Dual(world, x, v.to(x.dtype)))


def _parts(world: World, y: Tensor) -> tuple[Tensor, Tensor]:
    if isinstance(y.value, Dual) and y.value.world is world:
        return left(world, y.value.primal), left(world, y.value.tangent)
    return y, zeros_like(y)
