"""Modules that hold modules or parameters: sequences, lists and dictionaries of them."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, IndexRangeError
from nbdl.nn.module import Module
from nbdl.nn.parameter import Parameter


def _position(index: Any, count: int, what: str) -> int:
    """A valid index from 0; negative ones count from the end."""
    i = operator.index(index)
    if not -count <= i < count:
        raise IndexRangeError(f"{what} {i} was asked for, but there are {count}")
    return i % count


class _List(Module):
    """What lists of modules and of parameters share: their items have the names 0, 1, 2 …"""

    def __init__(self, *items: Any) -> None:
        super().__init__()

    def _items(self) -> dict[str, Any]:
        return self._modules

    def _put(self, name: str, item: Any) -> None:
        if name in self.__dict__:
            setattr(self, name, item)
        else:
            self.add_module(name, item)

    def _renumber(self, items: list[Any]) -> None:
        """Hold exactly ``items``."""
        for name in self._items():
            delattr(self, name)
        for i, item in enumerate(items):
            self._put(str(i), item)

    def __len__(self) -> int:
        return len(self._items())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items().values())

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, index: Any) -> Any:
        items = list(self._items().values())
        if isinstance(index, slice):
            return type(self)(items[index])
        return items[_position(index, len(items), f"item of {type(self).__name__}")]

    def __setitem__(self, index: Any, item: Any) -> None:
        names = list(self._items())
        self._put(names[_position(index, len(names), f"item of {type(self).__name__}")], item)

    def __delitem__(self, index: Any) -> None:
        items = list(self._items().values())
        if isinstance(index, slice):
            del items[index]
        else:
            del items[_position(index, len(items), f"item of {type(self).__name__}")]
        self._renumber(items)

    def append(self, item: Any) -> Any:
        """Add ``item`` at the end; returns the list."""
        self._put(str(len(self)), item)
        return self

    def extend(self, items: Iterable[Any]) -> Any:
        """Add all ``items`` at the end; returns the list."""
        for item in items:
            self.append(item)
        return self

    def insert(self, index: int, item: Any) -> None:
        """Put ``item`` before the one at ``index``."""
        items = list(self)
        items.insert(index, item)
        self._renumber(items)

    def pop(self, index: int = -1) -> Any:
        """Take the item at ``index`` out and return it."""
        item = self[index]
        del self[index]
        return item


class Sequential(_List):
    """Layers called one after the other, each on the output of the one before.

    ``Sequential(a, b, c)``, or with names: ``Sequential({"conv": a, "head": b})``.
    ``model[0]`` is the first layer, ``model[:2]`` a Sequential of the first two.

    Example:
        >>> import nbdl
        >>> from nbdl import nn
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> model(nbdl.zeros((3, 4))).shape
        (3, 2)
    """

    def __init__(self, *layers: Any) -> None:
        super().__init__()
        if len(layers) == 1 and isinstance(layers[0], Mapping):
            for name, layer in layers[0].items():
                self.add_module(name, layer)
            return
        if len(layers) == 1 and isinstance(layers[0], (list, tuple)):
            raise ArgumentError(
                "Sequential takes layers as arguments, got a list of them",
                hint="Sequential(*layers)",
            )
        for i, layer in enumerate(layers):
            self.add_module(str(i), layer)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Sequential(dict(list(self._modules.items())[index]))
        return super().__getitem__(index)

    def forward(self, x: Any) -> Any:
        """The last layer's output."""
        for layer in self._modules.values():
            x = layer(x)
        return x


class ModuleList(_List):
    """A list of layers that belong to the model; the model's ``forward`` calls them."""

    _prefixes_children = True

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __iadd__(self, other: Iterable[Module]) -> ModuleList:
        return self.extend(other)


class _Dict(Module):
    """What dictionaries of modules and of parameters share."""

    def _items(self) -> dict[str, Any]:
        return self._modules

    def _put(self, name: str, item: Any) -> None:
        self.add_module(name, item)

    def _find(self, key: str) -> Any:
        items = self._items()
        if key not in items:
            raise ArgumentError(
                f"{type(self).__name__} has no item {key!r}",
                hint=f"it has {', '.join(items) or 'none'}",
            )
        return items[key]

    def __len__(self) -> int:
        return len(self._items())

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._items())

    def __contains__(self, key: object) -> bool:
        return key in self._items()

    def __getitem__(self, key: str) -> Any:
        return self._find(key)

    def __setitem__(self, key: str, item: Any) -> None:
        self._put(key, item)

    def __delitem__(self, key: str) -> None:
        self._find(key)
        delattr(self, key)

    def keys(self) -> Any:
        """The names."""
        return self._items().keys()

    def values(self) -> Any:
        """The items."""
        return self._items().values()

    def items(self) -> Any:
        """``(name, item)``."""
        return self._items().items()

    def update(self, items: Any) -> None:
        """Add or replace by a mapping, or by ``(name, item)`` pairs."""
        for key, item in items.items() if hasattr(items, "items") else items:
            self[key] = item

    def pop(self, key: str) -> Any:
        """Take the item of ``key`` out and return it."""
        item = self[key]
        del self[key]
        return item

    def clear(self) -> None:
        """Take all items out."""
        for key in list(self):
            del self[key]


class ModuleDict(_Dict):
    """A dictionary of layers that belong to the model."""

    _prefixes_children = True

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        self.update(modules or {})


def _as_parameter(item: Any) -> Any:
    """Tensors become parameters, as in PyTorch."""
    if isinstance(item, Tensor) and not isinstance(item, Parameter):
        return Parameter(item)
    if not isinstance(item, Parameter):
        raise ArgumentError(f"expected a Parameter or a Tensor, got {type(item).__name__}")
    return item


def _described(name: str, p: Parameter) -> str:
    return f"({name}): Parameter containing: [{p.dtype} of size {'x'.join(map(str, p.shape))}]"


class ParameterList(_List):
    """A list of parameters that belong to the model; tensors are made parameters."""

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self.extend(values or ())

    def _items(self) -> dict[str, Any]:
        return self._parameters

    def _put(self, name: str, item: Any) -> None:
        setattr(self, name, _as_parameter(item))

    def extra_repr(self) -> str:
        """Shapes and dtypes."""
        return "\n".join(_described(name, p) for name, p in self._parameters.items())


class ParameterDict(_Dict):
    """A dictionary of parameters that belong to the model; tensors are made parameters."""

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self.update(parameters or {})

    def _items(self) -> dict[str, Any]:
        return self._parameters

    def _put(self, name: str, item: Any) -> None:
        self.register_parameter(name, _as_parameter(item))

    def extra_repr(self) -> str:
        """Shapes and dtypes."""
        return "\n".join(_described(name, p) for name, p in self._parameters.items())
