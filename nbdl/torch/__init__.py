"""PyTorch's names: change ``import torch`` to ``import nbdl.torch as torch`` and run the cell.

::

    import nbdl.torch as torch
    import nbdl.torch.nn as nn
    import nbdl.torch.nn.functional as F
    from nbdl.torch.utils.data import DataLoader

Everything here is an alias: the tensors are ``nbdl.Tensor``, the layers ``nbdl.nn``'s, and both
spellings may be mixed. In this package names mean what PyTorch means by them: ``torch.max(x, 1)``
is (values, indices), ``torch.std`` divides by n - 1, shapes may be given one by one, axes are
``dim``.

Importing it also gives Tensor the methods that PyTorch's tensors have. They stand in one table,
``nbdl.torch.methods``, and one loop puts them there. Most are new names or new words for the
same thing (``x.view``, ``x.sum(dim=1, keepdim=True)``), so code that never heard of PyTorch is
not affected. A dozen methods exist in both worlds with different meanings, such as ``x.std()``
and ``x.max(1)``; these look at who calls: in a module or notebook that imported nbdl.torch they
mean PyTorch's, everywhere else, nbdl's own code included, the array API's.

What differs from PyTorch: a tensor is a box around a value that never changes, so a view taken
before an in-place operation keeps the old values, and ``out=`` is refused.
"""

# ruff: noqa: F401 - a face: names are here to be imported

from __future__ import annotations

from nbdl.backends import Device as device
from nbdl.core import (
    Generator,
    Tensor,
    enable_grad,
    is_grad_enabled,
    manual_seed,
    no_grad,
    set_grad_enabled,
)
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
    uint8,
    uint16,
    uint32,
    uint64,
)
from nbdl.dtypes import (
    default_float as get_default_dtype,
)
from nbdl.dtypes import (
    set_default_float as set_default_dtype,
)
from nbdl.torch import autograd, backends, cuda, methods, nn, optim, utils
from nbdl.torch.creation import (
    FloatTensor,
    LongTensor,
    arange,
    as_tensor,
    bernoulli,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    logspace,
    multinomial,
    normal,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
    tensor,
    zeros,
    zeros_like,
)
from nbdl.torch.methods import (
    Size,
    add,
    addcdiv,
    addcmul,
    allclose,
    clamp,
    clamp_max,
    clamp_min,
    div,
    equal,
    log_softmax,
    softmax,
    sub,
)
from nbdl.torch.naming import ALONG, SPOKEN, along, door, spoken
from nbdl.torch.rearrangement import (
    diag,
    diagonal,
    flip,
    meshgrid,
    narrow,
    reshape,
    roll,
    scatter,
    scatter_add,
    select,
    squeeze,
    t,
    tril,
    triu,
    where,
)
from nbdl.torch.reduction import (
    amax,
    amin,
    argsort,
    cummax,
    cummin,
    kthvalue,
    max,
    median,
    min,
    nonzero,
    norm,
    sort,
    std,
    topk,
    unique,
    var,
)
from nbdl.torch.serialization import load, save

SAME = (
    "abs", "acos", "acosh", "addmm", "asin", "asinh", "atan", "atan2", "atanh", "baddbmm",
    "bilinear", "bincount", "bitwise_and", "bitwise_or", "bitwise_xor", "bmm",
    "broadcast_tensors", "broadcast_to", "ceil", "cos", "cosh", "dot", "einsum", "erf", "exp",
    "expm1", "floor", "floor_divide", "fmod", "inner", "isclose", "isfinite", "isin", "isinf",
    "isnan", "kron", "lerp", "log", "log10", "log1p", "log2", "logaddexp", "logical_and",
    "logical_not", "logical_or", "logical_xor", "matmul", "maximum", "minimum", "mm", "mv",
    "outer", "pow", "reciprocal", "relu", "remainder", "round", "rsqrt", "searchsorted",
    "sigmoid", "sign", "sin", "sinh", "sqrt", "square", "tan", "tanh", "tensordot", "tile",
    "trace", "trunc", "xlogy",
)  # fmt: skip
"""Functions that have the same name and meaning in nbdl.ops."""

OTHER_NAMES = {
    "absolute": "abs", "clip": "clip", "divide": "divide", "eq": "equal",
    "ge": "greater_equal", "gt": "greater", "le": "less_equal", "lt": "less", "mul": "multiply",
    "multiply": "multiply", "ne": "not_equal", "neg": "negative", "negative": "negative",
    "subtract": "subtract", "true_divide": "divide", "clone": "clone",
}  # fmt: skip
"""PyTorch's name -> the function's name in nbdl.ops."""

for _name in SAME:
    globals()[_name] = door(_name)
for _name, _ours in OTHER_NAMES.items():
    globals()[_name] = door(_ours)
for _name in SPOKEN:
    globals()[_name] = spoken(_name)
for _name in ALONG:
    globals()[_name] = along(_name)
cat = concat = concatenate = spoken("concat")
stack = spoken("stack")
swapdims = spoken("swapaxes")
movedim = moveaxis = door("moveaxis")

float = float32
double = float64
half = float16
int = int32
long = int64
short = int16
dtype = type(float32)
inference_mode = no_grad

methods.install()


def is_tensor(obj: object) -> bool:  # type: ignore[valid-type]
    """Whether ``obj`` is a tensor."""
    return isinstance(obj, Tensor)


def numel(input: Tensor) -> int:  # type: ignore[valid-type]
    """The number of elements."""
    return input.value.size
