"""``p.data``: other names for a tensor's box, and for a part of what lies in it."""

from __future__ import annotations

import operator
import weakref
from typing import Any

import numpy as np

from nbdl.core.needs import rules
from nbdl.core.tensor import Tensor
from nbdl.shapes import Spec


class _Handle(Tensor):
    """A tensor without gradients whose value lies elsewhere: reading and writing go there."""

    __slots__ = ()

    shared = True

    @property
    def data(self) -> Tensor:
        """The handle itself."""
        return self

    @data.setter
    def data(self, value: Any) -> None:
        self.value = rules.astensor(value).value

    def _take(self, new: Tensor) -> Tensor:
        self.value = new.value
        return self

    def __getitem__(self, index: Any) -> Tensor:
        found = rules.get_item(self, index)
        basic = _basic(index)
        if basic is None or type(self.value) is Spec:
            return found  # chosen by a list or a mask: a copy, as in NumPy
        return _Part(self, basic)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        return Tensor._wrap(self.value)

    def __reduce__(self) -> Any:
        return self.detach().__reduce__()


class Handle(_Handle):
    """``p.data``: ``p.data.mul_(2)`` and ``p.data[0] = 1`` change ``p``.

    ``p.data = v`` gives ``p`` another value; a handle that was taken before keeps the old one.
    So weights can be put aside and put back: ``kept = p.data; p.data = v; …; p.data = kept``.
    """

    __slots__ = ("box", "kept")

    box: Tensor | None

    def __init__(self, box: Tensor) -> None:
        self.box = box
        self.node = None
        self.grad = None

    @property
    def value(self) -> Any:
        """The box's array."""
        return self.kept if self.box is None else self.box.value

    @value.setter
    def value(self, new: Any) -> None:
        if self.box is None:
            self.kept = new
        else:
            self.box.value = new

    def release(self) -> None:
        """Keep the value of now: the box is about to get another."""
        self.kept = self.value
        self.box = None


class _Part(_Handle):
    """``p.data[i]``: ``p.data[0].fill_(1)`` changes ``p``."""

    __slots__ = ("index", "whole")

    def __init__(self, whole: Tensor, index: tuple[Any, ...]) -> None:
        self.whole = whole
        self.index = index
        self.node = None
        self.grad = None

    @property
    def value(self) -> Any:
        """The part of the whole's array."""
        return self.whole.value[self.index]

    @value.setter
    def value(self, new: Any) -> None:
        changed = self.whole.value.copy()
        changed[self.index] = new
        self.whole.value = changed


def handle_of(box: Tensor) -> Tensor:
    """The handle of ``box``: the same one as long as somebody holds it."""
    reference = getattr(box, "handle", None)
    found: Tensor | None = None if reference is None else reference()
    if found is None:
        found = Handle(box)
        box.handle = weakref.ref(found)
    return found


def put_data(box: Tensor, value: Any) -> None:
    """``box.data = value``: another value of any shape and dtype."""
    new = rules.astensor(value).value
    reference = getattr(box, "handle", None)
    held = None if reference is None else reference()
    if held is not None:
        held.release()
        del box.handle
    box.value = new


def _basic(index: Any) -> tuple[Any, ...] | None:
    """``index`` as a tuple that makes NumPy give a view; None if it would give a copy."""
    items = index if isinstance(index, tuple) else (index,)
    plain: list[Any] = []
    for item in items:
        if item is None or item is Ellipsis or isinstance(item, slice):
            plain.append(item)
        elif _is_integer(item):
            plain.append(operator.index(item))
        else:
            return None
    return tuple(plain) if Ellipsis in plain else (*plain, Ellipsis)


def _is_integer(item: Any) -> bool:
    whole = hasattr(type(item), "__index__") and not isinstance(item, (bool, np.bool_))
    return whole and not getattr(item, "ndim", 0)
