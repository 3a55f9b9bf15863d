"""PyTorch's ``torch.optim``: the optimizers of ``nbdl.optim``, which have its face already."""

from nbdl.optim import (
    ASGD,
    LAMB,
    LBFGS,
    SAM,
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    AdamWScheduleFree,
    Lion,
    Lookahead,
    Muon,
    MuonAdamW,
    NAdam,
    Optimizer,
    RAdam,
    RMSprop,
    Rprop,
    SparseAdam,
)
from nbdl.torch.optim import lr_scheduler, swa_utils

__all__ = [
    "ASGD", "LAMB", "LBFGS", "SAM", "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW",
    "AdamWScheduleFree", "Adamax", "Lion", "Lookahead", "Muon", "MuonAdamW", "NAdam", "Optimizer",
    "RAdam", "RMSprop", "Rprop", "SparseAdam", "lr_scheduler",
    "swa_utils",
]  # fmt: skip
