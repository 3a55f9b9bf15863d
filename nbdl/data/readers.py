"""Readers: NumPy files, folders of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nbdl.data.dataset import Dataset, TensorDataset
from nbdl.data.images import Resize, ToTensor
from nbdl.data.optional import require
from nbdl.data.paths import existing
from nbdl.errors import ArgumentError, DataError, FileError, did_you_mean

_IMAGES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm"))


def one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    """Raise ArgumentError unless ``value`` is one of the ``known`` words."""
    if value not in known:
        raise ArgumentError(
            f"{name}={value!r} is not known{did_you_mean(value, known)}",
            hint="one of " + ", ".join(map(repr, known)),
        )


def read_numpy(path: Any, *, classes: Sequence[str] | None = None) -> TensorDataset:
    """A ``.npz`` with arrays (x, y) or (inputs, targets), or a ``.npy`` of inputs.

    Files with pickled objects are refused: reading them would run code.
    """
    file = existing(path, "the NumPy file")
    if file.is_file():
        with open(file, "rb") as stream:
            begins = stream.read(6)
        if not begins.startswith((b"\x93NUMPY", b"PK", b"\x80")):  # the last is a pickle
            raise FileError(f"{file.name} is not a NumPy file", hint="np.savez(path, x=x, y=y)")
    try:
        loaded = np.load(file, allow_pickle=False)
        parts = (
            {"inputs": loaded}
            if isinstance(loaded, np.ndarray)
            else {key: loaded[key] for key in loaded.files}
        )
    except (ValueError, OSError, EOFError, KeyError) as error:
        if "pickle" in str(error).lower():
            raise DataError(
                f"{file.name} holds pickled objects, which are not read: they could run any code",
                hint="save plain arrays of numbers: np.savez(path, x=x, y=y)",
            ) from None
        raise FileError(f"{file.name} is not a readable NumPy file: {error}") from None
    for pair in (("x", "y"), ("inputs", "targets"), ("data", "target"), ("images", "labels")):
        if set(pair) == set(parts):
            return TensorDataset(*(parts[k] for k in pair), classes=classes, name=file.stem)
    if not parts:
        raise DataError(f"{file.name} has no arrays")
    if len(parts) == 1:
        return TensorDataset(*parts.values(), classes=classes, name=file.stem)
    return TensorDataset(parts, classes=classes, name=file.stem)


class ImageFolder(Dataset):
    """Pictures in one folder a class: ``root/cat/1.png``, ``root/dog/7.jpg``.

    Samples are (float32 (channels, height, width) in 0..1, int64 class).

    Args:
        root: the folder.
        size: resize all to (height, width); None leaves them as they are.
        mode: 'RGB' or 'L' (grey).
        transform: applied to each image after that.

    Raises FileError or DataError when the folder, its classes or its pictures are missing; a
    picture that cannot be read is named when it is read.
    """

    def __init__(
        self,
        root: Any,
        *,
        size: Any = None,
        mode: str = "RGB",
        transform: Callable[[np.ndarray], Any] | None = None,
    ) -> None:
        self._pillow = require("PIL.Image", "data.ImageFolder")
        self.root = existing(root, "the image folder")
        if not self.root.is_dir():
            raise FileError(f"{str(root)!r} is a file, not a folder of images")
        one_of("mode", mode, ("RGB", "L"))
        folders = sorted(p for p in self.root.iterdir() if p.is_dir() and p.name[0] != ".")
        if not folders:
            raise DataError(
                f"{str(root)!r} has no folders inside",
                hint="one folder a class: root/cat/1.png, root/dog/1.png",
            )
        self.files = [
            (file, label)
            for label, folder in enumerate(folders)
            for file in sorted(folder.rglob("*"))
            if file.suffix.lower() in _IMAGES
        ]
        self.classes = tuple(folder.name for folder in folders)
        empty = set(range(len(folders))) - {label for _, label in self.files}
        if empty:
            raise DataError(
                f"folder {self.classes[min(empty)]!r} in {str(root)!r} has no images",
                hint="known endings are " + ", ".join(sorted(_IMAGES)),
            )
        self.mode, self.transform = mode, transform
        self.resize = None if size is None else Resize(size)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        file, label = self.files[index]
        try:
            with self._pillow.open(file) as picture:
                image: Any = ToTensor()(picture.convert(self.mode))
        except Exception as error:
            raise DataError(f"{file} cannot be read as an image: {error}") from None
        if self.resize is not None:
            image = self.resize(image)
        return (image if self.transform is None else self.transform(image)), label

    def labels(self) -> np.ndarray:
        return np.array([label for _, label in self.files], np.int64)


def image_folder(root: Any, **options: Any) -> ImageFolder:
    """``ImageFolder(root, size=..., mode=..., transform=...)``."""
    return ImageFolder(root, **options)
