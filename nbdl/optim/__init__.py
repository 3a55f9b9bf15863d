"""Optimizers, learning-rate schedules, gradient clipping.

``AdamW(model.parameters(), lr=1e-3)`` is PyTorch's face; ``AdamW.rule(lr=1e-3)`` is the same
rule as two pure functions on ``{path: Tensor}``.
"""

from nbdl.core.clipping import clip_grad_norm_, clip_grad_value_, get_total_norm
from nbdl.errors import unknown
from nbdl.optim import lr_scheduler
from nbdl.optim.adagrad import Adagrad
from nbdl.optim.adam import Adam, AdamW
from nbdl.optim.lion import Lion
from nbdl.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from nbdl.optim.optimizer import Optimizer, Rule
from nbdl.optim.rmsprop import RMSprop
from nbdl.optim.sgd import SGD

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "lion": Lion,
}
"""Optimizers by the names that ``--optim`` and ``optim=`` take."""


def optimizer_class(name: str) -> type[Optimizer]:
    """The class of a name, in any case; an unknown one is an ArgumentError with the nearest."""
    found = OPTIMIZERS.get(name.lower())
    if found is None:
        raise unknown("optimizer", name, OPTIMIZERS)
    return found


__all__ = [
    "OPTIMIZERS", "Adagrad", "Adam", "AdamW", "ChainedScheduler", "ConstantLR",
    "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "ExponentialLR", "LRScheduler",
    "LambdaLR", "LinearLR", "Lion", "MultiStepLR", "MultiplicativeLR", "OneCycleLR", "Optimizer",
    "PolynomialLR", "RMSprop", "ReduceLROnPlateau", "Rule", "SGD", "SequentialLR", "StepLR",
    "clip_grad_norm_", "clip_grad_value_", "get_total_norm", "lr_scheduler", "optimizer_class",
]  # fmt: skip
