"""PyTorch's ``torch.nn.parameter``."""

from nbdl.nn.parameter import Buffer, Parameter

__all__ = ["Buffer", "Parameter"]
