"""What a module holds, by name: ``model._parameters``, ``model._buffers``, ``model._modules``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Members(dict[str, Any]):
    """A dictionary of a module's members; what is written into it goes into the module.

    Programs written for PyTorch do that: ``self._modules[str(i)] = layer``.
    """

    def __init__(
        self, found: dict[str, Any], put: Callable[[str, Any], None], remove: Callable[[str], None]
    ) -> None:
        super().__init__(found)
        self._put = put
        self._remove = remove

    def __setitem__(self, name: str, value: Any) -> None:
        self._put(name, value)
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self._remove(name)

    def update(self, *others: Any, **named: Any) -> None:
        """Add or replace by a mapping, or by ``(name, member)`` pairs."""
        for name, value in dict(*others, **named).items():
            self[name] = value

    def pop(self, name: str, *default: Any) -> Any:
        """Take the member of ``name`` out and return it."""
        if name not in self and default:
            return default[0]
        value = self[name]
        del self[name]
        return value

    def clear(self) -> None:
        """Take all members out."""
        for name in list(self):
            del self[name]

    def __reduce__(self) -> Any:
        return dict, (dict(self),)
