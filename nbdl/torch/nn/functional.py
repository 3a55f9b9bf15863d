"""PyTorch's ``torch.nn.functional``: that of ``nbdl.nn``, in PyTorch's words.

The first argument may be given as ``input=``, activations take ``inplace``, and each has its
in-place twin: ``F.relu(x, inplace=True)``, ``F.relu_(x)``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from nbdl.errors import ArgumentError
from nbdl.nn import functional as _ours
from nbdl.ops.inplace import in_place

_Function = Callable[..., Any]

_INPLACE = {
    "alpha_dropout": 3, "celu": 2, "elu": 2, "feature_alpha_dropout": 3, "hardsigmoid": 1,
    "hardswish": 1, "hardtanh": 3, "leaky_relu": 2, "mish": 1, "relu": 1, "relu6": 1, "rrelu": 4,
    "selu": 1, "silu": 1, "threshold": 3,
}  # fmt: skip
"""Functions that take ``inplace`` -> how many arguments come before it."""

_TWINS = ("celu", "elu", "hardtanh", "leaky_relu", "relu", "rrelu", "selu", "threshold")
"""Functions that have a twin whose name ends in ``_``."""


def _in_words(name: str) -> _Function:
    """The function ``name`` with PyTorch's words."""
    function: _Function = getattr(_ours, name)
    ours = inspect.signature(function)
    names = list(ours.parameters)
    before = _INPLACE.get(name)
    if before is None and names[0] != "x":
        return _without_old_words(function) if "reduction" in names else function

    @functools.wraps(function)
    def with_words(input: Any, *args: Any, inplace: bool = False, **kwargs: Any) -> Any:
        if before is not None and len(args) == before:
            *args, inplace = args  # type: ignore[assignment]
        y = function(input, *args, **kwargs)
        return input._replace(y) if inplace else y

    first, *rest = ours.parameters.values()
    first = first.replace(name="input")
    if before is not None:
        rest.insert(before - 1, inspect.Parameter("inplace", first.kind, default=False))
    with_words.__signature__ = ours.replace(parameters=[first, *rest])  # type: ignore[attr-defined]
    return with_words


def _without_old_words(function: _Function) -> _Function:
    """A loss that says what became of ``size_average`` and ``reduce``."""

    @functools.wraps(function)
    def loss(*args: Any, **kwargs: Any) -> Any:
        for word in ("size_average", "reduce"):
            if kwargs.pop(word, None) is not None:
                raise ArgumentError(
                    f"{function.__name__} has no argument {word!r}, which PyTorch has given up",
                    hint='reduction="mean", "sum" or "none"',
                )
        return function(*args, **kwargs)

    return loss


for _name in _ours.__all__:
    globals()[_name] = _in_words(_name)
for _name in _TWINS:
    globals()[f"{_name}_"] = in_place(globals()[_name])
    globals()[f"{_name}_"].__name__ = f"{_name}_"

__all__ = [*_ours.__all__, *(f"{_name}_" for _name in _TWINS)]
