"""PyTorch's ``torch.utils``."""

import nbdl.torch.utils.data as data

__all__ = ["data"]
