"""Learning-rate schedules with PyTorch's names.

``schedule.step()`` is called after each epoch (or each step, for those made for it) and writes
``group["lr"]``. Schedules multiply what they find there, so several can be chained on one
optimizer, and a rate set by hand stays in force.
"""

from nbdl.optim.lr_scheduler.base import LRScheduler
from nbdl.optim.lr_scheduler.combined import ChainedScheduler, SequentialLR
from nbdl.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from nbdl.optim.lr_scheduler.cyclic import CyclicLR
from nbdl.optim.lr_scheduler.factors import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from nbdl.optim.lr_scheduler.one_cycle import OneCycleLR
from nbdl.optim.lr_scheduler.plateau import ReduceLROnPlateau
from nbdl.optim.lr_scheduler.swa import SWALR

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SWALR",
    "SequentialLR",
    "StepLR",
]
