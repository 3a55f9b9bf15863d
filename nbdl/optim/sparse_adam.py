"""Adam for gradients that are zero in most rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.optim.adafactor import refuse_complex
from nbdl.optim.optimizer import Optimizer, Slots


class SparseAdam(Optimizer):
    """Adam that leaves rows without a gradient alone, their running means included.

    D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, applied to
    the rows (slices along the first axis) whose gradient is not all zero: the words of a batch,
    for the table of an embedding. A row that did not occur neither moves nor forgets. Of a sparse
    gradient (``nn.Embedding(sparse=True)``) these are the rows that it holds.

    Args:
        params: what to train: ``embedding.parameters()``, or a list of groups.
        lr: learning rate.
        betas: β₁ and β₂, how much of the old means is kept.
        eps: added to the denominator.
        maximize: go up instead of down.

    Raises ArgumentError for options out of range, DtypeError for complex parameters.
    """

    elementwise = False

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})

    def _check_member(self, p: Tensor) -> None:
        refuse_complex("SparseAdam", p)

    @classmethod
    def _slots(cls, options: Mapping[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0}

    @classmethod
    def _rows_alone(cls, h: Mapping[str, Any]) -> bool:
        return True

    @classmethod
    def _update(cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        out[...] = p
        if not p.size:
            return
        count = p.shape[0] if p.ndim else 1
        table, gradient, means, squares = (
            a.reshape(count, -1) for a in (out, g, s["exp_avg"], s["exp_avg_sq"])
        )
        rows = xp.flatnonzero((gradient != 0).any(axis=1))
        part = {**s, "exp_avg": means[rows], "exp_avg_sq": squares[rows]}
        new = xp.empty((rows.size, gradient.shape[1]), p.dtype)
        cls._update_rows(xp, table[rows], gradient[rows], new, part, h)
        table[rows], means[rows], squares[rows] = new, part["exp_avg"], part["exp_avg_sq"]

    @classmethod
    def _update_rows(
        cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]
    ) -> None:
        (beta1, beta2), step = h["betas"], s["step"]
        if h["maximize"]:
            g = -g
        m, v = s["exp_avg"], s["exp_avg_sq"]
        xp.multiply(g, 1 - beta1, out=out)
        xp.multiply(m, beta1, out=m)
        xp.add(m, out, out=m)
        xp.multiply(g, g, out=out)
        xp.multiply(out, 1 - beta2, out=out)
        xp.multiply(v, beta2, out=v)
        xp.add(v, out, out=v)
        xp.sqrt(v, out=out)
        xp.add(out, h["eps"], out=out)
        xp.divide(m, out, out=out)
        xp.multiply(out, h["lr"] * math.sqrt(1 - beta2**step) / (1 - beta1**step), out=out)
        xp.subtract(p, out, out=out)
