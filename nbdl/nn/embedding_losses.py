"""Losses of areas, of quantiles, of embeddings and of students, as layers."""

from __future__ import annotations

from nbdl.core.tensor import Tensor
from nbdl.nn import functional as F
from nbdl.nn.loss import Loss


class FocalLoss(Loss):
    """Binary cross-entropy of logits in which what is right already counts less.

    T.-Y. Lin and others, ICCV 2017. input: (...) logits, target: the same shape, of 0 and 1
    -> a number (or (...)).

    Args:
        alpha: weight of the ones, 1 - alpha of the zeros; None: no weights.
        gamma: how much less what is right counts.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
    """

    def __init__(
        self, alpha: float | None = 0.25, gamma: float = 2.0, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        self.alpha = alpha
        self.gamma = gamma

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input, target: (...) -> a number (or (...))."""
        return F.sigmoid_focal_loss(input, target, self.alpha, self.gamma, self.reduction)


class TverskyLoss(Loss):
    """1 - overlap of areas, with weights for too much and too little: S. Salehi and others, 2017.

    input: (batch, classes, ...) probabilities, target: the same shape, of 0 and 1 -> a number
    (or (batch, classes)).

    Args:
        alpha: weight of what is predicted and not true.
        beta: weight of what is true and not predicted.
        smooth: added above and below, for empty areas.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
    """

    def __init__(
        self, alpha: float = 0.5, beta: float = 0.5, smooth: float = 1.0, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        self.alpha = alpha
        self.beta = beta
        self.smooth = smooth

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input, target: (batch, classes, ...) -> a number (or (batch, classes))."""
        return F.tversky_loss(
            input, target, self.alpha, self.beta, self.smooth, self.reduction
        )


class DiceLoss(Loss):
    """1 - 2 · both / (predicted + true), areas being sums: F. Milletari and others, 2016.

    input: (batch, classes, ...) probabilities, target: the same shape, of 0 and 1 -> a number
    (or (batch, classes)). ``smooth`` is added above and below, for empty areas.
    """

    def __init__(self, smooth: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.smooth = smooth

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input, target: (batch, classes, ...) -> a number (or (batch, classes))."""
        return F.dice_loss(input, target, self.smooth, self.reduction)


class QuantileLoss(Loss):
    """The pinball loss, least at a quantile of the targets: R. Koenker and G. Bassett, 1978.

    input, target: (...) -> a number (or (...)).
    """

    def __init__(self, quantile: float = 0.5, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.quantile = quantile

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input, target: (...) -> a number (or (...))."""
        return F.quantile_loss(input, target, self.quantile, self.reduction)


class _AtTemperature(Loss):
    """A loss of softmaxes at a temperature."""

    def __init__(self, temperature: float, reduction: str) -> None:
        super().__init__(reduction)
        self.temperature = temperature


class InfoNCELoss(_AtTemperature):
    """Each query finds its own positive among others: A. van den Oord and others, 2018.

    query, positive: (batch, size), negatives: (count, size) or None -> a number (or (batch,)).
    """

    def __init__(self, temperature: float = 0.1, reduction: str = "mean") -> None:
        super().__init__(temperature, reduction)

    def forward(self, query: Tensor, positive: Tensor, negatives: Tensor | None = None) -> Tensor:
        """query, positive: (batch, size) -> a number (or (batch,))."""
        return F.info_nce_loss(query, positive, negatives, self.temperature, self.reduction)


class NTXentLoss(_AtTemperature):
    """Each view finds the other view of the same example: T. Chen and others, ICML 2020.

    z1, z2: (batch, size) -> a number (or (2 · batch,)).
    """

    def __init__(self, temperature: float = 0.5, reduction: str = "mean") -> None:
        super().__init__(temperature, reduction)

    def forward(self, z1: Tensor, z2: Tensor) -> Tensor:
        """z1, z2: (batch, size) -> a number (or (2 · batch,))."""
        return F.nt_xent_loss(z1, z2, self.temperature, self.reduction)


class DistillationLoss(_AtTemperature):
    """T² · KL(teacher || student) at temperature T: G. Hinton and others, 2015.

    input, teacher: (batch, classes) logits -> a number (or (batch,)).
    """

    def __init__(self, temperature: float = 2.0, reduction: str = "mean") -> None:
        super().__init__(temperature, reduction)

    def forward(self, input: Tensor, teacher: Tensor) -> Tensor:
        """input, teacher: (batch, classes) -> a number (or (batch,))."""
        return F.distillation_loss(input, teacher, self.temperature, self.reduction)


class BatchHardTripletLoss(Loss):
    """Triplets of the farthest of the same label and the nearest of another: A. Hermans, 2017.

    input: (batch, size) embeddings, labels: (batch,) integers -> a number (or (batch,)).
    """

    def __init__(self, margin: float = 0.3, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input: Tensor, labels: Tensor) -> Tensor:
        """input: (batch, size), labels: (batch,) -> a number (or (batch,))."""
        return F.batch_hard_triplet_loss(input, labels, self.margin, self.reduction)
