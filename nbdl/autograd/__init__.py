"""Gradients: the public names.

Reverse mode on a tape: ``backward`` and ``grad``. Custom functions: ``Function``. Modes:
``no_grad``, ``enable_grad``, ``set_grad_enabled``. Finding a fault: ``detect_anomaly``; comparing
with finite differences: ``gradcheck``. On top of ``grad``: ``vjp``, ``jacobian``, ``hessian``.
"""

from nbdl.autograd.functional import gradcheck, hessian, hvp, jacobian, vjp
from nbdl.core import (
    AnomalyError,
    Function,
    backward,
    detect_anomaly,
    enable_grad,
    grad,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)

__all__ = [
    "AnomalyError",
    "Function",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "hessian",
    "hvp",
    "is_grad_enabled",
    "jacobian",
    "no_grad",
    "set_grad_enabled",
    "vjp",
]
