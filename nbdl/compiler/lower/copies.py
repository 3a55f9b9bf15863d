"""Copies into another order of the axes, by oneDNN: it moves them in blocks that fit the caches."""

from __future__ import annotations

import numpy as np

from nbdl.backends import onednn
from nbdl.backends.onednn import Layout
from nbdl.compiler.ir import Node
from nbdl.compiler.lower.steps import PrimitiveStep
from nbdl.compiler.lower.views import Buffer, View
from nbdl.errors import BackendError

_LARGE = 4096
"""Elements from which a reorder is faster than a loop."""


def layout(view: View) -> Layout:
    """A view as oneDNN describes it."""
    return Layout(view.shape, view.strides, view.dtype.name)


def works(*views: View) -> bool:
    """Whether oneDNN is there and takes such tensors: float32, not empty."""
    fits = all(v.dtype == np.float32 and v.size and min(v.strides, default=0) >= 0 for v in views)
    return fits and onednn.available()


def reorder_step(node: Node, source: View, target: View, phase: int) -> PrimitiveStep | None:
    """target[...] = source where their fastest axes differ; None: a loop does it as well."""
    if source.size < _LARGE or not _turns(source, target) or not works(source, target):
        return None
    try:
        made = onednn.reorder(layout(source), layout(target))
    except BackendError:
        return None
    if not made.is_fast:
        return None
    roles: dict[str, View | Buffer] = {"src": source, "dst": target}
    if made.scratchpad_bytes:
        roles["scratchpad"] = Buffer(made.scratchpad_bytes)
    return PrimitiveStep([node], [source], [target], phase, made, roles)


def _turns(source: View, target: View) -> bool:
    """Whether every element has a place of its own, and another axis is the fastest."""
    apart = all(s for v in (source, target) for n, s in zip(v.shape, v.strides, strict=True)
                if n > 1)  # fmt: skip
    axes = [[a for a in v.order if v.shape[a] > 1] for v in (source, target)]
    return apart and axes[0][-1:] != axes[1][-1:]
