"""What the tensor needs of its own floor and of ops, which hand it over when imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from nbdl.shapes import Shape, Spec

if TYPE_CHECKING:
    from nbdl.core.tensor import Tensor


class Rules:
    """The operations and rules, set by ``nbdl.core`` and ``nbdl.ops``."""

    add: Callable[..., Tensor]
    ones_like: Callable[..., Tensor]
    zeros: Callable[[Spec], Tensor]
    sum_to: Callable[[Tensor, Shape], Tensor]
    cast: Callable[[Tensor, np.dtype], Tensor]
    broadcast_to: Callable[[Tensor, Shape], Tensor]
    batch: Callable[..., Any]
    get_item: Callable[[Tensor, Any], Tensor]
    set_item: Callable[[Tensor, Any, Any], Tensor]
    astensor: Callable[..., Tensor]
    backward: Callable[..., None]
    handle_of: Callable[[Tensor], Tensor]
    put_data: Callable[[Tensor, Any], None]
    made_by: Callable[[Tensor], Any]
    deep_copy: Callable[[Tensor, dict[int, Any]], Tensor]


rules = Rules()
