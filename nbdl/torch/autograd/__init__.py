"""PyTorch's ``torch.autograd``, whose functions take more by position than nbdl's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nbdl import core
from nbdl.autograd import gradcheck
from nbdl.core import (
    Function,
    Tensor,
    detect_anomaly,
    enable_grad,
    modes,
    no_grad,
    set_grad_enabled,
)
from nbdl.errors import ArgumentError
from nbdl.ops.creation import zeros_like
from nbdl.torch.autograd import functional

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detach",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]


def Variable(data: Tensor, requires_grad: bool = False, volatile: bool = False) -> Tensor:
    """The tensor itself, as since PyTorch 0.4."""
    return data.requires_grad_() if requires_grad else data


def _several(given: Any, count: int) -> tuple[Any, ...]:
    """One gradient for each output."""
    if given is None or isinstance(given, Tensor):
        return (given,) * count
    return tuple(given)


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Add the gradients of ``tensors`` to ``.grad`` of the leaves, or of ``inputs``."""
    outputs = (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)
    core.backward(
        outputs,
        _several(grad_tensors if grad_variables is None else grad_variables, len(outputs)),
        retain_graph=retain_graph,
        create_graph=create_graph,
        inputs=(inputs,) if isinstance(inputs, Tensor) else inputs,
    )


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """Gradients of ``outputs`` with respect to ``inputs``, returned and not accumulated."""
    if not only_inputs or is_grads_batched:
        raise ArgumentError(
            "grad: only_inputs=False and is_grads_batched=True are not possible",
            hint="backward() adds to the leaves; call grad once for each gradient",
        )
    found = core.grad(
        outputs,
        inputs,
        grad_outputs,
        retain_graph=retain_graph,
        create_graph=create_graph,
        allow_unused=materialize_grads or bool(allow_unused),
    )
    if not materialize_grads:
        return found
    xs = (inputs,) if isinstance(inputs, Tensor) else inputs
    return tuple(zeros_like(x) if g is None else g for g, x in zip(found, xs, strict=True))


def detach(input: Tensor) -> Tensor:
    """The same value without a history."""
    return input.detach()


def inference_mode(mode: Any = True) -> Any:
    """``no_grad``, or ``enable_grad`` for ``inference_mode(False)``."""
    if callable(mode):
        return no_grad(mode)
    return no_grad() if mode else enable_grad()


class set_detect_anomaly:
    """Watch for NaN and Inf from now on, or no more; for good or for a ``with`` block."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.before = modes.state().observers
        modes.state().observers = tuple(
            o for o in self.before if not isinstance(getattr(o, "__self__", None), detect_anomaly)
        )
        if mode and check_nan:
            detect_anomaly().__enter__()

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        modes.state().observers = self.before
