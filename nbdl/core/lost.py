"""Changes that nobody would ever see are refused.

A tensor is a box of its own, so ``x[0]`` is no window into ``x``: ``x[0][1] = 5`` and
``x[0].fill_(5)`` would change a tensor that is thrown away at once. Elsewhere they change ``x``,
so whoever writes them means something else, and silence would be a wrong number later.

CPython counts references, so a tensor that only the running expression holds can be told from
one that has a name. The counts are measured when this module is imported; where they do not
differ, nothing is refused.
"""

from __future__ import annotations

import functools
import opcode
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from nbdl.errors import ArgumentError


class _Probe:
    """What the counts are measured on."""

    def __init__(self, counts: list[int]) -> None:
        self.counts = counts

    def __setitem__(self, index: int, value: int) -> None:
        self.counts.append(sys.getrefcount(self))

    def change(self) -> None:
        self.counts.append(sys.getrefcount(self))


def _measured() -> tuple[int, int]:
    """The counts, in ``__setitem__`` and in a method, of an object without a name."""
    counts: list[int] = []
    _Probe(counts)[0] = 0
    _Probe(counts).change()
    named = _Probe(counts)
    named[0] = 0
    named.change()
    item, call, named_item, named_call = counts
    return (item if item < named_item else 0), (call if call < named_call else 0)


NAMELESS_ITEM, NAMELESS_CALL = _measured()
_POP_TOP, _CACHE = opcode.opmap["POP_TOP"], opcode.opmap["CACHE"]


def refusal(what: str) -> ArgumentError:
    """The error for a change that would be lost."""
    return ArgumentError(
        f"{what} would change a tensor that nobody keeps: x[...], x.view(...) and the like are "
        "tensors of their own, not windows into x",
        hint="x[i, j] = v for x[i][j] = v; x[i] = v for x[i].fill_(v); x[i] += v for "
        "x[i].add_(v); or give the tensor a name first",
    )


def changing(method: Callable[..., Any]) -> Callable[..., Any]:
    """An in-place method that refuses a nameless tensor whose result is thrown away."""

    @functools.wraps(method)
    def checked(x: Any, *args: Any, **kwargs: Any) -> Any:
        if sys.getrefcount(x) == NAMELESS_CALL and not x.shared and _ignored(sys._getframe(1)):
            raise refusal(checked.__name__)
        return method(x, *args, **kwargs)

    return checked


def _ignored(caller: FrameType) -> bool:
    """Whether the running call is a statement of its own: its result goes nowhere."""
    code, at = caller.f_code.co_code, caller.f_lasti + 2
    while at < len(code) and code[at] == _CACHE:
        at += 2
    return at < len(code) and code[at] == _POP_TOP
