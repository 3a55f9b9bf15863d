"""PyTorch's ``torch.utils``."""

import nbdl.torch.utils.checkpoint as checkpoint
import nbdl.torch.utils.data as data

__all__ = ["checkpoint", "data"]
