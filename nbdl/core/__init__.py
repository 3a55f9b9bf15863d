"""Tensor, operation, tape and the walk back: knows no particular operation."""

from nbdl.core.anomaly import AnomalyError, detect_anomaly
from nbdl.core.backward import backward, grad
from nbdl.core.copying import deep_copy
from nbdl.core.function import Function
from nbdl.core.handle import handle_of, put_data
from nbdl.core.modes import enable_grad, is_grad_enabled, no_grad, observe, set_grad_enabled
from nbdl.core.needs import rules
from nbdl.core.op import Op, registry
from nbdl.core.provenance import made_by
from nbdl.core.random import Generator, default_generator, manual_seed
from nbdl.core.tensor import Tensor

__all__ = [
    "AnomalyError",
    "Function",
    "Generator",
    "Op",
    "Tensor",
    "backward",
    "default_generator",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "is_grad_enabled",
    "manual_seed",
    "no_grad",
    "observe",
    "registry",
    "rules",
    "set_grad_enabled",
]

rules.backward = backward
rules.handle_of = handle_of
rules.put_data = put_data
rules.made_by = made_by
rules.deep_copy = deep_copy
