"""nbdl: deep learning you can see, inside the notebook.

Everything public is here or one module below: ``nbdl.tensor``, ``nbdl.nn``, ``nbdl.optim``,
``nbdl.data``, ``nbdl.train``. In a notebook, ``%load_ext nbdl`` adds the magics.
"""

from __future__ import annotations

import importlib
import sys
from math import e, inf, nan, pi
from typing import Any

from nbdl import ops as _ops
from nbdl.backends import Device, default_device, set_default_device
from nbdl.backends.ordered import (
    are_deterministic_algorithms_enabled,
    use_deterministic_algorithms,
)
from nbdl.core import (
    Function,
    Generator,
    Tensor,
    detect_anomaly,
    enable_grad,
    grad,
    is_grad_enabled,
    manual_seed,
    no_grad,
    set_grad_enabled,
)
from nbdl.core import op as _op
from nbdl.core.words import get_printoptions, set_printoptions
from nbdl.dtypes import (
    bfloat16,
    bool,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    set_default_float,
    uint8,
    uint16,
    uint32,
    uint64,
)

# isort: split
# The array functions: each family's __all__ is public here. They come last, because their names
# (sum, abs, any, ...) hide Python's own in this file.
from nbdl.ops.arithmetic import *
from nbdl.ops.array_api import *
from nbdl.ops.autocast import *
from nbdl.ops.bessel import *
from nbdl.ops.broadcasting import *
from nbdl.ops.calculus import *
from nbdl.ops.comparison import *
from nbdl.ops.complex_numbers import *
from nbdl.ops.concatenation import *
from nbdl.ops.contraction import *
from nbdl.ops.conversion import *
from nbdl.ops.creation import *
from nbdl.ops.cumulative import *
from nbdl.ops.diagonals import *
from nbdl.ops.distances import *
from nbdl.ops.einsum import *
from nbdl.ops.exponential import *
from nbdl.ops.gamma import *
from nbdl.ops.gathering import *
from nbdl.ops.gaussian import *
from nbdl.ops.histogram import *
from nbdl.ops.integers import *
from nbdl.ops.joining import *
from nbdl.ops.logic import *
from nbdl.ops.masks import *
from nbdl.ops.movement import *
from nbdl.ops.placing import *
from nbdl.ops.powers import *
from nbdl.ops.random import *
from nbdl.ops.ranges import *
from nbdl.ops.rearrangement import *
from nbdl.ops.reduction import *
from nbdl.ops.rounding import *
from nbdl.ops.scatter_reduction import *
from nbdl.ops.searching import *
from nbdl.ops.selection import *
from nbdl.ops.sorting import *
from nbdl.ops.special import *
from nbdl.ops.statistics import *
from nbdl.ops.trigonometry import *
from nbdl.ops.without_nan import *

newaxis = None

__version__ = "0.1.0"

ROOMS = (
    "autograd",
    "compiler",
    "data",
    "distributions",
    "errors",
    "events",
    "experiments",
    "fft",
    "inspection",
    "interop",
    "keras",
    "linalg",
    "magics",
    "nn",
    "optim",
    "testing",
    "torch",
    "training",
    "widgets",
)
"""Subpackages and modules, imported when they are first used."""

FUNCTIONS = {
    "compile": "compiler",
    "train": "training",
    "track": "training",
    "lr_find": "training",
    "GradScaler": "optim",
    "evaluate": "training",
    "predict": "training",
    "runs": "experiments",
    "sweep": "experiments",
    "save": "interop",
    "load": "interop",
    "model": "magics",
    "inspect": "magics",
    "load_ipython_extension": "magics",
    "unload_ipython_extension": "magics",
}
"""Public functions of higher floors and the room of each, imported when first used."""


def _compiled(op: Any, arrays: Any) -> Any:
    """Loads the compiler, and LLVM and oneDNN with it, at the first operation on large arrays."""
    _op.compiled = importlib.import_module("nbdl.compiler.eager").run
    return _op.compiled(op, arrays)


_op.compiled = _compiled


def __getattr__(name: str) -> Any:
    if name in FUNCTIONS:
        value = getattr(importlib.import_module(f"nbdl.{FUNCTIONS[name]}"), name)
    elif name in ROOMS:
        value = importlib.import_module(f"nbdl.{name}")
    else:
        raise AttributeError(f"module 'nbdl' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *ROOMS, *FUNCTIONS})


if "marimo" in sys.modules:  # it has no %load_ext
    importlib.import_module("nbdl.magics.marimo_cells").register()
