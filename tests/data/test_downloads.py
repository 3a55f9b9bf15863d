"""Data sets that are downloaded: checked, kept, found on this machine, and asked for offline."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import struct
import tarfile
import threading

import numpy as np
import pytest

from nbdl import data
from nbdl.data import downloads
from nbdl.errors import DataError, FileError


@pytest.fixture
def write(tmp_path):
    def write(text, name="file"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def idx(array: np.ndarray) -> bytes:
    head = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.astype(np.uint8).tobytes()


def test_idx_files_and_damaged_ones(write):
    array = np.arange(24).reshape(2, 3, 4)
    np.testing.assert_array_equal(data.read_idx(write(idx(array))), array)
    np.testing.assert_array_equal(data.read_idx(write(gzip.compress(idx(array)))), array)
    huge = struct.pack(">4B2I", 0, 0, 8, 2, 2**31, 2**31)
    for bad in (b"", b"abc", idx(array)[:-1], idx(array) + b"x", huge, gzip.compress(b"abc")[:-4]):
        with pytest.raises(FileError):
            data.read_idx(write(bad))


def test_fashion_mnist_comes_from_debians_package_if_it_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "FASHION_FOLDER", tmp_path)
    images, labels = np.arange(2 * 784).reshape(2, 28, 28) % 256, np.array([9, 3])
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(labels))
    d = data.fashion_mnist(train=False)
    assert d.inputs.shape == (2, 1, 28, 28)
    assert d.inputs.max() == 1
    assert [d.classes[i] for i in d.targets] == ["Ankle boot", "Dress"]


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A web server on loopback for the folder 'www', in the place of MNIST's."""
    pytest.importorskip("pooch")
    (tmp_path / "www").mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path / "www"))

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        monkeypatch.setenv("NBDL_DATA", str(tmp_path / "cache"))
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, "127.0.0.1")
        yield tmp_path / "www", f"http://127.0.0.1:{web.server_port}/"
        web.shutdown()


def test_a_download_is_checked_kept_and_not_asked_for_again(server, monkeypatch):
    folder, base = server
    files = {
        "t10k-images-idx3-ubyte.gz": gzip.compress(idx(np.ones((2, 28, 28)))),
        "t10k-labels-idx1-ubyte.gz": gzip.compress(idx(np.array([1, 7]))),
    }
    sums = {name: "md5:" + hashlib.md5(raw).hexdigest() for name, raw in files.items()}
    for name, raw in files.items():
        (folder / name).write_bytes(raw)
    monkeypatch.setattr(downloads, "_MNIST", (base, sums))
    assert data.mnist(train=False).targets.tolist() == [1, 7]
    for name in files:
        (folder / name).unlink()
    assert data.mnist(train=False).targets.tolist() == [1, 7]


def test_a_wrong_file_is_refused(server, monkeypatch):
    folder, base = server
    name = "t10k-images-idx3-ubyte.gz"
    (folder / name).write_bytes(b"<html>please log in</html>")
    monkeypatch.setattr(downloads, "_MNIST", (base, downloads._MNIST[1]))
    with pytest.raises(FileError, match="is not the file it should be"):
        data.mnist(train=False)
    assert not (downloads.cache_folder() / "mnist" / name).exists()


def test_offline_is_said_with_what_works_offline(monkeypatch, tmp_path):
    pytest.importorskip("pooch")
    monkeypatch.setenv("NBDL_DATA", str(tmp_path))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setattr(downloads, "_CIFAR10", ("http://127.0.0.1:9/", downloads._CIFAR10[1]))
    with pytest.raises(DataError, match=r"cannot be reached.*\n.*data\.digits\(\)"):
        data.cifar10()


def archive(parts: dict[str, bytes]) -> bytes:
    """A tar.gz of files in CIFAR-10's folder."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for name, content in parts.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return raw.getvalue()


def serve_cifar(server, monkeypatch, raw: bytes) -> None:
    folder, base = server
    [name] = downloads._CIFAR10[1]
    (folder / name).write_bytes(raw)
    sums = {name: "md5:" + hashlib.md5(raw).hexdigest()}
    monkeypatch.setattr(downloads, "_CIFAR10", (base, sums))


def test_cifar10_is_read_from_its_archive(server, monkeypatch):
    rows = np.arange(12 * 3073).reshape(12, 3073) % 251
    rows[:, 0] = np.arange(12) % 10
    rows = rows.astype(np.uint8)
    parts = {f"data_batch_{i}.bin": rows[2 * i - 2 : 2 * i].tobytes() for i in range(1, 6)}
    serve_cifar(server, monkeypatch, archive({**parts, "test_batch.bin": rows[10:].tobytes()}))
    train, test = data.cifar10(), data.cifar10(train=False)
    assert (train.inputs.shape, test.inputs.shape) == ((10, 3, 32, 32), (2, 3, 32, 32))
    assert test.targets.tolist() == [0, 1]
    np.testing.assert_allclose(train.inputs[3].reshape(-1), rows[3, 1:] / 255, rtol=1e-6)
    assert train.classes[2] == "bird"


@pytest.mark.parametrize("parts", [{}, {"test_batch.bin": b"short"}])
def test_a_damaged_archive_is_said(server, monkeypatch, parts):
    serve_cifar(server, monkeypatch, archive(parts))
    with pytest.raises(FileError, match="is damaged"):
        data.cifar10(train=False)


@pytest.mark.parametrize(
    ("load", "source"),
    [(data.mnist, "_MNIST"), (data.fashion_mnist, "_FASHION"), (data.cifar10, "_CIFAR10")],
)
def test_every_download_has_a_checksum(load, source):
    base, sums = getattr(downloads, source)
    assert base.startswith("http")
    for name, found in sums.items():
        kind, _, digits = found.partition(":")
        assert len(digits) == {"md5": 32, "sha256": 64}[kind], name
