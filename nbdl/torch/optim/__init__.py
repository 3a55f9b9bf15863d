"""PyTorch's ``torch.optim``: the optimizers of ``nbdl.optim``, which have its face already."""

from nbdl.optim import SGD, Adagrad, Adam, AdamW, Lion, Optimizer, RMSprop
from nbdl.torch.optim import lr_scheduler

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Lion",
    "Optimizer",
    "RMSprop",
    "lr_scheduler",
]
