"""PyTorch's ``torch.autograd``."""

from nbdl.core import (
    Function,
    Tensor,
    backward,
    detect_anomaly,
    enable_grad,
    grad,
    no_grad,
    set_grad_enabled,
)

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "no_grad",
    "set_grad_enabled",
]


def Variable(data: Tensor, requires_grad: bool = False) -> Tensor:
    """The tensor itself, as since PyTorch 0.4."""
    return data.requires_grad_() if requires_grad else data
