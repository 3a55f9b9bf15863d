"""Operations of deep learning under PyTorch's names."""

from nbdl.ops.activation import relu

__all__ = ["relu"]
