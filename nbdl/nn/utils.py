"""Gradient clipping, and parameters as one vector (PyTorch's ``torch.nn.utils``)."""

from __future__ import annotations

from collections.abc import Iterable

from nbdl.core.clipping import clip_grad_norm_, clip_grad_value_, get_total_norm
from nbdl.core.tensor import Tensor
from nbdl.errors import ShapeError
from nbdl.ops.movement import concat, reshape

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "get_total_norm",
    "parameters_to_vector",
    "vector_to_parameters",
]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters as one vector, in their order.  -> (total number of elements,)."""
    return concat([reshape(p, (-1,)) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Put the elements of ``vec`` into the parameters, in their order."""
    listed = list(parameters)
    total = sum(p.size for p in listed)
    if vec.shape != (total,):
        raise ShapeError(
            f"vector_to_parameters got a vector of shape {vec.shape} for {total} elements"
        )
    start = 0
    for p in listed:
        p.data = reshape(vec.detach()[start : start + p.size], p.shape)
        start += p.size
