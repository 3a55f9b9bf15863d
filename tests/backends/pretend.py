"""A pretended CuPy on NumPy: strict about what the real one is strict about.

It refuses NumPy arrays where CuPy arrays are due, and its functions are functions: no
``ufunc.at``, no ``ufunc.accumulate``; of ``reduceat`` CuPy has that of ``add``. Like a GPU it
says nothing of overflows. So rules are tested for the GPU on a machine without one.
"""

from __future__ import annotations

from contextlib import nullcontext
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import scipy.special


class Array(np.ndarray):
    """What stands for ``cupy.ndarray``."""

    device = SimpleNamespace(id=0)

    def get(self) -> np.ndarray:
        """A NumPy copy."""
        return np.array(self.view(np.ndarray))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method in ("at", "accumulate", "reduceat"):
            raise AttributeError(f"CuPy's {ufunc.__name__} has no {method}")
        _refuse(ufunc.__name__, inputs)
        plain = [x.view(np.ndarray) if isinstance(x, Array) else x for x in inputs]
        if "out" in kwargs:
            _refuse(ufunc.__name__, kwargs["out"])
            kwargs["out"] = tuple(o.view(np.ndarray) for o in kwargs["out"])
        with np.errstate(all="ignore"):
            return _taken(getattr(ufunc, method)(*plain, **kwargs))

    def __getitem__(self, index: Any) -> Any:
        _refuse("getitem", index if isinstance(index, tuple) else (index,))
        return _taken(super().__getitem__(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        _refuse("setitem", (*(index if isinstance(index, tuple) else (index,)), value))
        super().__setitem__(index, value)


def _refuse(name: str, values: Any) -> None:
    for v in values:
        if type(v) is np.ndarray:
            raise TypeError(f"{name}: a NumPy array among CuPy arrays")
        if isinstance(v, (list, tuple)):
            _refuse(name, v)


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(v) for v in value)
    return value.view(np.ndarray) if isinstance(value, Array) else value


def _taken(result: Any) -> Any:
    if isinstance(result, tuple):
        return tuple(_taken(r) for r in result)
    if isinstance(result, list):
        return [_taken(r) for r in result]
    if isinstance(result, (np.ndarray, np.generic)):
        return np.asarray(result).view(Array)
    return result


class _Device:
    def __init__(self, index: int) -> None:
        self.id = index

    def __enter__(self) -> _Device:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def _function(found: Any) -> Any:
    """A function of NumPy as one of CuPy."""

    def function(*args: Any, **kwargs: Any) -> Any:
        if found not in (np.asarray, np.array):
            _refuse(found.__name__, args)
        with np.errstate(all="ignore"):
            return _taken(found(*_plain(args), **{k: _plain(v) for k, v in kwargs.items()}))

    return function


class _Functions:
    """What stands for a module of functions: NumPy's, on pretended arrays."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        if isinstance(found, ModuleType):
            return _Functions(found)
        return found if isinstance(found, type) or not callable(found) else _function(found)


class Cupy:
    """What stands for the module ``cupy``."""

    ndarray = Array
    cuda = SimpleNamespace(
        Device=_Device,
        is_available=lambda: True,
        runtime=SimpleNamespace(getDeviceCount=lambda: 1),
    )
    lib = SimpleNamespace(
        stride_tricks=SimpleNamespace(as_strided=_function(np.lib.stride_tricks.as_strided))
    )

    def __getattr__(self, name: str) -> Any:
        function = getattr(_Functions(np), name)
        if name == "add":
            function.reduceat = _function(np.add.reduceat)
        return function


class Cupyx:
    """What stands for the module ``cupyx``."""

    @staticmethod
    def errstate(*, linalg: str) -> Any:
        """How a matrix without a result is told: here, as by NumPy, always by an error."""
        return nullcontext()

    @staticmethod
    def scatter_add(total: Array, index: Any, values: Array) -> None:
        """``total[index] += values`` with repeated places added."""
        _refuse("scatter_add", (*(index if isinstance(index, tuple) else (index,)), values))
        np.add.at(total.view(np.ndarray), index, values.view(np.ndarray))

    @staticmethod
    def scatter_max(total: Array, index: Any, values: Array) -> None:
        """The larger of ``total[index]`` and ``values``, with repeated places."""
        _refuse("scatter_max", (index, values))
        np.maximum.at(total.view(np.ndarray), index.view(np.ndarray), values.view(np.ndarray))

    @staticmethod
    def scatter_min(total: Array, index: Any, values: Array) -> None:
        """The smaller of ``total[index]`` and ``values``, with repeated places."""
        _refuse("scatter_min", (index, values))
        np.minimum.at(total.view(np.ndarray), index.view(np.ndarray), values.view(np.ndarray))


class Special:
    """What stands for the module ``cupyx.scipy.special``."""

    def __getattr__(self, name: str) -> Any:
        function = getattr(scipy.special, name)

        def call(*xs: Any) -> Any:
            _refuse(name, xs)
            return _taken(function(*map(_plain, xs)))

        return call
