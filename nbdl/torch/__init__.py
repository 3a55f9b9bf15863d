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

What differs from PyTorch: a tensor is a box around a value that never changes, so a view keeps
its values when the other tensor is changed in place, and the other way round. Where such a change
would be lost altogether, as in ``x[0][1] = 5``, it is refused; parts of ``p.data`` write into
``p``. Dtypes are NumPy's (``x.dtype.kind``), shapes are tuples, devices are texts.
"""

# ruff: noqa: F401 - a face: names are here to be imported

from __future__ import annotations

from math import e, inf, nan, pi
from typing import Any as _Any

from nbdl import __version__
from nbdl.backends import Device as device
from nbdl.backends import default_device as get_default_device
from nbdl.backends import set_default_device
from nbdl.backends.ordered import (
    are_deterministic_algorithms_enabled,
    use_deterministic_algorithms,
)
from nbdl.core import (
    Generator,
    Tensor,
    enable_grad,
    is_grad_enabled,
    manual_seed,
    no_grad,
    set_grad_enabled,
)
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
from nbdl.errors import did_you_mean as _did_you_mean
from nbdl.torch import (
    amp,
    autograd,
    backends,
    cuda,
    distributions,
    fft,
    func,
    linalg,
    methods,
    nn,
    optim,
    random,
    utils,
)
from nbdl.torch.amp import autocast, get_autocast_dtype, is_autocast_enabled
from nbdl.torch.autograd import detach, inference_mode
from nbdl.torch.backends import (
    compile,
    get_num_threads,
    set_num_threads,
)
from nbdl.torch.creation import (
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
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
    scalar_tensor,
    tensor,
    zeros,
    zeros_like,
)
from nbdl.torch.func import vmap
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
from nbdl.torch.numbers import (
    broadcast_shapes,
    can_cast,
    finfo,
    is_complex,
    is_floating_point,
    is_nonzero,
    promote_types,
)
from nbdl.torch.random import get_rng_state, initial_seed, seed, set_rng_state
from nbdl.torch.rearrangement import (
    diag,
    diagonal,
    flip,
    fliplr,
    flipud,
    meshgrid,
    reshape,
    roll,
    rot90,
    scatter,
    scatter_add,
    squeeze,
    t,
    take_along_dim,
    tensor_split,
    tril,
    tril_indices,
    triu,
    triu_indices,
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
    quantile,
    sort,
    std,
    std_mean,
    topk,
    unique,
    var,
    var_mean,
)
from nbdl.torch.serialization import load, save

SAME = (
    "abs", "acos", "acosh", "adaptive_avg_pool1d", "addbmm", "addmm", "addmv", "addr", "angle",
    "argwhere", "asin", "asinh", "atan", "atan2", "atanh", "atleast_1d", "atleast_2d",
    "atleast_3d", "avg_pool1d", "baddbmm", "bilinear", "bincount", "bitwise_and",
    "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
    "block_diag", "bmm", "broadcast_tensors", "broadcast_to", "bucketize", "cartesian_prod",
    "cdist", "ceil", "celu", "cholesky_inverse", "cholesky_solve", "clip",
    "clone", "column_stack", "combinations", "complex", "conj", "conv1d", "conv2d", "conv3d",
    "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "copysign", "corrcoef", "cos",
    "cosh", "cosine_similarity", "cov", "cross", "cumulative_trapezoid", "deg2rad", "diag_embed",
    "diagflat", "diagonal_scatter", "digamma", "dist", "divide", "dot", "dropout", "dsplit",
    "dstack", "einsum", "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "float_power", "floor",
    "floor_divide", "fmax", "fmin", "fmod", "frac", "frexp", "gcd", "geqrf", "greater",
    "greater_equal", "heaviside", "histc", "hsplit", "hstack", "hypot", "i0", "igamma", "igammac",
    "iinfo", "imag", "index_put", "inner", "isclose", "isfinite", "isin", "isinf", "isnan",
    "isneginf", "isposinf", "isreal", "kron", "layer_norm", "lcm", "ldexp", "lerp", "less",
    "less_equal", "lgamma", "log", "log10", "log1p", "log2", "logaddexp", "logaddexp2", "logdet",
    "logical_and", "logical_not", "logical_or", "logical_xor", "logit", "lu_solve", "lu_unpack",
    "matmul", "matrix_exp", "matrix_power", "max_pool1d", "max_pool2d", "max_pool3d", "maximum",
    "minimum", "mm", "multiply", "mv", "mvlgamma", "nan_to_num", "negative", "nextafter",
    "not_equal", "ormqr", "outer", "pairwise_distance", "pdist", "pixel_shuffle",
    "pixel_unshuffle", "polar", "polygamma", "positive", "pow", "prelu", "put", "rad2deg", "ravel",
    "real", "reciprocal", "relu", "remainder", "result_type", "round", "rrelu", "rsqrt",
    "scatter_reduce", "searchsorted", "selu", "sigmoid", "sign", "signbit", "sin", "sinc", "sinh",
    "slogdet", "sqrt", "square", "subtract", "tan", "tanh", "tensordot", "threshold", "tile",
    "trace", "trapezoid", "trunc", "unique_consecutive", "vdot", "view_as_complex", "view_as_real",
    "vsplit", "vstack", "xlogy",
)  # fmt: skip
"""Functions that have the same name and meaning in nbdl.ops."""

OTHER_NAMES = {
    "absolute": "abs", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin",
    "arcsinh": "asinh", "arctan": "atan", "arctan2": "atan2", "arctanh": "atanh", "eq": "equal",
    "fix": "trunc", "ge": "greater_equal", "ger": "outer", "gt": "greater", "le": "less_equal",
    "lt": "less", "moveaxis": "moveaxis", "movedim": "moveaxis", "mul": "multiply",
    "ne": "not_equal", "neg": "negative", "sgn": "sign", "true_divide": "divide",
}  # fmt: skip
"""PyTorch's name -> the function's name in nbdl.ops."""

for _name in (*SAME, *SPOKEN):
    globals()[_name] = spoken(_name)
for _name, _ours in OTHER_NAMES.items():
    globals()[_name] = spoken(_ours)
for _name in ALONG:
    globals()[_name] = along(_name)
diff = spoken("diff", ("n", "axis", "prepend", "append"))
mode = spoken("mode", ("axis", "keepdims"))
inverse = spoken("inv")
cholesky, det, pinverse = spoken("cholesky"), spoken("det"), spoken("pinv")
aminmax = spoken("aminmax")
trapz = spoken("trapezoid")
cat = concat = concatenate = spoken("concat")
stack = spoken("stack")
swapdims = spoken("swapaxes")

float = float32
double = float64
half = float16
int = int32
long = int64
short = int16
dtype = type(float32)
row_stack = spoken("vstack")

methods.install()

CHANGING = (
    "abs", "ceil", "clamp", "cos", "exp", "fill", "floor", "log", "neg", "reciprocal", "relu",
    "round", "rsqrt", "sigmoid", "sin", "sqrt", "square", "tan", "tanh", "trunc", "zero",
)  # fmt: skip
"""Functions whose twin ``torch.relu_(x)`` puts the result into ``x``, as ``x.relu_()`` does."""

for _name in CHANGING:
    globals()[f"{_name}_"] = getattr(Tensor, f"{_name}_")


def is_tensor(obj: object) -> bool:  # type: ignore[valid-type]
    """Whether ``obj`` is a tensor."""
    return isinstance(obj, Tensor)


def numel(input: Tensor) -> int:  # type: ignore[valid-type]
    """The number of elements."""
    return input.value.size


def __getattr__(name: str) -> _Any:
    known = [word for word in globals() if not word.startswith("_")]
    raise AttributeError(
        f"nbdl.torch has no {name!r}{_did_you_mean(name, known)}; it holds what nbdl has of PyTorch"
    )
