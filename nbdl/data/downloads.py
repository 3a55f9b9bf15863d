"""Data sets that are downloaded once, checked against a checksum, and kept.

They are kept in the folder named by the environment variable NBDL_DATA, or in the user's cache.
"""

from __future__ import annotations

import gzip
import os
import struct
import tarfile
from pathlib import Path

import numpy as np

from nbdl.data.dataset import TensorDataset
from nbdl.data.optional import require
from nbdl.errors import DataError, FileError

_MNIST = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    {
        "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
    },
)
_FASHION = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    {
        "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
    },
)
# The binary version: the other one is a pickle, which could run code.
_CIFAR10 = (
    "https://www.cs.toronto.edu/~kriz/",
    {
        "cifar-10-binary.tar.gz": "md5:c32a1d4ab5d03f1284b67883e8d87530",
    },
)
FASHION_FOLDER = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts its files."""

FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


def mnist(train: bool = True) -> TensorDataset:
    """MNIST's handwritten digits: float32 (1, 28, 28) in 0..1, int64 class 0..9.

    60,000 samples for training, or (``train=False``) 10,000 for testing. Downloads 10 MB the
    first time. LeCun, Cortes and Burges, 1998.
    """
    images, labels = _idx_pair("MNIST", _MNIST, train)
    return _images(images[:, None], labels, tuple("0123456789"), "mnist")


def fashion_mnist(train: bool = True) -> TensorDataset:
    """Zalando's pictures of clothes: float32 (1, 28, 28) in 0..1, int64 class 0..9.

    60,000 samples for training, or (``train=False``) 10,000 for testing. Taken from Debian's
    package dataset-fashion-mnist if it is installed, else 30 MB are downloaded the first time.
    Xiao, Rasul and Vollgraf, 2017 (MIT licence).
    """
    images, labels = _idx_pair("Fashion-MNIST", _FASHION, train, FASHION_FOLDER)
    return _images(images[:, None], labels, FASHION_CLASSES, "fashion_mnist")


def cifar10(train: bool = True) -> TensorDataset:
    """Small colour photographs: float32 (3, 32, 32) in 0..1, int64 class 0..9.

    50,000 samples for training, or (``train=False``) 10,000 for testing. Downloads 170 MB the
    first time. Krizhevsky, 2009.
    """
    [archive] = _CIFAR10[1]
    path = fetch("CIFAR-10", _CIFAR10, archive)
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] if train else ["test_batch.bin"]
    try:
        with tarfile.open(path) as tar:
            raw = b"".join(
                tar.extractfile(f"cifar-10-batches-bin/{name}").read()  # type: ignore[union-attr]
                for name in names
            )
    except (tarfile.TarError, KeyError, OSError, EOFError) as error:
        raise FileError(f"{path} is damaged: {error}", hint="delete it and try again") from None
    if len(raw) % 3073:
        raise FileError(f"{path} is damaged: its parts have an odd length")
    rows = np.frombuffer(raw, np.uint8).reshape(-1, 3073)
    return _images(rows[:, 1:].reshape(-1, 3, 32, 32), rows[:, 0], CIFAR10_CLASSES, "cifar10")


def _images(
    pixels: np.ndarray, labels: np.ndarray, classes: tuple[str, ...], name: str
) -> TensorDataset:
    x = pixels.astype(np.float32)
    x /= 255
    return TensorDataset(x, labels.astype(np.int64), classes=classes, name=name)


def _idx_pair(
    title: str, source: tuple[str, dict[str, str]], train: bool, folder: Path | None = None
) -> tuple[np.ndarray, np.ndarray]:
    part = "train" if train else "t10k"
    arrays = []
    for name in (f"{part}-images-idx3-ubyte.gz", f"{part}-labels-idx1-ubyte.gz"):
        path = _local(folder, name) if folder is not None else None
        arrays.append(read_idx(path or fetch(title, source, name)))
    images, labels = arrays
    if images.ndim != 3 or labels.shape != (len(images),):
        raise FileError(f"{title}: images {images.shape} and labels {labels.shape} do not fit")
    return images, labels


def _local(folder: Path, name: str) -> Path | None:
    for path in (folder / name, folder / name.removesuffix(".gz")):
        if path.is_file():
            return path
    return None


def read_idx(path: str | Path) -> np.ndarray:
    """An IDX file (MNIST's format, gzipped or not) of unsigned bytes: its array.

    Raises FileError when the file is cut short, too long, or not an IDX file.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
    except (OSError, EOFError) as error:
        raise FileError(f"{path} cannot be read: {error}", hint="delete it and try again") from None
    if len(raw) < 4 or raw[:3] != b"\0\0\x08" or len(raw) < 4 + 4 * raw[3]:
        raise FileError(f"{path} is not an IDX file of bytes")
    shape = struct.unpack(f">{raw[3]}I", raw[4 : 4 + 4 * raw[3]])
    data = np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3])
    if data.size != int(np.prod([int(n) for n in shape], dtype=object)):
        raise FileError(f"{path} says it has shape {shape} and has {data.size} bytes of data")
    return data.reshape(shape)


def cache_folder() -> Path:
    """Where downloaded data is kept."""
    named = os.environ.get("NBDL_DATA")
    if named:
        return Path(named).expanduser()
    return Path(require("pooch", "downloading data").os_cache("nbdl"))


def fetch(title: str, source: tuple[str, dict[str, str]], name: str) -> Path:
    """The path of a downloaded, checked file; downloads it when it is not there yet.

    Raises MissingError without pooch, DataError when the server cannot be reached, and
    FileError when the file is not the one its checksum names or cannot be kept.
    """
    base, checksums = source
    folder = cache_folder() / title.lower().replace("-", "_")
    if not (folder / name).exists():
        pooch = require("pooch", f"downloading {title}")
        pooch.get_logger().setLevel("WARNING")
    else:
        pooch = require("pooch", f"checking {title}")
    try:
        return Path(
            pooch.retrieve(
                base + name,
                known_hash=checksums[name],
                fname=name,
                path=folder,
                downloader=pooch.HTTPDownloader(timeout=30, progressbar=False),
            )
        )
    except ValueError as error:
        raise FileError(
            f"{name} of {title} is not the file it should be: {error}",
            hint=f"the server {base} may be returning a login page; try again later",
        ) from None
    except OSError as error:  # requests' errors are OSErrors too
        if isinstance(error, PermissionError) or getattr(error, "filename", None):
            raise FileError(
                f"{title} cannot be kept in {folder}: {error}",
                hint="set NBDL_DATA to a folder you may write to",
            ) from None
        raise DataError(
            f"{title} is not on this machine and {base} cannot be reached: {type(error).__name__}",
            hint=f"connect to the internet once, put {name} into {folder}, or use data that "
            "works offline: data.digits()",
        ) from None
