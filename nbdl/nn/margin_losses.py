"""Losses of margins, of sequences, and of triplets with any distance, as layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.nn import functional as F
from nbdl.nn.linear import Linear
from nbdl.nn.loss import Loss, WeightedLoss
from nbdl.ops.movement import reshape


class MultiMarginLoss(WeightedLoss):
    """Σᵢ max(0, margin - x[target] + x[i])ᵖ / C over all other classes.

    input: (batch, classes) scores, target: (batch,) class numbers -> a number (or (batch,)).

    Args:
        p: 1 or 2.
        margin: by how much the right class is to be ahead.
        weight: a factor for each class.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, reduction)
        if p not in (1, 2):
            raise ArgumentError(f"MultiMarginLoss: p={p} must be 1 or 2")
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input: (batch, classes), target: (batch,) -> a number (or (batch,))."""
        return F.multi_margin_loss(
            input, target, self.p, self.margin, self.weight, self.reduction
        )


class MultiLabelMarginLoss(Loss):
    """Margins between every class of the target and every other class.

    input: (batch, classes) scores, target: (batch, classes) class numbers, up to the first -1
    -> a number (or (batch,)).
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input, target: (batch, classes) -> a number (or (batch,))."""
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(WeightedLoss):
    """The mean over classes of binary cross-entropies of logits.

    input: (batch, classes) logits, target: the same shape, of 0 and 1 -> a number (or (batch,)).
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input, target: (batch, classes) -> a number (or (batch,))."""
        return F.multilabel_soft_margin_loss(input, target, self.weight, self.reduction)


class TripletMarginWithDistanceLoss(Loss):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin).

    anchor, positive, negative: (batch, size) -> a number (or (batch,)).

    Args:
        distance_function: d, of two tensors; default ``pairwise_distance``.
        margin: by how much the negative is to be farther away.
        swap: take the nearer of anchor and positive for the negative.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        if margin <= 0:
            raise ArgumentError(f"TripletMarginWithDistanceLoss: margin={margin} must be above 0")
        self.distance_function = distance_function
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """anchor, positive, negative: (batch, size) -> a number (or (batch,))."""
        return F.triplet_margin_with_distance_loss(
            anchor, positive, negative, distance_function=self.distance_function,
            margin=self.margin, swap=self.swap, reduction=self.reduction,
        )  # fmt: skip


class CTCLoss(Loss):
    """-log of the probability of all ways to spell the targets: A. Graves and others, ICML 2006.

    log_probs: (length, batch, classes), targets: (batch, size), lengths of both: (batch,)
    -> a number (or (batch,)).

    Args:
        blank: the class that spells nothing.
        reduction: ``"mean"`` divides by the target's length first; ``"sum"`` or ``"none"``.
        zero_infinity: targets too long for their input give 0 and no gradient.
    """

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any
    ) -> Tensor:
        """log_probs: (length, batch, classes), targets: (batch, size) -> a number."""
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction,
            self.zero_infinity,
        )  # fmt: skip


class LinearCrossEntropyLoss(WeightedLoss):
    """A Linear layer and the cross-entropy of its outputs.

    input: (batch, in_features), target: (batch, *out_features) class numbers, or probabilities
    (batch, num_classes, *out_features) -> a number (or (batch, *out_features)).

    Args:
        in_features: size of the input's vectors.
        num_classes: how many classes.
        out_features: axes of targets beyond the batch.
        bias: whether the layer adds a bias.
        device: where the parameters live.
        dtype: their dtype, default float32.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        weight: a factor for each class.
        ignore_index: targets of this number do not count; default -100.
        label_smoothing: share of the target spread evenly over all classes.
        options: taken for PyTorch's sake, where it cuts the batch in pieces.
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: Any = None,
    ) -> None:
        super().__init__(weight, reduction)
        if weight is not None and weight.shape != (num_classes,):
            raise ShapeError(
                f"LinearCrossEntropyLoss got weight of shape {weight.shape}, expected "
                f"({num_classes},)"
            )
        if not 0 <= label_smoothing <= 1:
            raise ArgumentError(
                f"LinearCrossEntropyLoss: label_smoothing={label_smoothing} is not in 0..1"
            )
        self.num_classes = num_classes
        self.out_features = tuple(out_features)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self.options = options
        rows = num_classes * math.prod(self.out_features)
        self.linear = Linear(in_features, rows, bias=bias, device=device, dtype=dtype)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input: (batch, in_features), target: (batch, *out_features) -> a number."""
        classes = (self.num_classes, *self.out_features)
        bias = None if self.linear.bias is None else reshape(self.linear.bias, classes)
        weight = self.linear.weight
        return F.linear_cross_entropy(
            input, reshape(weight, (*classes, weight.shape[-1])), target, linear_bias=bias,
            weight=self.weight, reduction=self.reduction, ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """Sizes."""
        return f"num_classes={self.num_classes}, out_features={self.out_features}"
