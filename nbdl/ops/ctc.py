"""Connectionist temporal classification.

Graves et al.: "Connectionist temporal classification: labelling unsegmented sequence data with
recurrent neural networks", ICML 2006.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl import backends, dtypes
from nbdl.core.op import Op
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DtypeError, IndexRangeError, ShapeError
from nbdl.ops.batching import one_by_one
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.concatenation import concat, stack
from nbdl.ops.conversion import astensor, cast, floats
from nbdl.ops.cross_entropy import check_reduction
from nbdl.ops.gathering import gather
from nbdl.ops.masks import known
from nbdl.ops.movement import reshape
from nbdl.ops.numerics import quiet, wide
from nbdl.ops.reduction import logsumexp
from nbdl.ops.replay import replay
from nbdl.ops.selection import clip, where
from nbdl.shapes import Spec

__all__ = ["ctc_loss"]

_FLOOR = -1e30
"""The logarithm of 0 in the composition, whose slopes must stay finite."""


@dataclass(frozen=True)
class _CTC(Op, abstract=True):
    """log_probs: (T, N, C), targets: (N, S), lengths of both: (N,).

    A path runs through the labels with a blank before, between and after them: (N, 2·S + 1)
    states, from each of which it stays, goes on by one, or by two over a blank between labels
    that differ.
    """

    blank: int
    zero_infinity: bool

    def states(self, xp: Any, targets: Any) -> tuple[Any, Any]:
        """The labels with blanks, and which of them are reached by two steps."""
        n, size = targets.shape
        labels = xp.full((n, 2 * size + 1), self.blank, xp.int64)
        labels[:, 1::2] = targets
        jumps = xp.zeros(labels.shape, bool)
        jumps[:, 2:] = labels[:, 2:] != labels[:, :-2]
        return labels, jumps

    def forwards(self, xp: Any, lp: Any, jumps: Any) -> Any:
        """For each time and state the logarithm of all paths' probability up to there."""
        alpha = xp.full(lp.shape, -xp.inf, lp.dtype)
        if len(lp):
            alpha[0, :, :2] = lp[0, :, :2]
        for t in range(1, len(lp)):
            alpha[t] = self._step(xp, alpha[t - 1], jumps) + lp[t]
        return alpha

    @staticmethod
    def _step(xp: Any, a: Any, jumps: Any) -> Any:
        new = a.copy()
        new[:, 1:] = xp.logaddexp(new[:, 1:], a[:, :-1])
        two = xp.where(jumps[:, 2:], a[:, :-2], a.dtype.type(-xp.inf))
        new[:, 2:] = xp.logaddexp(new[:, 2:], two)
        return new

    def totals(self, xp: Any, alpha: Any, lengths: Any, sizes: Any) -> Any:
        """The logarithm of the probability of all whole paths: (N,)."""
        rows = xp.arange(len(lengths))
        last = alpha[lengths - 1, rows]
        before = xp.where(sizes > 0, last[rows, xp.maximum(2 * sizes - 1, 0)], -xp.inf)
        return xp.logaddexp(last[rows, 2 * sizes], before)

    def composition(
        self, lp: Tensor, targets: Tensor, lengths: Tensor, sizes: Tensor
    ) -> Tensor:
        """The rule in plain operations."""
        dtype = lp.dtype
        n, size = targets.shape
        blanks = broadcast_to(astensor(self.blank, like=targets), (n, size))
        labels = reshape(stack([blanks, targets], axis=2), (n, 2 * size))
        last = broadcast_to(astensor(self.blank, like=targets), (n, 1))
        labels = concat([labels, last], axis=1)
        states = 2 * size + 1
        lp = cast(lp, dtypes.accumulator(lp.dtype))
        lp = gather(lp, 2, broadcast_to(labels, (lp.shape[0], n, states)))
        a = concat([lp[0, :, :2], lp[0, :, 2:] * 0 + _FLOOR], axis=1)
        nothing = broadcast_to(astensor(_FLOOR, like=lp), (n, 1))
        for t in range(1, lp.shape[0]):
            one = concat([nothing, a[:, :-1]], axis=1)
            ways = [a, one]
            if size:
                two = where(labels[:, 2:] != labels[:, :-2], a[:, :-2], _FLOOR)
                ways.append(concat([nothing, nothing, two], axis=1))
            new = logsumexp(stack(ways), axis=0) + lp[t]
            a = where(reshape(lengths, (n, 1)) > t, new, a)
        ends = reshape(2 * sizes, (n, 1))
        end = gather(a, 1, ends)
        before = where(ends > 0, gather(a, 1, clip(ends - 1, 0, None)), _FLOOR)
        total = reshape(logsumexp(concat([end, before], axis=1), axis=1), (n,))
        loss = where(total > _FLOOR / 2, -total, 0.0) if self.zero_infinity else -total
        return cast(loss, dtype)

    def batch(self, world: Any, inputs: Any, mine: Any) -> Any:
        return one_by_one(self, world.count, inputs, mine)


class CTC(_CTC):
    """-log of the probability of all ways to spell the targets: (N,)."""

    saves = ("lp", "targets", "lengths", "sizes")

    def forward(self, xp: Any, lp: Any, targets: Any, lengths: Any, sizes: Any) -> Any:
        labels, jumps = self.states(xp, targets)
        with quiet():
            spelled = xp.take_along_axis(wide(lp), labels[None], axis=2)
            alpha = self.forwards(xp, spelled, jumps)
            loss = -self.totals(xp, alpha, lengths, sizes)
        if self.zero_infinity:
            loss = xp.where(xp.isinf(loss), 0, loss)
        return loss.astype(lp.dtype, copy=False)

    def infer(self, lp: Spec, targets: Spec, lengths: Spec, sizes: Spec) -> Spec:
        return Spec(lengths.shape, lp.dtype)

    def grad(
        self, dy: Tensor, y: Tensor, lp: Tensor, targets: Tensor, lengths: Tensor, sizes: Tensor
    ) -> Any:
        dx = CTCGrad(self.blank, self.zero_infinity)(dy, lp, targets, lengths, sizes)
        return dx, None, None, None

    def flops(self, lp: Spec, targets: Spec, *_: Spec) -> int:
        return 30 * lp.shape[0] * (2 * targets.size + 1)


class CTCGrad(_CTC):
    """What reaches log_probs: minus how likely a path is at a class at a time."""

    saves = ("dy", "lp", "targets", "lengths", "sizes")

    def forward(self, xp: Any, dy: Any, lp: Any, targets: Any, lengths: Any, sizes: Any) -> Any:
        labels, jumps = self.states(xp, targets)
        with quiet():
            spelled = xp.take_along_axis(wide(lp), labels[None], axis=2)
            alpha = self.forwards(xp, spelled, jumps)
            total = self.totals(xp, alpha, lengths, sizes)
            self._and_backwards(xp, alpha, spelled, jumps, lengths, sizes)
            alpha -= total[:, None]
            share = xp.exp(alpha, out=alpha)
        impossible = xp.isneginf(total)
        if self.zero_infinity:
            share[:, impossible] = 0
        times = xp.arange(lp.shape[0])
        share = xp.where((times[:, None] < lengths)[..., None], share, 0)
        share = share * -wide(dy)[:, None]
        dx = xp.zeros(lp.shape, share.dtype)
        rows = xp.arange(len(lengths))[:, None]
        place = tuple(
            xp.broadcast_to(i, share.shape) for i in (times[:, None, None], rows, labels)
        )
        backends.add_at(xp, dx, place, share)
        return dx.astype(lp.dtype, copy=False)

    def _and_backwards(
        self, xp: Any, alpha: Any, lp: Any, jumps: Any, lengths: Any, sizes: Any
    ) -> None:
        """Multiply (add logarithms of) all ways from each state to the end."""
        states = xp.arange(lp.shape[2])
        ends = (states == 2 * sizes[:, None]) | (states == 2 * sizes[:, None] - 1)
        end = xp.where(ends, 0, lp.dtype.type(-xp.inf)).astype(lp.dtype)
        beta = xp.full(end.shape, -xp.inf, lp.dtype)
        for t in reversed(range(len(lp))):
            if t + 1 < len(lp):
                later = beta + lp[t + 1]
                new = later.copy()
                new[:, :-1] = xp.logaddexp(new[:, :-1], later[:, 1:])
                two = xp.where(jumps[:, 2:], later[:, 2:], lp.dtype.type(-xp.inf))
                new[:, :-2] = xp.logaddexp(new[:, :-2], two)
                beta = new
            beta = xp.where((lengths == t + 1)[:, None], end, beta)
            alpha[t] += beta

    def infer(
        self, dy: Spec, lp: Spec, targets: Spec, lengths: Spec, sizes: Spec
    ) -> Spec:
        return lp

    def grad(
        self, ddx: Tensor, dx: Tensor, dy: Tensor, lp: Tensor, targets: Tensor, lengths: Tensor,
        sizes: Tensor,
    ) -> Any:  # fmt: skip
        def composition(dy: Tensor, lp: Tensor) -> Any:
            rule = CTC(self.blank, self.zero_infinity).composition
            return replay(lambda lp: rule(lp, targets, lengths, sizes), (lp,), dy)[0]

        return *replay(composition, (dy, lp), ddx), None, None, None

    def flops(self, dy: Spec, lp: Spec, targets: Spec, *_: Spec) -> int:
        return 60 * lp.shape[0] * (2 * targets.size + 1)


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log of the probability that a sequence spells its targets, however it is aligned.

    log_probs: (T, N, C), targets: (N, S) or all in turn (the sum of target_lengths,), lengths:
    (N,) -> a number, or (N,) for reduction="none". Without a batch: (T, C), (S,), a number each.

    Args:
        log_probs: logarithms of probabilities, from ``log_softmax``.
        targets: class numbers, without blanks.
        input_lengths: how many of the T steps count, for each.
        target_lengths: how many of the targets count, for each.
        blank: the class that spells nothing.
        reduction: "mean" divides each loss by its target's length first.
        zero_infinity: losses of targets too long for their input are 0 instead of infinite, and
            have no gradient.

    Raises:
        ShapeError, DtypeError: what does not fit; IndexRangeError: a target that is no class;
        ArgumentError: lengths out of range.
    """
    check_reduction("ctc_loss", reduction)
    lp, labels = floats(log_probs), astensor(targets)
    if lp.ndim not in (2, 3):
        raise ShapeError(f"ctc_loss got log_probs of shape {lp.shape}, expected (T, N, C)")
    single = lp.ndim == 2
    if single:
        lp = reshape(lp, (lp.shape[0], 1, lp.shape[1]))
        labels = reshape(labels, (1, labels.size)) if labels.ndim == 1 else labels
    if not 0 <= blank < lp.shape[2]:
        raise ArgumentError(f"ctc_loss: blank={blank} is not one of {lp.shape[2]} classes")
    lengths = _lengths("input_lengths", input_lengths, lp, 1, lp.shape[0])
    limit = labels.shape[1] if labels.ndim == 2 else labels.size
    sizes = _lengths("target_lengths", target_lengths, lp, 0, limit)
    labels = _labels(labels, sizes, lp)
    loss = CTC(blank, zero_infinity)(lp, labels, lengths, sizes)
    if reduction == "mean":
        return (loss / cast(clip(sizes, 1, None), loss.dtype)).mean()
    if reduction == "sum":
        return loss.sum()
    return loss[0] if single else loss


def _lengths(name: str, given: Any, lp: Tensor, low: int, high: int) -> Tensor:
    """A vector of lengths in range, int64."""
    lengths = astensor(given, like=lp)
    if lengths.dtype.kind not in "iu":
        raise DtypeError(f"ctc_loss: {name} must be integers, got {lengths.dtype}")
    lengths = cast(reshape(lengths, (lengths.size,)), dtypes.int64)
    if lengths.shape != (lp.shape[1],):
        raise ShapeError(
            f"ctc_loss got {lengths.size} {name} for {lp.shape[1]} sequences (log_probs "
            f"{lp.shape})"
        )
    if backends.has_data(lengths.value) and lengths.size:
        least, most = int(lengths.value.min()), int(lengths.value.max())
        if least < low or most > high:
            raise ArgumentError(
                f"ctc_loss: {name} must be {low} to {high}, got {least if least < low else most}"
            )
    return lengths


def _labels(labels: Tensor, sizes: Tensor, lp: Tensor) -> Tensor:
    """Targets as (N, S), checked."""
    if labels.dtype.kind not in "iu":
        raise DtypeError(f"ctc_loss: targets must be class numbers, got {labels.dtype}")
    n = lp.shape[1]
    if labels.ndim == 1:
        labels = _rows(labels, sizes)
    if labels.ndim != 2 or labels.shape[0] != n:
        raise ShapeError(f"ctc_loss got targets of shape {labels.shape} for {n} sequences")
    if backends.has_data(labels.value) and labels.size:
        low, high = int(labels.value.min()), int(labels.value.max())
        if low < 0 or high >= lp.shape[2]:
            raise IndexRangeError(
                f"ctc_loss: target {low if low < 0 else high} is not one of the {lp.shape[2]} "
                f"classes 0..{lp.shape[2] - 1}"
            )
    return labels


def _rows(labels: Tensor, sizes: Tensor) -> Tensor:
    """Targets given in one row as (N, longest), repeating some where a target is shorter."""
    if sizes.device == "meta":  # any length will do where only shapes are computed
        return broadcast_to(labels, (sizes.size, labels.size))
    known("ctc_loss of targets in one row", sizes)
    host = backends.to_numpy(sizes.value)
    if host.sum() != labels.size:
        raise ShapeError(
            f"ctc_loss got {labels.size} targets in a row, target_lengths say {host.sum()}"
        )
    starts = (np.cumsum(host) - host)[:, None]
    places = np.minimum(starts + np.arange(host.max(initial=0)), max(labels.size - 1, 0))
    return labels[astensor(places, like=labels)]
