"""Higher derivatives of fast rules: the rule said again in plain operations.

A layer's fast gradient is one operation (``LayerNormGrad``). Where its own derivative is asked
for, the gradient is computed once more by the composition it stands for, and that is
differentiated; so the fast rule needs no second formula of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nbdl.core import modes
from nbdl.core.backward import grad
from nbdl.core.tensor import Tensor
from nbdl.ops.conversion import clone


def replay(
    composition: Callable[..., Any], inputs: Sequence[Tensor], dys: Any
) -> tuple[Tensor | None, ...]:
    """Gradients of ``composition(*inputs)`` with respect to its float inputs.

    Args:
        composition: the rule in plain operations; gives one tensor or a tuple of them.
        inputs: its inputs; integers and bools get None.
        dys: the gradient of each output, None where there is none.

    The result can be differentiated again when gradients are being recorded, as in
    ``grad(..., create_graph=True)``.
    """
    record = modes.is_grad_enabled()
    with modes.enable_grad():
        # Copies, so that an input that was computed from another is still one of its own.
        own = [_copy(x) for x in inputs]
        outputs = composition(*own)
        several = outputs if isinstance(outputs, tuple) else (outputs,)
        given = dys if isinstance(dys, tuple) else (dys,)
        pairs = [
            (y, dy) for y, dy in zip(several, given, strict=True)
            if dy is not None and y.node is not None
        ]
        targets = [x for x in own if x.node is not None]
        if not pairs or not targets:
            return (None,) * len(own)
        found = iter(
            grad([y for y, _ in pairs], targets, [dy for _, dy in pairs],
                 create_graph=record, retain_graph=record, allow_unused=True)
        )  # fmt: skip
    return tuple(next(found) if x.node is not None else None for x in own)


def _copy(x: Tensor) -> Tensor:
    copy = clone(x)
    if copy.node is None and copy.dtype.kind in "fcV":
        copy.requires_grad_()
    return copy
