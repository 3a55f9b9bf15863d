"""Trust, then verify: a compiled result beside the eager one, within what rounding explains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from nbdl.compiler.ir import Graph
from nbdl.errors import NbdlError
from nbdl.ops.convolution import Convolution, ConvolutionInput, ConvolutionWeight
from nbdl.ops.families import Contraction, Reduction

_SAFETY = 32
"""How many times the expected rounding error is still taken for rounding: errors of many sums in
a row add up."""


class MismatchError(NbdlError):
    """A compiled result differs from the eager one by more than rounding."""


def longest_sum(graph: Graph) -> int:
    """The largest number of terms that one element of the graph is a sum of."""
    longest = 1
    for node in graph.nodes:
        y = node.outputs[0].spec
        if isinstance(node.op, Reduction):
            longest = max(longest, node.inputs[0].spec.size // max(y.size, 1))
        elif isinstance(node.op, (Convolution, ConvolutionInput, ConvolutionWeight, Contraction)):
            longest = max(longest, node.flops // (2 * max(y.size, 1)))
    return longest


def tolerance(dtype: np.dtype, terms: int) -> float:
    """The relative error that rounding may make: sums of ``terms`` terms err by their root.

    N. Higham and T. Mary, "A new approach to probabilistic rounding error analysis", SIAM Journal
    on Scientific Computing, 2019.
    """
    return _SAFETY * float(np.finfo(dtype).eps) * math.sqrt(terms)


def compare(
    compiled: Mapping[str, np.ndarray], eager: Mapping[str, np.ndarray], terms: int
) -> None:
    """Raise MismatchError, naming the worst, if some array differs by more than rounding.

    Differences are measured against the root mean square of the eager array's elements.
    """
    worst = ("", 0.0)
    for name, expected in eager.items():
        excess = _excess(compiled[name], expected, terms)
        if not excess <= worst[1]:
            worst = (name, excess)
    if not worst[1] <= 1:
        raise MismatchError(
            f"the compiled step's {worst[0]} differs from the eager one's by {worst[1]:.3g} times "
            "what rounding explains"
        )


def _excess(found: Any, expected: Any, terms: int) -> float:
    """How many times the tolerance two arrays differ, in the root mean square."""
    a, b = np.asarray(found), np.asarray(expected)
    if b.dtype.kind != "f" or not b.size:
        return 0.0 if np.array_equal(a, b) else math.inf
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    if same.all():
        return 0.0
    a, b = a.astype(np.float64), b.astype(np.float64)
    difference = np.where(same, 0, a - b)
    scale = math.sqrt(float(np.mean(np.where(np.isfinite(b), b, 0) ** 2))) + 1e-30
    return math.sqrt(float(np.mean(difference**2))) / (scale * tolerance(found.dtype, terms))
