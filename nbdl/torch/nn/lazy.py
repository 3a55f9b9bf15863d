"""PyTorch's lazy layers: nbdl's layers whose first size is None."""

from __future__ import annotations

from typing import Any

from nbdl import nn


class LazyLinear(nn.Linear):
    """``Linear(None, out_features)``."""

    def __init__(self, out_features: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(None, out_features, *args, **kwargs)


class LazyConv1d(nn.Conv1d):
    """``Conv1d(None, out_channels, kernel_size)``."""

    def __init__(self, out_channels: int, kernel_size: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(None, out_channels, kernel_size, *args, **kwargs)


class LazyConv2d(nn.Conv2d):
    """``Conv2d(None, out_channels, kernel_size)``."""

    def __init__(self, out_channels: int, kernel_size: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(None, out_channels, kernel_size, *args, **kwargs)


class LazyConv3d(nn.Conv3d):
    """``Conv3d(None, out_channels, kernel_size)``."""

    def __init__(self, out_channels: int, kernel_size: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(None, out_channels, kernel_size, *args, **kwargs)


class LazyConvTranspose1d(nn.ConvTranspose1d):
    """``ConvTranspose1d(None, out_channels, kernel_size)``."""

    def __init__(self, out_channels: int, kernel_size: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(None, out_channels, kernel_size, *args, **kwargs)


class LazyConvTranspose2d(nn.ConvTranspose2d):
    """``ConvTranspose2d(None, out_channels, kernel_size)``."""

    def __init__(self, out_channels: int, kernel_size: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(None, out_channels, kernel_size, *args, **kwargs)


class LazyConvTranspose3d(nn.ConvTranspose3d):
    """``ConvTranspose3d(None, out_channels, kernel_size)``."""

    def __init__(self, out_channels: int, kernel_size: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(None, out_channels, kernel_size, *args, **kwargs)


class LazyBatchNorm1d(nn.BatchNorm1d):
    """``BatchNorm1d(None)``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(None, *args, **kwargs)


class LazyBatchNorm2d(nn.BatchNorm2d):
    """``BatchNorm2d(None)``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(None, *args, **kwargs)


class LazyBatchNorm3d(nn.BatchNorm3d):
    """``BatchNorm3d(None)``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(None, *args, **kwargs)


class LazyInstanceNorm1d(nn.InstanceNorm1d):
    """``InstanceNorm1d(None)``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(None, *args, **kwargs)


class LazyInstanceNorm2d(nn.InstanceNorm2d):
    """``InstanceNorm2d(None)``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(None, *args, **kwargs)


class LazyInstanceNorm3d(nn.InstanceNorm3d):
    """``InstanceNorm3d(None)``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(None, *args, **kwargs)
