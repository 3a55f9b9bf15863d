"""Finding the first NaN or Inf: which operation made it, in which layer, on which line."""

from __future__ import annotations

import linecache
import os
from typing import Any

import numpy as np

from nbdl import backends
from nbdl.core import modes
from nbdl.core.lines import calls_of, user_line
from nbdl.core.tensor import Tensor
from nbdl.errors import GradientError


class AnomalyError(GradientError):
    """The first NaN or Inf, found by ``detect_anomaly``.

    Attributes:
        op: the operation's name.
        source: ``(filename, line)`` of the user's code that called it, or None.
    """

    op: str = ""


class detect_anomaly:
    """Stop at the first operation, forward or backward, that makes a NaN or an Inf.

    The error names the operation, its inputs, the layer and the line; in backward those of the
    operation whose gradient it was, if its forward was watched too. Costs a look at every result,
    so it is for finding a fault, not for training.

    Args:
        check_inf: stop at infinities too (default), or at NaN only.

    Raises:
        AnomalyError: from the operation that made the first bad value out of good ones.
    """

    def __init__(self, check_inf: bool = True) -> None:
        self.check_inf = check_inf

    def __enter__(self) -> detect_anomaly:
        self.watch = modes.observe(self._look)
        self.watch.__enter__()
        return self

    def __exit__(self, *args: object) -> None:
        self.watch.__exit__(*args)

    def _look(self, op: Any, inputs: tuple[Tensor, ...], outputs: Any, node: Any) -> None:
        line = user_line()
        if node is not None:
            node.extra = {**(node.extra or {}), "line": line}
        for y in outputs:
            bad = self._bad(y)
            if bad and not any(self._bad(x) for x in inputs):
                raise self._error(op, inputs, y, bad, line)

    def _bad(self, x: Tensor) -> int:
        """How many elements are NaN (or Inf)."""
        if not backends.has_data(x.value) or x.dtype.kind not in "fcV":
            return 0
        xp = backends.namespace(x.value)
        wrong = xp.isnan(x.value) if not self.check_inf else ~xp.isfinite(x.value)
        return int(wrong.sum())

    def _error(
        self, op: Any, inputs: tuple[Tensor, ...], y: Tensor, bad: int, line: Any
    ) -> AnomalyError:
        values = backends.to_numpy(y.value)
        kind = "NaN" if np.isnan(values.astype(np.float64, copy=False)).any() else "Inf"
        ranges = ", ".join(_range(x) for x in inputs)
        state = modes.state()
        walking, scope = state.walking, state.scope
        made = f"{op.title} made the first {kind}"
        if walking is not None:
            op, scope = walking.op, walking.scope
            made = f"the gradient of {op.title} has the first {kind} in backward; {made}"
            line = (walking.extra or {}).get("line") or next(reversed(calls_of(scope)), line)
        error = AnomalyError(
            f"{made}: {bad} of {y.size} elements of its output {y.dtype}{list(y.shape)}; its "
            f"inputs were finite: {ranges}",
            hint="look at the inputs' ranges: log or sqrt of what is not positive, a division "
            "by zero, an overflow of exp, or a learning rate that is too large",
        )
        error.op = op.name
        if scope is not None:
            path, kind_of_layer = scope.path(), type(scope.layer).__name__
            error.layer = f"{path} ({kind_of_layer})" if path else kind_of_layer
        error.source = line
        if line:
            error.message += f"\n  At: {_place(*line)}"
        return error


def _place(filename: str, number: int) -> str:
    """The line as a person finds it: its text, and the file's name where there is such a file."""
    text = linecache.getline(filename, number).strip()
    parts = [filename] if os.path.exists(filename) or not text else []
    return ", ".join([*parts, f"line {number}"]) + (f": {text}" if text else "")


def _range(x: Tensor) -> str:
    """Shape and range of an input, for the message."""
    if not backends.has_data(x.value) or not x.size:
        return f"{x.dtype}{list(x.shape)}"
    values = backends.to_numpy(x.value)
    if values.dtype.kind not in "iufV":
        return f"{x.dtype}{list(x.shape)}"
    values = values.astype(np.float64)
    return f"{x.dtype}{list(x.shape)} from {values.min():.4g} to {values.max():.4g}"
