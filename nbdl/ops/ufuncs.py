"""NumPy's functions on tensors: ``np.exp(x)`` is ``nbdl.exp(x)``, with its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbdl.core.tensor import Tensor
from nbdl.errors import GradientError
from nbdl.ops import (
    arithmetic,
    comparison,
    contraction,
    exponential,
    logic,
    powers,
    rounding,
    selection,
    special,
    trigonometry,
)

_OTHER_NAMES = {
    "absolute": "abs", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh",
    "arctan": "atan", "arctan2": "atan2", "arctanh": "atanh", "conjugate": "conj",
    "degrees": "rad2deg", "invert": "bitwise_invert", "left_shift": "bitwise_left_shift",
    "power": "pow", "radians": "deg2rad", "right_shift": "bitwise_right_shift",
}  # fmt: skip
"""NumPy's name of a ufunc -> nbdl's."""

_HOMES = (
    arithmetic, powers, exponential, trigonometry, rounding, special, comparison, logic,
    selection, contraction,
)  # fmt: skip


def _doors() -> dict[np.ufunc, Any]:
    """nbdl's function for each ufunc of NumPy that it has."""
    found: dict[np.ufunc, Any] = {}
    for ufunc in (u for u in vars(np).values() if isinstance(u, np.ufunc)):
        name = _OTHER_NAMES.get(ufunc.__name__, ufunc.__name__)
        for home in _HOMES:
            if name in home.__all__:
                found[ufunc] = getattr(home, name)
    return found


_DOORS = _doors()


def array_ufunc(self: Tensor, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """What NumPy's ``exp``, ``add`` … make of tensors: tensors, by nbdl's functions.

    Forms that nbdl does not have (``out=``, ``np.add.reduce``) are computed by NumPy and give
    arrays. Raises GradientError where that would cut off a gradient.
    """
    if method == "__call__" and not kwargs and ufunc in _DOORS:
        return _DOORS[ufunc](*inputs)
    if any(isinstance(x, Tensor) and x.requires_grad for x in inputs):
        raise GradientError(
            f"no gradient would flow through NumPy's {ufunc.__name__} in this form",
            hint="nbdl's own functions, or x.detach()",
        )
    arrays = [x.numpy() if isinstance(x, Tensor) else x for x in inputs]
    return getattr(ufunc, method)(*arrays, **kwargs)


METHODS = {"__array_ufunc__": array_ufunc}
