"""Gradients: the public names.

Reverse mode on a tape: ``backward`` and ``grad``. Functions of functions, which combine with each
other: ``gradient``, ``value_and_gradient``, ``vjp``, ``jvp`` (forward mode), ``jacrev``,
``jacfwd``, ``jacobian``, ``hessian``, ``hvp``, ``vmap``. Memory for time: ``checkpoint``. Custom
functions: ``Function``. Modes: ``no_grad``, ``enable_grad``, ``set_grad_enabled``. Finding a
fault: ``detect_anomaly``; comparing with finite differences: ``gradcheck``.
"""

from nbdl.autograd.batching import vmap
from nbdl.autograd.check import gradcheck
from nbdl.autograd.checkpoint import checkpoint
from nbdl.autograd.forward import jvp
from nbdl.autograd.functional import hessian, hvp, jacfwd, jacobian, jacrev, vjp
from nbdl.autograd.gradient import gradient, value_and_gradient
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
    "checkpoint",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradient",
    "hessian",
    "hvp",
    "is_grad_enabled",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "no_grad",
    "set_grad_enabled",
    "value_and_gradient",
    "vjp",
    "vmap",
]
