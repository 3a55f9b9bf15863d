"""A tensor's elements as text, and how much of them."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nbdl import backends, dtypes
from nbdl.core.lifted import Lifted
from nbdl.errors import ArgumentError, unknown
from nbdl.shapes import Spec

if TYPE_CHECKING:
    from nbdl.core.tensor import Tensor


@dataclass(frozen=True)
class PrintOptions:
    """How tensors are printed: see ``set_printoptions``."""

    precision: int = 4
    threshold: float = 200
    edgeitems: int = 3
    linewidth: int = 75
    sci_mode: bool | None = None


_PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=float("inf")),
}
_options = _PROFILES["default"]


def set_printoptions(
    precision: int | None = None, threshold: float | None = None, edgeitems: int | None = None,
    linewidth: int | None = None, profile: str | None = None, sci_mode: bool | None = None,
) -> None:  # fmt: skip
    """How tensors are printed from now on; what is None stays.

    Args:
        precision: digits after the point, 4.
        threshold: tensors of more elements than this, 200, are shown by the first and last of
            each axis; ``float("inf")`` shows all.
        edgeitems: how many those are, 3.
        linewidth: characters in a line, 75.
        profile: "default", "short" or "full", to start from.
        sci_mode: whether floats are written as 1.0000e+00; unless given, where they need it.

    Raises ArgumentError for unknown profiles and negative numbers.
    """
    global _options
    if profile is not None and profile not in _PROFILES:
        raise unknown("profile of set_printoptions", profile, tuple(_PROFILES))
    given: dict[str, Any] = {
        "precision": precision, "threshold": threshold, "edgeitems": edgeitems,
        "linewidth": linewidth, "sci_mode": sci_mode,
    }  # fmt: skip
    given = {key: value for key, value in given.items() if value is not None}
    for key, value in given.items():
        if not value >= 0:
            raise ArgumentError(f"set_printoptions got {key}={value!r}, which is negative")
    _options = replace(_options if profile is None else _PROFILES[profile], **given)


def get_printoptions() -> PrintOptions:
    """How tensors are printed now."""
    return _options


def digits(array: np.ndarray) -> str:
    """Four decimals, whole floats as ``1.``, long arrays shortened."""
    if array.dtype in dtypes.HALVES:
        array = array.astype(np.float32)
    if array.dtype.kind == "f" and _options.sci_mode is not None:
        return _text(array, "fixed", _options.sci_mode)
    text = _text(array, "maxprec")
    if array.dtype.kind == "f" and not (_whole(array) and "e" not in text):
        text = _text(array, "fixed")
    return text


def tensor_text(x: Tensor) -> str:
    """A tensor for its reader: elements, and what is not the default of dtype and device."""
    if isinstance(x.value, Lifted):
        body = x.value.words()
    elif type(x.value) is Spec:
        body = f"{list(x.shape)}, dtype={x.dtype}, no data"
    else:
        body = digits(backends.to_numpy(x.value))
        if x.dtype not in (dtypes.float32, dtypes.int64, dtypes.bool):
            body += f", dtype={x.dtype}"
    if x.device.type == "cuda":
        body += f", device={str(x.device)!r}"
    if x.grad_fn is not None:
        body += f", grad_fn={x.grad_fn!r}"
    elif x.requires_grad:
        body += ", requires_grad=True"
    return f"tensor({body})"


def _text(
    array: np.ndarray, mode: Literal["maxprec", "fixed"], scientific: bool | None = None
) -> str:
    options = _options
    style: Any = {"float_kind": lambda x: f"{x:.{options.precision}e}"} if scientific else None
    most = int(min(options.threshold, sys.maxsize))
    with np.printoptions(threshold=most, edgeitems=options.edgeitems):
        return np.array2string(
            array, max_line_width=options.linewidth, separator=", ", precision=options.precision,
            prefix="tensor(", floatmode=mode, suppress_small=scientific is False,
            formatter=style,
        )  # fmt: skip


def _whole(array: np.ndarray) -> bool:
    finite = array[np.isfinite(array)]
    return bool((finite == np.trunc(finite)).all())
