"""PyTorch's ``torch.func``: functions of functions, which combine with each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbdl import autograd
from nbdl.nn import functional_call

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "vjp",
    "vmap",
]

_Function = Callable[..., Any]
grad = autograd.gradient
jacfwd, jacrev, jvp = autograd.jacfwd, autograd.jacrev, autograd.jvp


def vmap(
    func: _Function, in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *,
    chunk_size: int | None = None,
) -> _Function:  # fmt: skip
    """``func`` applied to every example of a batch, without a Python loop."""
    return autograd.vmap(func, in_dims, out_dims, randomness=randomness, chunk_size=chunk_size)


def grad_and_value(func: _Function, argnums: Any = 0, has_aux: bool = False) -> _Function:
    """A function that gives (gradient, value)."""
    both = autograd.value_and_gradient(func, argnums, has_aux=has_aux)

    def derived(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        value, found = both(*args, **kwargs)
        return found, value

    return derived


def hessian(func: _Function, argnums: Any = 0) -> _Function:
    """A function that gives all second derivatives: forward over reverse."""
    return autograd.jacfwd(autograd.gradient(func, argnums), argnums)


def vjp(func: _Function, *primals: Any) -> tuple[Any, _Function]:
    """The output, and a function that multiplies the Jacobian by its argument from the left."""

    def pulled_back(v: Any) -> tuple[Any, ...]:
        found: tuple[Any, ...] = autograd.vjp(func, primals, v)[1]
        return found

    return func(*primals), pulled_back
