"""PyTorch's ``torch.nn.parameter``."""

from nbdl.nn.parameter import Parameter

__all__ = ["Parameter"]
