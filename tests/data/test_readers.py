"""Readers of files, and files that are not what they should be."""

from __future__ import annotations

import gzip
import http.server
import pickle
import struct
import threading

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nbdl import data
from nbdl.data import downloads
from nbdl.errors import DataError, FileError

CSV = "age,colour,kind\n1.5,red,cat\n2,blue,dog\n\n3,red,cat\n"


@pytest.fixture
def write(tmp_path):
    def write(text, name="pets.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_csv_with_classes_and_one_hot_columns(write):
    d = data.read_csv(write(CSV), "kind", categorical="onehot")
    assert d.features == ("age", "colour=blue", "colour=red")
    assert d.inputs.tolist() == [[1.5, 0, 1], [2, 1, 0], [3, 0, 1]]
    assert d.inputs.dtype == np.float32
    assert (d.classes, d.targets.tolist()) == (("cat", "dog"), [0, 1, 0])


def test_csv_columns_can_be_chosen_and_targets_be_numbers(write):
    d = data.read_csv(write("a,b,y\n1,2,0.5\n3,4,1.5\n"), features=["b"])
    assert d.inputs.tolist() == [[2], [4]]
    assert (d.targets.tolist(), d.targets.dtype) == ([0.5, 1.5], np.float32)
    d = data.read_csv(write("a;y\n1;3\n2;4\n"), "y", delimiter=";")
    assert d.targets.dtype == np.int64
    assert len(data.read_csv(write("a,b\n1,2\n"), None).arrays) == 1


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (CSV, {}, "line 2, column 'colour': 'red' is not a number"),
        (CSV, {"target": "knd"}, "no column 'knd'; did you mean 'kind'"),
        (CSV, {"target": 7}, "column 7 of 3"),
        ("a,b\n1,2\n3\n", {}, "line 3 has 1 cells; the header has 2"),
        ("a,b\n1,2\n,3\n", {}, "line 3, column 'a' is missing"),
        ("a,b\n1,2\ninf,3\n", {"missing": "drop"}, "line 3, column 'a' is infinite"),
        ("a,b\n1,\n2,3\n", {}, "line 2: the target 'b' is missing"),
        ("a,b\n", {}, "no rows"),
        ("", {}, "is empty"),
        ("a,a\n1,2\n", {}, "two columns of one name"),
        (b"a,b\n\xff,1\n", {}, "is not utf-8-sig text"),
        ("a,b\nNA,1\n", {"missing": "drop"}, "leaves none"),
        ("a,b\nNA,1\n", {"missing": "mean"}, "has no mean"),
    ],
)
def test_csv_errors_name_line_and_column(write, text, options, words):
    with pytest.raises(DataError, match=words):
        data.read_csv(write(text), **options)


def test_unknown_options_are_refused_with_the_nearest(write):
    with pytest.raises(ValueError, match="did you mean 'mean'"):
        data.read_csv(write(CSV), missing="mena")


def test_missing_cells_can_be_dropped_or_filled(write):
    text = "a,b\n1,0\n,1\n5,2\n"
    assert data.read_csv(write(text), missing="drop").inputs.tolist() == [[1], [5]]
    assert data.read_csv(write(text), missing="mean").inputs.tolist() == [[1], [3], [5]]


def test_a_file_that_is_not_there_is_named_with_the_nearest(write):
    path = write(CSV)
    with pytest.raises(FileError, match=r"does not exist.*did you mean 'pets.csv'"):
        data.read_csv(path.with_name("pet.csv"))


def test_frames_are_read_like_files():
    frame = pd.DataFrame({"age": [1.5, 2], "n": pd.array([1, 2], "Int64"), "kind": ["b", "a"]})
    d = data.from_pandas(frame, "kind")
    assert (d.inputs.tolist(), d.classes) == ([[1.5, 1], [2, 2]], ("a", "b"))
    frame.loc[1, "age"] = None
    with pytest.raises(DataError, match="row 1, column 'age' is missing"):
        data.from_pandas(frame, "kind")
    with pytest.raises(DataError, match="holds dates"):
        data.from_pandas(pd.DataFrame({"t": pd.to_datetime(["2020-01-01"]), "y": [1]}))
    with pytest.raises(DataError, match="needs a DataFrame"):
        data.from_pandas([1, 2])


def test_numpy_files(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.ones((3, 2)), y=np.arange(3))
    assert data.read_numpy(tmp_path / "a.npz").targets.tolist() == [0, 1, 2]
    np.save(tmp_path / "b.npy", np.ones((3, 2)))
    assert len(data.read_numpy(tmp_path / "b.npy")) == 3


def test_numpy_files_with_objects_or_damage_are_refused(tmp_path):
    path = tmp_path / "bad.npy"
    np.save(path, np.array([{}], object), allow_pickle=True)
    with pytest.raises(DataError, match="pickled objects"):
        data.read_numpy(path)
    np.save(path, np.zeros(100))
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(FileError, match="not a readable NumPy file"):
        data.read_numpy(path)
    path.write_bytes(pickle.dumps(3))
    with pytest.raises(DataError, match="pickled"):
        data.read_numpy(path)


def test_image_folders(tmp_path):
    for i, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        Image.new("RGB", (6 + i, 4), (255, 0, 0)).save(tmp_path / name / "1.png")
    d = data.image_folder(tmp_path, size=4)
    assert (len(d), d.classes, d.labels().tolist()) == (2, ("cat", "dog"), [0, 1])
    x, y = next(iter(data.DataLoader(d, batch_size=2)))
    assert (x.shape, y.tolist()) == ((2, 3, 4, 4), [0, 1])
    assert x[0, 0].numpy().min() == 1
    with pytest.raises(DataError, match=r"differ in shape"):
        list(data.DataLoader(data.image_folder(tmp_path), batch_size=2))
    (tmp_path / "dog" / "1.png").write_bytes(b"not a picture")
    with pytest.raises(DataError, match=r"1\.png cannot be read as an image"):
        d[1]


def test_image_folders_that_are_none(tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        data.image_folder(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no folders inside"):
        data.image_folder(tmp_path)
    (tmp_path / "cat").mkdir()
    with pytest.raises(DataError, match=r"'cat' .* has no images"):
        data.image_folder(tmp_path)


# ----- downloads --------------------------------------------------------------------------


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
    import hashlib

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
