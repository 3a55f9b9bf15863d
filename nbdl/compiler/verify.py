"""Trust, then verify: a compiled result beside the eager one, within what rounding explains."""

from __future__ import annotations

import math
from collections.abc import Mapping

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

    Arrays are named ``kind of parameter``. Differences are measured against the root mean square
    of the eager array's elements, or a hundredth of the largest of its kind: the gradient of a
    bias that a normalization takes away again is nothing but rounding.
    """
    scales = {name: root_mean_square(array) for name, array in eager.items()}
    floors: dict[str, float] = {}
    for name, scale in scales.items():
        kind = name.partition(" of ")[0]
        floors[kind] = max(floors.get(kind, 1e-30), scale / 100)
    worst = ("", 0.0)
    for name, expected in eager.items():
        scale = max(scales[name], floors[name.partition(" of ")[0]])
        much = excess(compiled[name], expected, scale, terms)
        if not much <= worst[1]:
            worst = (name, much)
    if not worst[1] <= 1:
        raise MismatchError(
            f"the compiled step's {worst[0]} differs from the eager one's by {worst[1]:.3g} times "
            "what rounding explains"
        )


def root_mean_square(array: np.ndarray) -> float:
    """Of the elements that are finite; 0 for other dtypes than floats."""
    if array.dtype.kind != "f" or not array.size:
        return 0.0
    finite = np.where(np.isfinite(array), array, 0).astype(np.float64)
    return math.sqrt(float(np.mean(finite**2)))


def excess(found: np.ndarray, expected: np.ndarray, scale: float, terms: int) -> float:
    """How many times the tolerance two arrays differ, in the root mean square."""
    if expected.dtype.kind != "f" or not expected.size:
        return 0.0 if np.array_equal(found, expected) else math.inf
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    if same.all():
        return 0.0
    difference = np.where(same, 0, found.astype(np.float64) - expected)
    error = math.sqrt(float(np.mean(difference**2)))
    return error / (scale * tolerance(expected.dtype, terms))
