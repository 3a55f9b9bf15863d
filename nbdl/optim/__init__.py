"""Optimizers, learning-rate schedules, gradient clipping.

``AdamW(model.parameters(), lr=1e-3)`` is PyTorch's face; ``AdamW.rule(lr=1e-3)`` is the same
rule as two pure functions on ``{path: Tensor}``.
"""

from nbdl.core.clipping import clip_grad_norm_, clip_grad_value_, get_total_norm
from nbdl.optim import lr_scheduler
from nbdl.optim.adadelta import Adadelta
from nbdl.optim.adafactor import Adafactor
from nbdl.optim.adagrad import Adagrad
from nbdl.optim.adam import Adam, AdamW
from nbdl.optim.adamax import Adamax
from nbdl.optim.asgd import ASGD
from nbdl.optim.lamb import LAMB
from nbdl.optim.lbfgs import LBFGS
from nbdl.optim.lion import Lion
from nbdl.optim.lookahead import Lookahead
from nbdl.optim.lr_scheduler import (
    SWALR,
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
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
from nbdl.optim.muon import Muon, MuonAdamW
from nbdl.optim.nadam import NAdam
from nbdl.optim.optimizer import Optimizer
from nbdl.optim.radam import RAdam
from nbdl.optim.registry import OPTIMIZERS, optimizer_class
from nbdl.optim.rmsprop import RMSprop
from nbdl.optim.rprop import Rprop
from nbdl.optim.rule import Rule
from nbdl.optim.sam import SAM
from nbdl.optim.scaling import GradScaler
from nbdl.optim.schedule_free import AdamWScheduleFree
from nbdl.optim.sgd import SGD
from nbdl.optim.sparse_adam import SparseAdam

OPTIMIZERS.update(
    {
        "sgd": SGD, "adam": Adam, "adamw": AdamW, "adamax": Adamax, "nadam": NAdam,
        "radam": RAdam, "sparseadam": SparseAdam, "rmsprop": RMSprop, "rprop": Rprop,
        "adagrad": Adagrad, "adadelta": Adadelta, "adafactor": Adafactor, "asgd": ASGD,
        "lion": Lion, "lamb": LAMB, "muon": MuonAdamW, "lbfgs": LBFGS, "sam": SAM,
        "lookahead": Lookahead, "schedulefree": AdamWScheduleFree,
    }
)  # fmt: skip

__all__ = [
    "OPTIMIZERS", "ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "AdamWScheduleFree",
    "Adamax", "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts",
    "CyclicLR", "ExponentialLR", "GradScaler", "LAMB", "LBFGS", "LRScheduler", "LambdaLR",
    "LinearLR", "Lion", "Lookahead", "MultiStepLR", "MultiplicativeLR", "Muon", "MuonAdamW",
    "NAdam", "OneCycleLR", "Optimizer", "PolynomialLR", "RAdam", "RMSprop", "ReduceLROnPlateau",
    "Rprop", "Rule", "SAM", "SGD", "SWALR", "SequentialLR", "SparseAdam", "StepLR",
    "clip_grad_norm_", "clip_grad_value_", "get_total_norm", "lr_scheduler", "optimizer_class",
]  # fmt: skip
