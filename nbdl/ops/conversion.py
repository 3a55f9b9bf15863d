"""From anything to tensors: numbers and arrays, dtypes, devices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl import backends, dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DtypeError, ShapeError
from nbdl.ops.families import Elementwise, Movement
from nbdl.shapes import Spec

__all__ = ["tensor", "asarray", "astype", "clone"]


@dataclass(frozen=True)
class Cast(Elementwise):
    """Another dtype."""

    dtype: Any
    onnx = "Cast"
    flops_per_element = 0

    def result_dtype(self, dtype: Any) -> Any:
        return self.dtype

    def forward(self, xp: Any, x: Any) -> Any:
        if x.dtype.kind == "c" and self.dtype.kind != "c":
            x = x.real
        return x.astype(self.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor | None:
        return cast(dy, x.dtype) if dtypes.is_differentiable(y.dtype) else None


@dataclass(frozen=True)
class ToDevice(Movement):
    """A copy on another device."""

    device: str
    source: str
    moves = True
    stacks = True

    def forward(self, xp: Any, x: Any) -> Any:
        return backends.to_device(x, self.device)

    def infer(self, x: Spec) -> Spec:
        return x

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return to(dy, device=self.source)


class Clone(Movement):
    """The same values in a tensor of their own."""

    method = "clone"
    onnx = "Identity"
    stacks = True

    def forward(self, xp: Any, x: Any) -> Any:
        return x

    def infer(self, x: Spec) -> Spec:
        return x

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy


def clone(x: Tensor) -> Tensor:
    """The same values in a tensor of their own, through which gradients flow.

    x: (...) -> y: (...), same dtype. Values are immutable, so nothing is copied.
    """
    return Clone()(astensor(x))


def cast(x: Tensor, dtype: Any) -> Tensor:
    """``x`` as ``dtype``; the same tensor when it has that dtype already."""
    return x if x.dtype == dtype else Cast(dtype)(x)


def widened(x: Tensor) -> Tensor:
    """Half precision as float32, in which it is computed; other tensors as they are."""
    return cast(x, dtypes.float32) if x.dtype in dtypes.HALVES else x


def astype(x: Tensor, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """``x`` as ``dtype`` (array API), on ``device`` if one is named.  x: (...) -> y: (...)."""
    x = astensor(x)
    found = dtypes.as_dtype(dtype)
    y = clone(x) if copy and x.dtype == found else cast(x, found)
    return y if device is None else to(y, device=device)


def to_device(x: Tensor, device: Any, /, *, stream: Any = None) -> Tensor:
    """``x`` on ``device`` (array API); ``stream`` is CuPy's business and must be None."""
    if stream is not None:
        raise ArgumentError(f"to_device: stream={stream!r} is not supported", hint="stream=None")
    return to(x, device=device)


def to(x: Tensor, *args: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """``x`` with another dtype, on another device, or both: ``x.to("cuda")``, ``x.to(float64)``.

    Another tensor as the argument gives both. The same tensor when nothing changes.
    """
    x = astensor(x)
    for arg in args:
        if isinstance(arg, Tensor):
            dtype, device = arg.dtype, arg.device
        elif isinstance(arg, backends.Device) or (
            isinstance(arg, str) and arg.partition(":")[0] in ("cpu", "cuda", "meta")
        ):
            device = arg
        else:
            dtype = arg
    if dtype is not None:
        x = cast(x, dtypes.as_dtype(dtype))
    if device is not None and backends.Device(device) != x.device:
        x = ToDevice(backends.Device(device), x.device)(x)
    return x


def tensor(
    data: Any, dtype: Any = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor with a copy of ``data``: numbers, nested lists, NumPy arrays or tensors.

    Args:
        data: what to copy; nested lists must be rectangular.
        dtype: default float32 for Python floats, int64 for ints, and an array's own dtype
            (a float64 array stays float64).
        device: default ``nbdl.set_default_device``'s, the CPU.
        requires_grad: record operations on it.

    Raises:
        DtypeError: elements that are not numbers.
        ShapeError: nested lists of different lengths.
    """
    found = None if dtype is None else dtypes.as_dtype(dtype)
    value = data.value if isinstance(data, Tensor) else _array(data, found)
    if type(value) is np.ndarray and value is data:
        value = value.copy()
    if found is not None and value.dtype != found:
        value = value.astype(found)
    result = Tensor._wrap(backends.to_device(value, device))
    return result.requires_grad_() if requires_grad else result


def asarray(
    obj: Any, /, *, dtype: Any = None, device: str | None = None, copy: bool | None = None
) -> Tensor:
    """A tensor of ``obj``, sharing its memory where possible (array API).

    The array must not be changed while the tensor is in use; ``copy=True`` copies, and
    ``copy=False`` raises ArgumentError where a copy would be needed.
    """
    if copy:
        return tensor(obj, dtype=dtype, device=device)
    found = None if dtype is None else dtypes.as_dtype(dtype)
    x = obj if isinstance(obj, Tensor) else Tensor._wrap(_array(obj, found))
    if (copy is False and not (x is obj or x.value is obj)) or (found not in (None, x.dtype)):
        if copy is False:
            raise ArgumentError(
                f"asarray of {_described(obj)} as {found or x.dtype} needs a copy, which "
                "copy=False forbids"
            )
        x = cast(x, found)
    return x if device is None else to(x, device=device)


def _described(x: Any) -> str:
    return f"a tensor or array of {x.dtype}" if hasattr(x, "dtype") else f"a {type(x).__name__}"


def astensor(x: Any, like: Tensor | None = None) -> Tensor:
    """``x`` as a tensor: tensors as they are, arrays shared, numbers as 0-d tensors.

    A Python number takes the dtype that it has beside ``like`` (numbers are weak). Numbers and
    arrays, which have no device of their own, take that of ``like``.
    """
    if isinstance(x, Tensor):
        return x
    if like is not None and isinstance(x, (int, float, complex)):
        dtype = dtypes.promote_scalar(like.value.dtype, x)
        if type(like.value) in (np.ndarray, Spec):
            return Tensor._wrap(np.array(x, dtype))
        return Tensor._wrap(backends.to_device(np.array(x, dtype), like.device))
    if like is not None and type(like.value) not in (np.ndarray, Spec):
        return Tensor._wrap(backends.to_device(_array(x), like.device))
    return Tensor._wrap(_array(x))


def _array(x: Any, dtype: Any = None) -> Any:
    """A NumPy or CuPy array of ``x`` with a dtype nbdl computes with.

    ``dtype`` is that of Python numbers, which must not lose digits in the default float.
    """
    if type(x) in backends.NAMESPACES or type(x) is Spec:
        array = x
    elif isinstance(x, (list, tuple)) and _holds_tensors(x):
        return np.stack([np.asarray(_array(v)) for v in x])
    elif isinstance(x, Tensor):
        return x.value
    else:
        array = _from_python(x, dtype)
    if array.dtype in dtypes.ALL:
        return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    if array.size == 0:
        return array.astype(dtypes.default_float())
    if x is None:
        raise DtypeError("None is no number", hint="does a function lack its `return`?")
    raise DtypeError(
        f"a tensor cannot hold {array.dtype} values",
        hint="numbers or bools; encode text or objects as integers first",
    )


def _holds_tensors(x: Any) -> bool:
    return any(isinstance(v, Tensor) or (isinstance(v, (list, tuple)) and _holds_tensors(v))
               for v in x)


def _from_python(x: Any, dtype: Any = None) -> np.ndarray:
    """Numbers and nested lists: floats become ``dtype``, or the default float."""
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise ShapeError(
            f"nested lists of different lengths cannot become a tensor: {error}",
            hint="make all rows the same length",
        ) from None
    is_python = isinstance(x, (int, float, complex, list, tuple)) and not isinstance(x, np.generic)
    if dtype is not None:
        return array.astype(dtype, copy=False) if array.dtype in dtypes.ALL else array
    if is_python and array.dtype == np.float64 and not _mentions_float64(x):
        return array.astype(dtypes.default_float())
    if is_python and array.dtype == np.complex128 and not _mentions_float64(x):
        return array.astype(dtypes.complex_of(dtypes.default_float()))
    return array


def _mentions_float64(x: Any) -> bool:
    """Whether a nested list holds NumPy values, whose dtype counts."""
    if isinstance(x, (list, tuple)):
        return bool(x) and _mentions_float64(x[0])
    return isinstance(x, (np.generic, np.ndarray))


def promote(x: Any, y: Any) -> tuple[Tensor, Tensor]:
    """Two operands as tensors of one dtype: the common preamble of binary operations."""
    try:
        if x.value.dtype is y.value.dtype:
            return x, y
    except AttributeError:
        if isinstance(x, Tensor):
            y = astensor(y, like=x)
        elif isinstance(y, Tensor):
            x = astensor(x, like=y)
        else:
            x = astensor(x)
            y = astensor(y, like=x)
    dtype = dtypes.promote(x.dtype, y.dtype)
    return cast(x, dtype), cast(y, dtype)


def promote_all(*operands: Any) -> tuple[Tensor, ...]:
    """Any number of operands as tensors of one dtype; Python numbers are weak."""
    tensors = [x for x in operands if not isinstance(x, (int, float, complex))]
    first = astensor(tensors[0]) if tensors else None
    dtype = None
    for x in tensors:
        found = astensor(x).dtype
        dtype = found if dtype is None else dtypes.promote(dtype, found)
    for x in operands:
        if isinstance(x, (int, float, complex)):
            dtype = (
                astensor(x).dtype if dtype is None else dtypes.promote_scalar(dtype, x)
            )
    return tuple(cast(astensor(x, like=first), dtype) for x in operands)


def floats(x: Any) -> Tensor:
    """``x`` as a tensor of floats: integers and bools become the default float."""
    x = astensor(x)
    kind = x.value.dtype.kind
    return x if kind == "f" or kind not in "iub" else Cast(dtypes.default_float())(x)


def _cpu(x: Tensor) -> Tensor:
    """This tensor on the CPU."""
    return to(x, "cpu")


def _cuda(x: Tensor, index: int = 0) -> Tensor:
    """This tensor on GPU number ``index``."""
    return to(x, f"cuda:{index}")


METHODS = {"to": to, "astype": astype, "to_device": to_device, "cpu": _cpu, "cuda": _cuda}
