"""Tensors in nested tuples, lists and dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

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
    return map_leaves(Tensor, function, tree)


def map_leaves(kind: type, function: Callable[[Any], Any], tree: Any) -> Any:
    """The same structure with ``function`` applied to each leaf of a kind."""
    if isinstance(tree, kind):
        return function(tree)
    if isinstance(tree, dict):
        return type(tree)((k, map_leaves(kind, function, v)) for k, v in tree.items())
    if isinstance(tree, (tuple, list)):
        items = [map_leaves(kind, function, v) for v in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    return tree


def copied(tree: Any) -> Any:
    """Arrays of a nested structure as tensors with copies of them."""
    return map_leaves(np.ndarray, lambda array: Tensor._wrap(array.copy()), tree)
