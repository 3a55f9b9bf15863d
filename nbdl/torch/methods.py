"""The methods that PyTorch's tensors have: one table, put on Tensor by one loop.

Three kinds, in this order:

- ALIASES: other names and words for what a Tensor can do already; harmless to code that does
  not know them. ``x.sum(axis=1, keepdims=True)`` and ``x.sum(1, keepdim=True)`` both work.
- IN_PLACE: PyTorch's methods that end in ``_``; they put the result into the tensor's box.
- BY_CALLER: the few that PyTorch and the array API define differently, such as ``x.std()``
  (divided by n - 1 or by n) and ``x.max(1)`` (a pair or values): they mean PyTorch's where
  nbdl.torch was imported, and the array API's in all other modules.

``x.size`` stays the number of elements, and can be called: ``x.size()``, ``x.size(0)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nbdl import backends, dtypes
from nbdl.core.nameless import changing
from nbdl.core.tensor import Tensor
from nbdl.nn import functional as F
from nbdl.nn import init
from nbdl.ops import conversion
from nbdl.ops.conversion import astensor
from nbdl.ops.inplace import in_place
from nbdl.shapes import Spec, normalize_axis
from nbdl.torch import creation, numbers, rearrangement, reduction
from nbdl.torch.naming import ALONG, SPOKEN, along, by_caller, door, spoken


class Size(tuple):
    """A shape: a tuple of ints."""

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements."""
        count = 1
        for n in self:
            count *= n
        return count

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"


class ElementCount(int):
    """``x.size``: the number of elements; called, the shape or one size of it."""

    shape: tuple[int, ...]

    def __call__(self, dim: int | None = None) -> Any:
        """The shape, or its size along ``dim``."""
        if dim is None:
            return Size(self.shape)
        return self.shape[normalize_axis(dim, len(self.shape), "dim")]


def _size(self: Tensor) -> ElementCount:
    """The number of elements; ``x.size(0)`` is the first size, ``x.size()`` the shape."""
    count = ElementCount(self.value.size)
    count.shape = self.value.shape
    return count


# ----- asking -----------------------------------------------------------------------------


def _dim(self: Tensor) -> int:
    """The number of axes."""
    return self.ndim


def _numel(self: Tensor) -> int:
    """The number of elements."""
    return int(self.value.size)


def _is_contiguous(self: Tensor, memory_format: Any = None) -> bool:
    """True: how values lie in memory is nbdl's own business."""
    return True


def _is_floating_point(self: Tensor) -> bool:
    """Whether it holds floats."""
    return self.dtype in dtypes.FLOATS


def _element_size(self: Tensor) -> int:
    """Bytes of one element."""
    return self.dtype.itemsize


def _get_device(self: Tensor) -> int:
    """The GPU's number, -1 on the CPU."""
    return self.device.index if self.device.type == "cuda" else -1


# ----- converting -------------------------------------------------------------------------


def _type(self: Tensor, dtype: Any = None) -> Any:
    """Its dtype's name in PyTorch's words, or the tensor as ``dtype`` or ``torch.LongTensor``."""
    if dtype is None:
        return f"torch.{self.dtype.name}"
    if isinstance(dtype, str) and dtype.endswith("Tensor"):
        dtype = getattr(creation, dtype.rpartition(".")[2], dtype)
    kind = getattr(dtype, "dtype", None)
    return self.to(kind if isinstance(kind, np.dtype) else dtype)


def _type_as(self: Tensor, other: Tensor) -> Tensor:
    """As ``other``'s dtype."""
    return self.to(other.dtype)


def _beside(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """``x.new_zeros(2, 3)``: a new tensor of x's dtype and on x's device."""

    def method(self: Tensor, *args: Any, dtype: Any = None, device: Any = None,
               requires_grad: bool = False) -> Tensor:  # fmt: skip
        where = backends.CPU if self.device == "meta" else self.device
        y = make(*args, dtype=dtype or self.dtype, device=device or where)
        return y.requires_grad_() if requires_grad else y

    return method


def _pin_memory(self: Tensor) -> Tensor:
    """The tensor itself."""
    return self


# ----- computing --------------------------------------------------------------------------


def add(input: Any, other: Any, *, alpha: float = 1) -> Tensor:
    """x + alpha · y."""
    return door("add")(input, other if alpha == 1 else door("multiply")(other, alpha))


def sub(input: Any, other: Any, *, alpha: float = 1) -> Tensor:
    """x - alpha · y."""
    return door("subtract")(input, other if alpha == 1 else door("multiply")(other, alpha))


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """x / y; ``rounding_mode`` is ``"floor"`` or ``"trunc"``."""
    if rounding_mode == "floor":
        return door("floor_divide")(input, other)
    quotient = door("divide")(input, other)
    return door("trunc")(quotient) if rounding_mode == "trunc" else quotient


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Tensor:
    """x + value · a · b."""
    return add(input, door("multiply")(tensor1, tensor2), alpha=value)


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Tensor:
    """x + value · a / b."""
    return add(input, door("divide")(tensor1, tensor2), alpha=value)


def clamp(input: Any, min: Any = None, max: Any = None) -> Tensor:
    """The values limited to min..max."""
    return door("clip")(input, min, max)


def clamp_min(input: Any, min: Any) -> Tensor:
    """The values, at least min."""
    return door("clip")(input, min, None)


def clamp_max(input: Any, max: Any) -> Tensor:
    """The values, at most max."""
    return door("clip")(input, None, max)


def softmax(input: Any, dim: int, dtype: Any = None) -> Tensor:
    """exp(x) scaled to sum 1 along ``dim``."""
    return F.softmax(input, dim, dtype=dtype)


def log_softmax(input: Any, dim: int, dtype: Any = None) -> Tensor:
    """The logarithm of softmax along ``dim``."""
    return F.log_softmax(input, dim, dtype=dtype)


def equal(input: Any, other: Any) -> bool:
    """Whether shapes and all elements are the same."""
    a, b = astensor(input), astensor(other)
    return a.shape == b.shape and bool(door("all")(door("equal")(a, b)))


def allclose(
    input: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether all elements are nearly the same."""
    return bool(door("allclose")(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan))


def _random_(self: Tensor, low: int = 0, high: int | None = None) -> Tensor:
    """Fill with integers in [low, high), or [0, low)."""
    low, high = (0, low) if high is None else (low, high)
    return self.copy_(creation.randint_like(self, low, high))


def _bernoulli_(self: Tensor, p: float = 0.5) -> Tensor:
    """Fill with 1 with probability p, else 0."""
    return self.copy_((creation.rand_like(self, dtype="float32") < p).to(self.dtype))


def _uniform_(self: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Any = None) -> Tensor:
    """Fill with uniform numbers in [a, b)."""
    return self._replace(init.uniform_(self.detach(), a, b, generator))


def _normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Tensor:
    """Fill with normal numbers."""
    return self._replace(init.normal_(self.detach(), mean, std, generator))


def _exponential_(self: Tensor, lambd: float = 1.0, *, generator: Any = None) -> Tensor:
    """Fill with numbers of the exponential distribution of rate ``lambd``."""
    unit = creation.rand_like(self, dtype="float64", generator=generator)
    return self._replace(door("negative")(door("log1p")(-unit)) / lambd)


def _multinomial(self: Tensor, num_samples: int, replacement: bool = False, *,
                 generator: Any = None) -> Tensor:  # fmt: skip
    """Places drawn with probabilities in proportion to the values."""
    return creation.multinomial(self, num_samples, replacement, generator=generator)


def _new_shape(change: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The method that puts a tensor of another shape into the box: ``x.unsqueeze_(0)``."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return self._take(change(self, *args, **kwargs))

    method.__doc__ = f"In place: {change.__doc__}"
    return changing(method)


def _made(self: Tensor, *args: Any) -> None:
    """``torch.Tensor([1, 2])`` holds floats; ``torch.Tensor(2, 3)`` has that shape."""
    one = args[0] if len(args) == 1 else None
    if all(isinstance(n, int) for n in args):
        one = creation.zeros(*args or (0,)).value
    elif not isinstance(one, (Tensor, np.ndarray, Spec)):
        one = conversion.tensor(one, dtypes.default_float()).value
    _init(self, one)


_init = Tensor.__init__

ALIASES: dict[str, Any] = {
    "dim": _dim, "ndimension": _dim, "numel": _numel, "nelement": _numel,
    "is_contiguous": _is_contiguous, "is_floating_point": _is_floating_point,
    "element_size": _element_size, "get_device": _get_device,
    "is_cuda": property(lambda self: self.device.type == "cuda"),
    "is_cpu": property(lambda self: self.device.type == "cpu"),
    "itemsize": property(_element_size), "is_complex": numbers.is_complex,
    "is_nonzero": numbers.is_nonzero,
    "byte": creation.ByteTensor, "char": creation.CharTensor, "short": creation.ShortTensor,
    "type": _type, "type_as": _type_as, "pin_memory": _pin_memory,
    "new_zeros": _beside(creation.zeros), "new_ones": _beside(creation.ones),
    "new_empty": _beside(creation.empty), "new_full": _beside(creation.full),
    "new_tensor": _beside(creation.tensor),
    "view": rearrangement.view, "view_as": rearrangement.view_as,
    "reshape_as": rearrangement.view_as, "t": rearrangement.t,
    "expand_as": rearrangement.expand_as,
    "contiguous": rearrangement.contiguous,
    "tril": rearrangement.tril, "triu": rearrangement.triu,
    "scatter": rearrangement.scatter, "scatter_add": rearrangement.scatter_add,
    "swapdims": spoken("swapaxes"),
    "tensor_split": rearrangement.tensor_split,
    "split_with_sizes": spoken("split"), "fliplr": rearrangement.fliplr,
    "flipud": rearrangement.flipud,
    "take_along_dim": rearrangement.take_along_dim,
    "aminmax": spoken("aminmax"),
    "quantile": reduction.quantile,
    "inverse": spoken("inv"), "mode": spoken("mode", ("axis", "keepdims")),
    "bernoulli": creation.bernoulli, "multinomial": _multinomial,
    "add": add, "sub": sub, "div": div, "addcmul": addcmul, "addcdiv": addcdiv,
    "clamp": clamp, "clamp_min": clamp_min, "clamp_max": clamp_max,
    "softmax": softmax, "log_softmax": log_softmax, "allclose": allclose,
    "topk": reduction.topk, "norm": reduction.norm, "amax": reduction.amax,
    "amin": reduction.amin, "cummax": reduction.cummax, "cummin": reduction.cummin,
    **{name: along(name) for name in ALONG},
    **{name: spoken(name) for name in SPOKEN},
    **{theirs: door(ours) for theirs, ours in {
        "mm": "mm", "bmm": "bmm", "mv": "mv", "outer": "outer", "dot": "dot", "addmm": "addmm",
        "baddbmm": "baddbmm", "sigmoid": "sigmoid", "erf": "erf", "isclose": "isclose",
        "lerp": "lerp", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin",
        "arcsinh": "asinh", "arctan": "atan", "arctan2": "atan2", "arctanh": "atanh",
        "fix": "trunc", "ger": "outer", "sgn": "sign",
        **{name: name for name in (
            "addbmm", "addmv", "addr", "angle", "argwhere", "bincount", "bitwise_not", "cholesky",
            "corrcoef", "cov", "cross", "deg2rad", "det", "diag_embed", "diagflat", "digamma",
            "dist", "float_power", "fmax", "fmin", "frexp", "gcd", "heaviside", "histc", "inner",
            "isneginf", "isposinf", "isreal", "kron", "lcm", "ldexp", "lgamma", "logaddexp2",
            "logdet", "logit", "matrix_exp", "matrix_power", "nan_to_num", "nextafter",
            "polygamma", "positive", "prelu", "rad2deg", "slogdet", "unique_consecutive", "vdot",
        )},
    }.items()},
}  # fmt: skip
"""Other names and words for what is there already."""

BY_CALLER: dict[str, Any] = {
    "max": reduction.max, "min": reduction.min, "std": reduction.std, "var": reduction.var,
    "median": reduction.median, "sort": reduction.sort, "argsort": reduction.argsort,
    "nonzero": reduction.nonzero, "squeeze": rearrangement.squeeze,
    "repeat": rearrangement.repeat, "flip": rearrangement.flip, "roll": rearrangement.roll,
    "equal": equal, "unique": reduction.unique, "diag": rearrangement.diag,
    "diagonal": rearrangement.diagonal, "rot90": rearrangement.rot90, "__init__": _made,
}  # fmt: skip
"""The same name for something else."""

IN_PLACE: dict[str, Any] = {
    "uniform_": _uniform_, "normal_": _normal_, "random_": _random_, "bernoulli_": _bernoulli_,
    "clamp_": in_place(clamp), "clamp_min_": in_place(clamp_min),
    "clamp_max_": in_place(clamp_max), "div_": in_place(div),
    "tril_": in_place(rearrangement.tril), "triu_": in_place(rearrangement.triu),
    "scatter_": in_place(rearrangement.scatter),
    "scatter_add_": in_place(rearrangement.scatter_add),
    "exponential_": _exponential_, "fill_diagonal_": rearrangement.fill_diagonal_,
    "index_fill_": in_place(spoken("index_fill")),
    "nan_to_num_": in_place(door("nan_to_num")), "index_add_": in_place(spoken("index_add")),
    "cumsum_": in_place(spoken("cumsum")), "cumprod_": in_place(spoken("cumprod")),
    "unsqueeze_": _new_shape(spoken("unsqueeze")), "t_": _new_shape(rearrangement.t),
    "squeeze_": _new_shape(rearrangement.squeeze),
    "transpose_": _new_shape(spoken("transpose")), "swapdims_": _new_shape(spoken("swapaxes")),
    **{f"{theirs}_": in_place(door(ours)) for theirs, ours in {
        "absolute": "abs", "arccos": "acos", "arcsin": "asin", "arctan": "atan", "eq": "equal",
        "fix": "trunc", "ge": "greater_equal", "gt": "greater", "le": "less_equal", "lt": "less",
        "ne": "not_equal", "negative": "negative", "true_divide": "divide",
        **{name: name for name in (
            "acos", "acosh", "addmm", "asin", "asinh", "atan", "atan2", "atanh", "baddbmm",
            "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "ceil", "copysign", "cos",
            "cosh", "deg2rad", "divide", "erf", "erfc", "erfinv", "exp2", "expm1", "floor",
            "floor_divide", "fmod", "frac", "hypot", "log10", "log1p", "log2", "logical_and",
            "logical_not", "logical_or", "logical_xor", "logit", "multiply", "rad2deg",
            "reciprocal", "relu", "remainder", "rsqrt", "sigmoid", "sign", "sin", "sinc",
            "sinh", "square", "subtract", "tan", "trunc", "xlogy",
        )},
    }.items()},
}  # fmt: skip
"""The result goes into the tensor's box. nbdl's own ``add_``, ``mul_`` … are there already."""


def install() -> None:
    """Put all of it on Tensor."""
    for name, method in IN_PLACE.items():
        method.__name__ = name
    for name, method in {**ALIASES, **IN_PLACE}.items():
        setattr(Tensor, name, method)
    for name, theirs in BY_CALLER.items():
        ours = Tensor.__dict__.get(name)
        setattr(Tensor, name, theirs if ours is None else by_caller(ours, theirs))
    Tensor.size = property(_size)  # type: ignore[assignment,method-assign]
