"""PyTorch's ``torch.utils``."""

from nbdl.torch.utils import data

__all__ = ["data"]
