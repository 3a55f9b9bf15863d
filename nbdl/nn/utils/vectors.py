"""Parameters as one vector."""

from __future__ import annotations

from collections.abc import Iterable

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.concatenation import concat
from nbdl.ops.movement import reshape


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters as one vector, in their order.  -> (total number of elements,).

    Gradients pass. Raises ArgumentError for no parameters, or some on different devices.
    """
    listed = list(parameters)
    if not listed:
        raise ArgumentError(
            "parameters_to_vector got no parameters",
            hint="a generator that was gone through already?",
        )
    _on_one_device("parameters_to_vector", listed)
    return concat([reshape(p, (-1,)) for p in listed])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Put the elements of ``vec`` into the parameters, in their order.

    Raises ShapeError, before anything is changed, if it has more or fewer elements than they.
    """
    if not isinstance(vec, Tensor):
        raise ArgumentError(f"vector_to_parameters needs a tensor, got a {type(vec).__name__}")
    listed = list(parameters)
    total = sum(p.size for p in listed)
    if vec.shape != (total,):
        raise ShapeError(
            f"vector_to_parameters got a vector of shape {vec.shape} for {total} elements"
        )
    _on_one_device("vector_to_parameters", listed)
    start = 0
    for p in listed:
        p.data = reshape(vec.detach()[start : start + p.size], p.shape)
        start += p.size


def _on_one_device(who: str, listed: list[Tensor]) -> None:
    devices = {str(p.device) for p in listed}
    if len(devices) > 1:
        raise ArgumentError(f"{who}: the parameters are on {' and '.join(sorted(devices))}")
