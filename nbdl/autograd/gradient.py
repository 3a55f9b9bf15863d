"""Gradients as functions of functions, for one example or, with ``vmap``, for each of many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbdl.core import Tensor, grad
from nbdl.core.backward import leaves_of
from nbdl.core.lifted import Lifted
from nbdl.core.modes import enable_grad, is_grad_enabled
from nbdl.core.tree import leaves, map_tensors
from nbdl.errors import ArgumentError, GradientError, ShapeError
from nbdl.ops.conversion import astensor
from nbdl.ops.creation import zeros_like


def gradient(
    function: Callable[..., Any], argnums: int | tuple[int, ...] = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives the gradient of ``function``, which returns a number.

    Args:
        function: gives a tensor with one element; with ``has_aux`` a tuple (number, anything).
        argnums: which arguments (tensors, or tuples, lists and dicts of them) to derive by.
        has_aux: also return what ``function`` gives beside the number.

    Returns:
        The gradient in the structure of the argument, a tuple of them when ``argnums`` is a
        tuple; with ``has_aux`` (gradient, aux). An argument that is not used has zeros.
    """
    both = value_and_gradient(function, argnums, has_aux=has_aux)

    def derived(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return derived


def value_and_gradient(
    function: Callable[..., Any], argnums: int | tuple[int, ...] = 0, *, has_aux: bool = False
) -> Callable[..., tuple[Any, Any]]:
    """A function that gives (value, gradient), or ((value, aux), gradient): see ``gradient``."""
    several = isinstance(argnums, tuple)
    places: tuple[int, ...] = argnums if isinstance(argnums, tuple) else (argnums,)

    def derived(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        recording = is_grad_enabled()
        given = list(args)
        with enable_grad():
            for place in places:
                given[place] = map_tensors(watched, _checked(args, place))
            result = function(*given, **kwargs)
            y, aux = result if has_aux else (result, None)
            xs = [x for place in places for x in leaves(given[place])]
            found = iter(_gradients(y, xs, recording))
        trees = tuple(map_tensors(lambda _: next(found), given[place]) for place in places)
        value = released(y, xs, recording)
        return ((value, aux) if has_aux else value), (trees if several else trees[0])

    return derived


def watched(x: Tensor) -> Tensor:
    """An end of the tape for one gradient alone, connected to what x was computed from."""
    return x.clone() if x.requires_grad else Tensor._wrap(x.value).requires_grad_()


def released(y: Tensor, xs: list[Tensor], recording: bool) -> Tensor:
    """``y`` with the history that leads beyond ``xs``, without one if there is none."""
    return y if recording and _leads_beyond(y, xs) else Tensor._wrap(y.value)


def worth_recording(y: Tensor, xs: list[Tensor]) -> bool:
    """Whether somebody may differentiate the gradients of ``y`` by ``xs`` once more."""
    return isinstance(y.value, Lifted) or _leads_beyond(y, xs)


def _leads_beyond(y: Tensor, xs: list[Tensor]) -> bool:
    return bool(leaves_of(y) - {x.node for x in xs})


def _checked(args: tuple[Any, ...], place: int) -> Any:
    if not -len(args) <= place < len(args):
        raise ArgumentError(f"gradient: argnums={place}, but there are {len(args)} arguments")
    arg = args[place]
    return arg if isinstance(arg, (Tensor, tuple, list, dict)) else astensor(arg)


def _gradients(y: Any, xs: list[Tensor], recording: bool) -> list[Tensor]:
    if not isinstance(y, Tensor):
        raise GradientError(
            f"gradient needs a function that returns one tensor, got {type(y).__name__}",
            hint="has_aux=True for a function that returns (number, anything)",
        )
    if y.size != 1:
        raise ShapeError(
            f"gradient needs a function that returns a number, got shape {y.shape}",
            hint="reduce it with .sum() or .mean(), or take jacobian",
        )
    if not y.requires_grad or not xs:
        return [zeros_like(x) for x in xs]
    record = recording and worth_recording(y, xs)
    found = grad(y, xs, create_graph=record, retain_graph=recording, allow_unused=True)
    return [
        zeros_like(x) if g is None else released(g, xs, record)
        for x, g in zip(xs, found, strict=True)
    ]
