"""Transforms of images: arrays (channels, height, width) in, the same out.

Random ones take their chance from ``sampling.sample_rng``, so inside a DataLoader the same
seed, epoch and sample give the same crop. Each is a callable of one image; ``Compose`` chains
them; ``dataset.map(transform)`` applies them when a sample is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.data.sampling import sample_rng
from nbdl.errors import ArgumentError, DataError


def as_image(image: Any, who: str) -> np.ndarray:
    """``image`` as a (channels, height, width) array; a (height, width) one gains a channel."""
    if isinstance(image, Tensor):
        image = image.numpy()
    if not isinstance(image, np.ndarray):
        raise DataError(
            f"{who} needs an array (channels, height, width), got a {type(image).__name__}",
            hint="put data.ToTensor() before it",
        )
    if image.ndim == 2:
        return image[None]
    if image.ndim != 3:
        raise DataError(f"{who} needs one image (channels, height, width), got {image.shape}")
    return image


def _pair(value: Any, name: str) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, (int, np.integer)) else tuple(value)
    if len(pair) != 2 or any(int(v) != v or v < 1 for v in pair):
        raise ArgumentError(f"{name} must be a size or (height, width), got {value!r}")
    return int(pair[0]), int(pair[1])


def _probability(p: float) -> float:
    if not 0 <= p <= 1:
        raise ArgumentError(f"p must be a probability between 0 and 1, got {p!r}")
    return float(p)


class Transform:
    """Base: ``transform(image)``; shows its parameters."""

    def __call__(self, image: Any) -> Any:
        raise NotImplementedError

    def __repr__(self) -> str:
        words = ", ".join(f"{k}={v}" for k, v in vars(self).items() if not k.startswith("_"))
        return f"{type(self).__name__}({words})"


class Compose(Transform):
    """One transform after the other."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        for transform in transforms:
            if not callable(transform):
                raise ArgumentError(f"Compose takes callables, got {transform!r}")
        self.transforms = list(transforms)

    def __call__(self, image: Any) -> Any:
        for transform in self.transforms:
            image = transform(image)
        return image


class ToTensor(Transform):
    """A picture (PIL, or an array (height, width[, channels])) as (channels, height, width).

    uint8 0..255 becomes float32 0..1; floats keep their values.
    """

    def __call__(self, image: Any) -> np.ndarray:
        array = np.asarray(image)
        if array.ndim == 2:
            array = array[:, :, None]
        if array.ndim != 3 or array.dtype == object:
            raise DataError(
                f"ToTensor needs a picture (height, width[, channels]), got a "
                f"{type(image).__name__} of shape {array.shape}"
            )
        array = np.ascontiguousarray(array.transpose(2, 0, 1))
        if array.dtype == np.uint8:
            return array.astype(np.float32) / np.float32(255)
        return array.astype(dtypes.default_float(), copy=False)


class Normalize(Transform):
    """(x - mean) / std, channel by channel."""

    def __init__(self, mean: Any, std: Any) -> None:
        self.mean = np.atleast_1d(np.asarray(mean, np.float32))
        self.std = np.atleast_1d(np.asarray(std, np.float32))
        if not (self.std > 0).all():
            raise ArgumentError(f"std must be positive, got {std!r}")

    def __call__(self, image: Any) -> np.ndarray:
        x = as_image(image, "Normalize")
        if not dtypes.is_float(x.dtype):
            raise DataError(
                f"Normalize needs floats, got {x.dtype}", hint="put data.ToTensor() before it"
            )
        for name, value in (("mean", self.mean), ("std", self.std)):
            if len(value) not in (1, len(x)):
                raise DataError(f"Normalize has {len(value)} {name}s, the image {len(x)} channels")
        mean, std = self.mean.astype(x.dtype), self.std.astype(x.dtype)
        return (x - mean[:, None, None]) / std[:, None, None]


class CenterCrop(Transform):
    """The middle of the image: (c, h, w) -> (c, *size)."""

    def __init__(self, size: Any) -> None:
        self.size = _pair(size, "size")

    def __call__(self, image: Any) -> np.ndarray:
        x = as_image(image, "CenterCrop")
        _fits(x, self.size, "CenterCrop")
        top, left = ((a - b) // 2 for a, b in zip(x.shape[1:], self.size, strict=True))
        return x[:, top : top + self.size[0], left : left + self.size[1]]


class RandomCrop(Transform):
    """A random part of the image, after adding ``padding`` pixels of ``fill`` on each side."""

    def __init__(self, size: Any, padding: int = 0, fill: float = 0) -> None:
        self.size = _pair(size, "size")
        if padding < 0:
            raise ArgumentError(f"padding must not be negative, got {padding!r}")
        self.padding, self.fill = int(padding), fill

    def __call__(self, image: Any) -> np.ndarray:
        x = as_image(image, "RandomCrop")
        if self.padding:
            sides = (self.padding, self.padding)
            x = np.pad(x, ((0, 0), sides, sides), constant_values=self.fill)
        _fits(x, self.size, "RandomCrop")
        rng = sample_rng()
        top, left = (
            int(rng.integers(0, a - b + 1)) for a, b in zip(x.shape[1:], self.size, strict=True)
        )
        return x[:, top : top + self.size[0], left : left + self.size[1]]


def _fits(x: np.ndarray, size: tuple[int, int], who: str) -> None:
    if x.shape[1] < size[0] or x.shape[2] < size[1]:
        raise DataError(
            f"{who}({size}) is larger than the image {x.shape[1:]}",
            hint="a smaller size, padding=, or data.Resize before it",
        )


class RandomHorizontalFlip(Transform):
    """Left and right exchanged with probability ``p``."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = _probability(p)

    def __call__(self, image: Any) -> np.ndarray:
        x = as_image(image, type(self).__name__)
        return x[:, :, ::-1] if sample_rng().random() < self.p else x


class RandomVerticalFlip(Transform):
    """Up and down exchanged with probability ``p``."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = _probability(p)

    def __call__(self, image: Any) -> np.ndarray:
        x = as_image(image, type(self).__name__)
        return x[:, ::-1] if sample_rng().random() < self.p else x


class Resize(Transform):
    """The image at another size, by triangle (bilinear) filtering.

    (c, h, w) -> (c, *size). Shrinking averages all pixels that fall together, as Pillow does,
    so it does not alias.
    """

    def __init__(self, size: Any) -> None:
        self.size = _pair(size, "size")

    def __call__(self, image: Any) -> np.ndarray:
        x = as_image(image, "Resize")
        if 0 in x.shape:
            raise DataError(f"Resize got an image without pixels: {x.shape}")
        if x.shape[1:] == self.size:
            return x
        work = x if dtypes.is_float(x.dtype) else x.astype(np.float32)
        rows = _weights(x.shape[1], self.size[0]).astype(work.dtype)
        columns = _weights(x.shape[2], self.size[1]).astype(work.dtype)
        return _restore(rows @ work @ columns.T, x.dtype)


def _weights(source: int, target: int) -> np.ndarray:
    """How much each of ``source`` pixels counts in each of ``target``: (target, source)."""
    scale = source / target
    support = max(scale, 1.0)
    centers = (np.arange(target) + 0.5) * scale
    distance = np.abs(np.arange(source) + 0.5 - centers[:, None]) / support
    weights = np.maximum(0.0, 1.0 - distance)
    return weights / weights.sum(1, keepdims=True)


def _restore(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Values as ``dtype``; integers are rounded and kept in range."""
    if dtypes.is_float(dtype):
        return values.astype(dtype, copy=False)
    if dtype == dtypes.bool:
        return values >= 0.5
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)


def rotate(image: Any, degrees: float, fill: float = 0) -> np.ndarray:
    """The image turned counter-clockwise about its centre, bilinear; same shape.

    (c, h, w) -> (c, h, w); what comes from outside the image is ``fill``.
    """
    x = as_image(image, "rotate")
    height, width = x.shape[1:]
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    dy, dx = np.mgrid[:height, :width] - np.array([height - 1, width - 1])[:, None, None] / 2
    row = cos * dy + sin * dx + (height - 1) / 2  # where each new pixel comes from
    column = cos * dx - sin * dy + (width - 1) / 2
    padded = np.pad(x.astype(np.float64), ((0, 0), (1, 1), (1, 1)), constant_values=fill)
    row = np.clip(row + 1, 0, height + 1)
    column = np.clip(column + 1, 0, width + 1)
    top = np.minimum(row.astype(np.int64), height)
    left = np.minimum(column.astype(np.int64), width)
    down, right = row - top, column - left
    values = (
        padded[:, top, left] * (1 - down) * (1 - right)
        + padded[:, top, left + 1] * (1 - down) * right
        + padded[:, top + 1, left] * down * (1 - right)
        + padded[:, top + 1, left + 1] * down * right
    )
    return _restore(values, x.dtype)


class Rotate(Transform):
    """The image turned by ``degrees`` counter-clockwise."""

    def __init__(self, degrees: float, fill: float = 0) -> None:
        self.degrees, self.fill = float(degrees), fill

    def __call__(self, image: Any) -> np.ndarray:
        return rotate(image, self.degrees, self.fill)


class RandomRotation(Transform):
    """The image turned by a random angle between -degrees and degrees (or in a range)."""

    def __init__(self, degrees: Any, fill: float = 0) -> None:
        low, high = (-degrees, degrees) if np.ndim(degrees) == 0 else tuple(degrees)
        if low > high:
            raise ArgumentError(f"degrees must be one angle or (low, high), got {degrees!r}")
        self.degrees, self.fill = (float(low), float(high)), fill

    def __call__(self, image: Any) -> np.ndarray:
        return rotate(image, float(sample_rng().uniform(*self.degrees)), self.fill)
