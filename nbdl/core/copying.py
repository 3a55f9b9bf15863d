"""``copy.deepcopy`` of tensors."""

from __future__ import annotations

from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import GradientError


def deep_copy(x: Tensor, memo: dict[int, Any]) -> Tensor:
    """A leaf of the same class in a box of its own; the value, never changed, is shared."""
    if not x.is_leaf:
        raise GradientError(
            "a tensor with a history cannot be copied deeply", hint="x.detach() first"
        )
    copy = type(x).__new__(type(x))
    memo[id(x)] = copy
    for cls in type(x).__mro__:
        for slot in getattr(cls, "__slots__", ()):
            if slot not in Tensor.__slots__:
                setattr(copy, slot, getattr(x, slot))
    copy.value = x.value
    copy.grad = None if x.grad is None else x.grad.detach()
    copy.node = None
    return copy.requires_grad_() if x.requires_grad else copy
