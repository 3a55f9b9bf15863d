"""Tensors in nested tuples, lists and dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from nbdl.core.tensor import Tensor


def leaves(tree: Any) -> Iterator[Tensor]:
    """Every tensor of a nested structure, in order."""
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, dict):
        for value in tree.values():
            yield from leaves(value)
    elif isinstance(tree, (tuple, list)):
        for value in tree:
            yield from leaves(value)


def map_tensors(function: Callable[[Tensor], Any], tree: Any) -> Any:
    """The same structure with ``function`` applied to each tensor."""
    if isinstance(tree, Tensor):
        return function(tree)
    if isinstance(tree, dict):
        return type(tree)((k, map_tensors(function, v)) for k, v in tree.items())
    if isinstance(tree, (tuple, list)):
        items = [map_tensors(function, v) for v in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    return tree
