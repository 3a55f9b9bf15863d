"""PyTorch's ways to make tensors: shapes given one by one, ``dtype`` and ``device`` words."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbdl import backends, dtypes
from nbdl.core.random import Generator
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.ops import conversion, creation, random
from nbdl.torch.naming import door, into, sizes


def _finish(y: Tensor, requires_grad: bool) -> Tensor:
    return y.requires_grad_() if requires_grad else y


def tensor(
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor with a copy of ``data``; ``pin_memory`` is taken and has no meaning here."""
    return conversion.tensor(data, dtype, device, requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of ``data``, sharing memory where possible."""
    return conversion.asarray(data, dtype=dtype, device=device)


def scalar_tensor(s: complex, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor without axes; a float unless ``dtype`` says otherwise."""
    return conversion.tensor(s, dtypes.default_float() if dtype is None else dtype, device)


def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A tensor that shares the array's memory; do not change the array while it is in use."""
    return conversion.asarray(ndarray)


def zeros(*size: Any, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
          requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """Zeros: ``zeros(2, 3)`` or ``zeros((2, 3))``."""
    y = creation.zeros(sizes(size), dtype=dtype, device=device, requires_grad=requires_grad)
    return into(out, y)


def ones(*size: Any, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
         requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """Ones: ``ones(2, 3)`` or ``ones((2, 3))``."""
    y = creation.ones(sizes(size), dtype=dtype, device=device, requires_grad=requires_grad)
    return into(out, y)


def empty(*size: Any, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
          requires_grad: bool = False, pin_memory: bool = False,
          memory_format: Any = None) -> Tensor:  # fmt: skip
    """Zeros (PyTorch leaves the values open)."""
    y = creation.zeros(sizes(size), dtype=dtype, device=device, requires_grad=requires_grad)
    return into(out, y)


def full(size: Any, fill_value: Any, *, out: Any = None, dtype: Any = None, layout: Any = None,
         device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """``fill_value`` everywhere."""
    y = creation.full(
        sizes((size,)), fill_value, dtype=dtype, device=device, requires_grad=requires_grad
    )
    return into(out, y)


def arange(start: Any, end: Any = None, step: Any = 1, *, out: Any = None, dtype: Any = None,
           layout: Any = None, device: Any = None,
           requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Numbers from start (default 0) to before end.  -> y: (n,)."""
    y = door("arange")(start, end, step, dtype=dtype, device=device)
    return into(out, _finish(y, requires_grad))


def linspace(start: float, end: float, steps: int, *, out: Any = None, dtype: Any = None,
             device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """``steps`` numbers from start to end, both included.  -> y: (steps,)."""
    y = door("linspace")(start, end, steps, dtype=dtype, device=device)
    return into(out, _finish(y, requires_grad))


def logspace(start: float, end: float, steps: int, base: float = 10.0, *, dtype: Any = None,
             device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """base to the powers start … end.  -> y: (steps,)."""
    y = base ** door("linspace")(start, end, steps, dtype=dtype, device=device)
    return _finish(y, requires_grad)


def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None,
        requires_grad: bool = False) -> Tensor:  # fmt: skip
    """The identity matrix.  -> y: (n, m)."""
    return _finish(door("eye")(n, m, dtype=dtype, device=device), requires_grad)


def zeros_like(input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None,
               requires_grad: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """Zeros of ``input``'s shape."""
    return _finish(creation.zeros_like(input, dtype=dtype, device=device), requires_grad)


def ones_like(input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None,
              requires_grad: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """Ones of ``input``'s shape."""
    return _finish(creation.ones_like(input, dtype=dtype, device=device), requires_grad)


empty_like = zeros_like


def full_like(input: Tensor, fill_value: Any, *, dtype: Any = None, device: Any = None,
              requires_grad: bool = False) -> Tensor:  # fmt: skip
    """``fill_value`` in ``input``'s shape."""
    y = creation.full_like(input, fill_value, dtype=dtype, device=device)
    return _finish(y, requires_grad)


def rand(*size: Any, generator: Generator | None = None, out: Any = None, dtype: Any = None,
         device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Uniform numbers in [0, 1)."""
    y = random.rand(*sizes(size), dtype=dtype, device=device, generator=generator)
    return into(out, _finish(y, requires_grad))


def randn(*size: Any, generator: Generator | None = None, out: Any = None, dtype: Any = None,
          device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Standard normal numbers."""
    y = random.randn(*sizes(size), dtype=dtype, device=device, generator=generator)
    return into(out, _finish(y, requires_grad))


def randint(low: int, high: Any = None, size: Any = None, *, generator: Generator | None = None,
            dtype: Any = None, device: Any = None,
            requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Integers in [low, high): ``randint(10, (3,))`` or ``randint(2, 10, (3,))``."""
    if size is None:
        low, high, size = 0, low, high
    shape = sizes((size,))
    y = random.randint(low, high, shape, dtype=dtype, device=device, generator=generator)
    return _finish(y, requires_grad)


def randperm(n: int, *, generator: Generator | None = None, dtype: Any = None,
             device: Any = None) -> Tensor:  # fmt: skip
    """The integers 0..n-1 in random order."""
    y = random.randperm(n, device=device, generator=generator)
    return y if dtype is None else y.to(dtype)


def _like(x: Tensor, dtype: Any, device: Any) -> dict[str, Any]:
    where = backends.CPU if x.device == "meta" and device is None else device or x.device
    return {"dtype": x.dtype if dtype is None else dtype, "device": where}


def rand_like(input: Tensor, *, generator: Generator | None = None, dtype: Any = None,
              device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Uniform numbers in ``input``'s shape."""
    y = random.rand(*input.shape, **_like(input, dtype, device), generator=generator)
    return _finish(y, requires_grad)


def randn_like(input: Tensor, *, generator: Generator | None = None, dtype: Any = None,
               device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Standard normal numbers in ``input``'s shape."""
    y = random.randn(*input.shape, **_like(input, dtype, device), generator=generator)
    return _finish(y, requires_grad)


def randint_like(input: Tensor, low: int, high: int | None = None, *, dtype: Any = None,
                 device: Any = None) -> Tensor:  # fmt: skip
    """Integers in [low, high) in ``input``'s shape and dtype."""
    return random.randint(low, high, input.shape, **_like(input, dtype, device))


def normal(mean: Any, std: Any = 1.0, size: Any = None, *,
           generator: Generator | None = None) -> Tensor:  # fmt: skip
    """Normal numbers; mean and std are numbers (with ``size``) or tensors."""
    if size is None:
        one = mean if isinstance(mean, Tensor) else std
        size = np.broadcast_shapes(np.shape(mean), np.shape(std))
        dtype = one.dtype if isinstance(one, Tensor) else None
    else:
        dtype = None
    z = random.randn(*size, dtype=dtype, generator=generator)
    return conversion.astensor(z * std + mean)


def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """1 with probability ``input``, else 0; same shape and dtype."""
    unit = random.rand(*input.shape, dtype=input.dtype, device=input.device, generator=generator)
    return (unit < input).to(input.dtype)


def multinomial(input: Tensor, num_samples: int, replacement: bool = False, *,
                generator: Generator | None = None) -> Tensor:  # fmt: skip
    """Places drawn with probabilities in proportion to ``input``.

    input: (n,) or (rows, n) -> y: (num_samples,) or (rows, num_samples), int64. Without
    replacement the places differ (A. Efraimidis and P. Spirakis, 2006: the largest
    log(u) / weight).
    """
    weights = np.atleast_2d(input.cpu().numpy()).astype(np.float64)
    rows, n = weights.shape
    if not (weights >= 0).all() or not (weights.sum(axis=1) > 0).all():
        raise ArgumentError("multinomial: the weights of a row must be at least 0, and not all 0")
    if not replacement and num_samples > (weights > 0).sum(axis=1).min():
        raise ArgumentError(
            f"multinomial: {num_samples} different places were asked for, a row has only "
            f"{(weights > 0).sum(axis=1).min()} with a weight above 0",
            hint="replacement=True draws places again",
        )
    if replacement:
        unit = random.rand(rows, num_samples, dtype="float64", device="cpu", generator=generator)
        edges = weights.cumsum(axis=1)
        goals = unit.numpy() * edges[:, -1:]
        places = np.stack(
            [np.searchsorted(e, g, side="right") for e, g in zip(edges, goals, strict=True)]
        )
    else:
        unit = random.rand(rows, n, dtype="float64", device="cpu", generator=generator)
        with np.errstate(divide="ignore"):
            keys = np.where(
                weights > 0, np.log(1 - unit.numpy()) / np.maximum(weights, 1e-300), -np.inf
            )
        places = np.argsort(-keys, axis=1, kind="stable")[:, :num_samples]
    places = places.astype(np.int64).reshape((num_samples,) if input.ndim == 1 else places.shape)
    return Tensor(places).to(input.device)


def _typed(dtype: Any) -> Any:
    """PyTorch's older way to say a dtype: ``torch.LongTensor([1, 2])``.

    Numbers alone are a shape, ``torch.FloatTensor(2, 3)``; ``x.type(torch.LongTensor)`` converts.
    """

    def make(*data: Any) -> Tensor:
        if all(isinstance(n, int) for n in data):
            return creation.zeros(data or (0,), dtype=dtype)
        (values,) = data
        return conversion.tensor(values, dtype)

    make.dtype = dtype  # type: ignore[attr-defined]
    make.__doc__ = f"A tensor of {dtype.name}."
    return make


BoolTensor = _typed(dtypes.bool)
ByteTensor = _typed(dtypes.uint8)
CharTensor = _typed(dtypes.int8)
DoubleTensor = _typed(dtypes.float64)
FloatTensor = _typed(dtypes.float32)
HalfTensor = _typed(dtypes.float16)
IntTensor = _typed(dtypes.int32)
LongTensor = _typed(dtypes.int64)
ShortTensor = _typed(dtypes.int16)
