"""Arrays that stay in their files: what is read, and what is never read."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import data
from nbdl.data.mapped import is_mapped, mapped_origin
from nbdl.errors import DataError, FileError


@pytest.fixture
def file(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(7000, dtype=np.float32).reshape(1000, 7))
    return tmp_path / "x.npy"


def test_a_mapped_array_is_not_copied_nor_looked_through(file):
    x = data.mapped(file)
    pairs = data.TensorDataset(x, np.zeros(1000, np.int64))
    assert np.shares_memory(pairs.inputs, x)
    assert is_mapped(pairs.inputs)
    assert not pairs.in_memory
    train, _val = pairs.split(0.9)
    assert not train.in_memory
    loader = data.DataLoader(train, 8)
    assert loader.num_workers == 1
    assert next(iter(loader))[0].shape == (8, 7)
    assert data.TensorDataset(np.asarray(x).copy()).in_memory


def test_training_does_not_check_a_mapped_array_as_a_whole(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pairs = data.TensorDataset(data.mapped(file), np.arange(1000) % 2)
    monkeypatch.setattr(data.TensorDataset, "check", lambda self: pytest.fail("was looked through"))
    net = nbdl.nn.Sequential(nbdl.nn.Linear(7, 2))
    run = nbdl.train(net, pairs, loss="cross_entropy", max_steps=2, wait=True)
    assert run.step == 2


def test_parts_of_a_mapped_array_are_found_again_in_the_file(file):
    x = np.asarray(data.mapped(file))
    for part in (x, x[10:20], x[::-3, 1:4], x.T, x[5], x[:0], x.reshape(7, 1000)[2:, ::2]):
        origin = mapped_origin(part)
        assert origin is not None
        assert (origin.open() == part).all()
        assert origin.open().shape == part.shape
    assert mapped_origin(x + 1) is None
    assert mapped_origin(np.zeros(3)) is None


def test_processes_open_the_file_themselves(file):
    pytest.importorskip("cloudpickle")
    from nbdl.data import messages

    x = data.mapped(file)
    message, beside = messages.pack(data.TensorDataset(x))
    assert len(message) + sum(b.nbytes for b in beside) < 4000  # of 28,000 bytes
    again = messages.unpack(message, beside)
    assert (again.inputs == x).all()
    assert is_mapped(again.inputs)


def test_safetensors_are_mapped_one_by_one(tmp_path):
    arrays = {"x": np.arange(12, dtype=np.float32).reshape(4, 3), "y": np.arange(4),
              "half": np.ones(3, np.float16)}  # fmt: skip
    from safetensors.numpy import save_file

    save_file(arrays, tmp_path / "a.safetensors", metadata={"made": "here"})
    found = data.mapped(tmp_path / "a.safetensors")
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert (found[name] == array).all()
    assert is_mapped(found["x"])
    batch = next(iter(data.DataLoader(found["x"], 2)))
    assert batch[0].tolist() == [[0, 1, 2], [3, 4, 5]]
    (tmp_path / "bad.safetensors").write_bytes(b"\xff" * 40)
    with pytest.raises(FileError, match="not a readable safetensors file"):
        data.mapped(tmp_path / "bad.safetensors")


def test_other_byte_orders_are_turned_as_they_are_read(tmp_path):
    np.save(tmp_path / "big.npy", np.arange(8, dtype=">f4").reshape(4, 2))
    pairs = data.TensorDataset(data.mapped(tmp_path / "big.npy"))
    assert is_mapped(pairs.inputs)
    (x,) = pairs[1:3]
    assert x.dtype == np.float32
    assert x.tolist() == [[2, 3], [4, 5]]


def test_what_cannot_be_mapped_is_refused(tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        data.mapped(tmp_path / "none.npy")
    np.savez(tmp_path / "x.npz", x=np.zeros(2))
    with pytest.raises(DataError, match="is an archive"):
        data.mapped(tmp_path / "x.npz")
    np.save(tmp_path / "o.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(DataError, match="pickled objects"):
        data.mapped(tmp_path / "o.npy")
    (tmp_path / "t.npy").write_text("hello")
    with pytest.raises(FileError, match="no NumPy file"):
        data.mapped(tmp_path / "t.npy")
    whole = tmp_path / "cut.npy"
    np.save(whole, np.zeros(1000))
    whole.write_bytes(whole.read_bytes()[:300])
    with pytest.raises(FileError, match="not a readable NumPy file"):
        data.mapped(whole)
