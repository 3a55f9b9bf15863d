"""How PyTorch's words become nbdl's: ``dim`` and ``keepdim``, shapes given one by one."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from types import FrameType, ModuleType
from typing import Any

from nbdl import ops
from nbdl.core.tensor import Tensor
from nbdl.nn import functional

Door = Callable[..., Any]

WORDS = {
    "dim": "axis",
    "dims": "axis",
    "keepdim": "keepdims",
    "start_dim": "start_axis",
    "end_dim": "end_axis",
    "dim0": "axis1",
    "dim1": "axis2",
    "split_size_or_sections": "size_or_sizes",
}
"""PyTorch's word for an argument -> the array API's or nbdl's."""


SECOND = ("other", "exponent", "mat2")
"""PyTorch's words for a second argument, which nbdl's functions take by position."""

ALONG = (
    "sum", "mean", "nanmean", "nansum", "prod", "any", "all", "argmax", "argmin", "count_nonzero",
    "logsumexp",
)  # fmt: skip
"""Reductions that only need PyTorch's words for the axis."""

SPOKEN = (
    "chunk", "cumprod", "cumsum", "expand", "flatten", "gather", "index_add", "index_copy",
    "index_fill", "index_reduce", "index_select", "logcumsumexp", "masked_fill",
    "masked_scatter", "masked_select", "narrow", "permute", "renorm", "repeat_interleave",
    "select", "select_scatter", "slice_scatter", "split", "swapaxes", "take", "transpose",
    "unbind", "unflatten", "unsqueeze",
)  # fmt: skip
"""Functions that only need PyTorch's words for other arguments."""

_NAMES = {"transpose": "swapaxes", "unsqueeze": "expand_dims"}


def door(name: str) -> Door:
    """The function ``name`` of nbdl.ops, whatever family it lives in."""
    for family in (*ops.FAMILIES, functional):
        found = getattr(family, name, None)
        if callable(found):
            return found
    raise AttributeError(f"nbdl.ops has no function {name!r}")


def spoken(name: str, positions: tuple[str, ...] = ()) -> Door:
    """The function ``name`` of nbdl.ops that also understands PyTorch's words.

    ``positions`` names the arguments after the first, for functions that take by keyword only
    what PyTorch also takes by position.
    """
    return in_words(door(_NAMES.get(name, name)), positions)


def in_words(function: Door, positions: tuple[str, ...] = ()) -> Door:
    """``function`` in PyTorch's words: see ``spoken``."""
    code = function.__code__
    own = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    words = {theirs: ours for theirs, ours in WORDS.items() if theirs not in own}
    if "axes" in own:
        words["dim"] = "axes"

    @functools.wraps(function)
    def with_words(*args: Any, **kwargs: Any) -> Any:
        if positions and len(args) > 1:
            kwargs.update(zip(positions, args[1:], strict=False))
            args = args[:1]
        if not kwargs:
            return function(*args)
        if "input" in kwargs:
            args = (kwargs.pop("input"), *args)
        for word in SECOND:
            if word in kwargs:
                args = (*args, kwargs.pop(word))
        out = kwargs.pop("out", None)
        kwargs = {words.get(word, word): value for word, value in kwargs.items()}
        if isinstance(kwargs.get("axis"), list):
            kwargs["axis"] = tuple(kwargs["axis"])
        return into(out, function(*args, **kwargs))

    return with_words


def along(name: str) -> Door:
    """The reduction ``name``: ``(x, dim, keepdim)`` as well as ``(x, axis=, keepdims=)``."""
    return spoken(name, ("axis", "keepdims"))


def sizes(shape: Sequence[Any]) -> tuple[int, ...]:
    """``view(2, 3)`` and ``view((2, 3))`` mean the same."""
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        return tuple(shape[0])
    return tuple(shape)


def into(out: Any, y: Any) -> Any:
    """``out=``: the result goes into the box of ``out``, whose dtype stays, and is returned."""
    if out is None:
        return y
    if isinstance(y, tuple):
        return tuple(into(o, part) for o, part in zip(out, y, strict=True))
    return out._take(y if out.dtype == y.dtype else y.to(out.dtype))


def speaks_torch(frame: FrameType | None) -> bool:
    """Whether the code of ``frame`` stands in a module (or notebook) that imported nbdl.torch."""
    if frame is None:
        return False
    names = frame.f_globals
    if str(names.get("__name__", "")).startswith("nbdl.torch"):
        return True
    return any(
        type(value) is ModuleType and value.__name__.startswith("nbdl.torch")
        for value in names.values()
    )


def by_caller(ours: Door, theirs: Door) -> Door:
    """A method whose meaning follows the imports of the code that calls it.

    The few methods that PyTorch and the array API define differently (``x.std()``,
    ``x.max(1)``) mean PyTorch's wherever nbdl.torch was imported, and the array API's
    everywhere else, nbdl's own code included. PyTorch's keywords always mean PyTorch's.
    """

    @functools.wraps(theirs)
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        if "axis" in kwargs or "keepdims" in kwargs:
            return ours(self, *args, **kwargs)
        if "dim" in kwargs or "keepdim" in kwargs or speaks_torch(sys._getframe(1)):
            return theirs(self, *args, **kwargs)
        return ours(self, *args, **kwargs)

    return method
