"""``x[0]`` without a name stands for a place in ``x``.

A tensor is a box of its own: once it has a name, ``y = x[0]`` changes no more with ``x``, nor
``x`` with ``y``. But in ``x[0][1] = 5`` and ``x[0].fill_(5)`` nobody holds what ``x[0]`` gives; a
change of it would be lost, and what is meant is a change of ``x``. So it is put back into ``x``.
Where nothing is known to put it back into, as in ``x.T.fill_(5)``, the change is refused.

CPython counts references, so a tensor that only the running expression holds can be told from
one that has a name. The counts are measured when this module is imported; where they do not
differ, every tensor counts as one with a name.
"""

from __future__ import annotations

import functools
import opcode
import sys
from collections.abc import Callable
from types import EllipsisType, FrameType, NoneType
from typing import TYPE_CHECKING, Any

import numpy as np

from nbdl.core.needs import rules
from nbdl.errors import ArgumentError

if TYPE_CHECKING:
    from nbdl.core.tensor import Tensor


class _Probe:
    """What the counts are measured on."""

    def __init__(self, counts: list[int]) -> None:
        self.counts = counts

    def __getitem__(self, index: int) -> None:
        self.counts.append(sys.getrefcount(self))

    def __setitem__(self, index: int, value: int) -> None:
        self.counts.append(sys.getrefcount(self))

    def change(self) -> None:
        self.counts.append(sys.getrefcount(self))


def _measured() -> tuple[int, int, int]:
    """The counts, inside three kinds of call, of an object without a name; 0 if not told apart."""
    counts: list[int] = []
    _Probe(counts)[0]
    _Probe(counts)[0] = 0
    _Probe(counts).change()
    named = _Probe(counts)
    named[0]
    named[0] = 0
    named.change()
    get, put, call = (a if a < b else 0 for a, b in zip(counts[:3], counts[3:], strict=True))
    return get, put, call


IN_GET, IN_SET, IN_CALL = _measured()
"""``sys.getrefcount(self)`` in ``__getitem__``, ``__setitem__`` and a method, without a name."""

_PLACES = {int, slice, NoneType, EllipsisType}
_POP_TOP, _CACHE = opcode.opmap["POP_TOP"], opcode.opmap["CACHE"]


def is_place(index: Any) -> bool:
    """Whether an index names a place (numbers and slices), and does not choose copies."""
    if type(index) is tuple:
        return _PLACES.issuperset(map(type, index))
    return type(index) in _PLACES or isinstance(index, np.integer)


def place_of(x: Tensor) -> tuple[Tensor, tuple[Any, ...]] | None:
    """The tensor, if it is there still, in which ``x`` was a place, and the indices."""
    origin: Any = getattr(x, "origin", None)
    whole = None if origin is None else origin[0]()
    return None if whole is None else (whole, origin[1])


def put_back(x: Tensor, whole: Tensor, indices: tuple[Any, ...]) -> None:
    """Put the value of ``x`` into its place in ``whole``."""
    parts = [whole]
    for index in indices[:-1]:
        parts.append(rules.get_item(parts[-1], index))
    for part, index in zip(reversed(parts), reversed(indices), strict=True):
        x = rules.set_item(part, index, x)
    whole._replace(x)


def refusal(what: str) -> ArgumentError:
    """The error for a change that would be lost."""
    return ArgumentError(
        f"{what} would change a tensor that nobody keeps: x.view(...), x.T, x[mask] and the like "
        "are tensors of their own, not windows into x",
        hint="x[i, j] = v or x[mask] = v changes x; or give the tensor a name first",
    )


def changing(method: Callable[..., Any]) -> Callable[..., Any]:
    """An in-place method that knows what to do for a tensor without a name."""

    @functools.wraps(method)
    def checked(x: Any, *args: Any, **kwargs: Any) -> Any:
        if sys.getrefcount(x) != IN_CALL or x.shared:
            return method(x, *args, **kwargs)
        place = place_of(x)
        if place is None and _ignored(sys._getframe(1)):
            raise refusal(checked.__name__)
        y = method(x, *args, **kwargs)
        if place is not None:
            put_back(x, *place)
        return y

    return checked


def _ignored(caller: FrameType) -> bool:
    """Whether the running call is a statement of its own: its result goes nowhere."""
    code, at = caller.f_code.co_code, caller.f_lasti + 2
    while at < len(code) and code[at] == _CACHE:
        at += 2
    return at < len(code) and code[at] == _POP_TOP
