"""NumPy files and folders of images, and those that are not what they should be."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from PIL import Image

from nbdl import data
from nbdl.errors import DataError, FileError


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
    path.write_text("a,b\n1,2\n")
    with pytest.raises(FileError, match=r"bad\.npy is not a NumPy file"):
        data.read_numpy(path)
    with pytest.raises(FileError, match="not a readable NumPy file"):
        data.read_numpy(tmp_path)


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
