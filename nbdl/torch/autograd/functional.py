"""PyTorch's ``torch.autograd.functional``: derivatives of a function at one or several inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbdl import autograd
from nbdl.core import Tensor

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vjp"]

_Function = Callable[..., Any]


def _places(inputs: Any) -> tuple[int, ...]:
    return tuple(range(len(inputs)))


def jacobian(
    func: _Function, inputs: Any, create_graph: bool = False, strict: bool = False,
    vectorize: bool = False, strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """All derivatives of ``func`` at a tensor, or at several (then a tuple).

    The other arguments are taken for PyTorch's sake: all is batched, and graphs are kept where
    the inputs require a gradient.
    """
    if isinstance(inputs, Tensor):
        return autograd.jacrev(func)(inputs)
    return autograd.jacrev(func, _places(inputs))(*inputs)


def hessian(
    func: _Function, inputs: Any, create_graph: bool = False, strict: bool = False,
    vectorize: bool = False, outer_jacobian_strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """All second derivatives of a ``func`` that gives a number, at a tensor or several."""
    if isinstance(inputs, Tensor):
        return autograd.jacrev(autograd.gradient(func))(inputs)
    places = _places(inputs)
    return autograd.jacrev(autograd.gradient(func, places), places)(*inputs)


def vjp(func: _Function, inputs: Any, v: Any = None, create_graph: bool = False,
        strict: bool = False) -> tuple[Any, Any]:  # fmt: skip
    """The output, and ``v`` times the Jacobian."""
    return autograd.vjp(func, inputs, v)


def jvp(func: _Function, inputs: Any, v: Any, create_graph: bool = False,
        strict: bool = False) -> tuple[Any, Any]:  # fmt: skip
    """The output, and the Jacobian times ``v``."""
    return autograd.jvp(func, inputs, v)


def hvp(func: _Function, inputs: Tensor, v: Tensor, create_graph: bool = False,
        strict: bool = False) -> tuple[Any, Any]:  # fmt: skip
    """The output, and the Hessian times ``v``."""
    return func(inputs), autograd.hvp(func, inputs, v)
