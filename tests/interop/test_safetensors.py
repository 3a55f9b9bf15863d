"""Saving and loading, and files that are damaged or hostile."""

from __future__ import annotations

import json
import os
import struct

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

import nbdl
from nbdl import Tensor, files, nn
from nbdl.errors import ArgumentError, DtypeError, FileError
from nbdl.interop import safetensors as ours


def raw_file(path, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    "dtype",
    ["float64", "float32", "float16", ml_dtypes.bfloat16, "int64", "uint8", "bool", "complex64"],
)
def test_each_dtype_and_shape_comes_back(tmp_path, dtype):
    arrays = {
        "a": np.arange(6).reshape(2, 3).astype(dtype),
        "transposed": np.arange(6).reshape(2, 3).astype(dtype).T,
        "scalar": np.array(1).astype(dtype),
        "empty": np.zeros((0, 4)).astype(dtype),
    }
    nbdl.save(arrays, tmp_path / "x.safetensors")
    loaded = nbdl.load(tmp_path / "x.safetensors")
    assert set(loaded) == set(arrays)
    for name, array in arrays.items():
        assert isinstance(loaded[name], Tensor)
        assert (loaded[name].dtype, loaded[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(loaded[name].numpy(), array)


def test_a_model_comes_back_through_its_state_dict(tmp_path):
    a, b = (nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)) for _ in range(2))
    path = nbdl.save(a, tmp_path / "net.safetensors")
    b.load_state_dict(nbdl.load(path))
    for (name, p), q in zip(a.named_parameters(), b.parameters(), strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy(), err_msg=name)


def test_one_tensor_comes_back_as_one(tmp_path):
    path = nbdl.save(Tensor(np.ones(3)), tmp_path / "x.safetensors")
    assert nbdl.load(path).tolist() == [1, 1, 1]


def test_other_programs_read_our_files_and_we_theirs(tmp_path):
    nbdl.save({"w": np.ones((2, 2), np.float32)}, tmp_path / "a.safetensors")
    theirs = safetensors.numpy.load_file(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(theirs["w"], np.ones((2, 2)))
    safetensors.numpy.save_file({"tensor": np.zeros(2)}, tmp_path / "b.safetensors")
    assert nbdl.load(tmp_path / "b.safetensors")["tensor"].tolist() == [0, 0]


def test_a_loaded_tensor_can_be_changed(tmp_path):
    x = nbdl.load(nbdl.save(Tensor(np.ones(3, np.float32)), tmp_path / "x"))
    x += 1
    assert x.tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("thing", "error", "words"),
    [
        ({"a": [1, 2]}, ArgumentError, "'a' is a list"),
        ({"a": {"b": np.ones(1)}}, ArgumentError, "join their names with dots"),
        ({3: np.ones(1)}, ArgumentError, "must be a text, got 3"),
        ({"__metadata__": np.ones(1)}, ArgumentError, "must be a text"),
        ("net", ArgumentError, "cannot save a str"),
        ({"a": np.array(["x"])}, DtypeError, "'a' has dtype <U1"),
        ({"a": np.ones(1, complex)}, DtypeError, "complex128"),
    ],
)
def test_what_cannot_be_saved_is_said(tmp_path, thing, error, words):
    with pytest.raises(error, match=words):
        nbdl.save(thing, tmp_path / "x.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(FileError, match="there is no folder"):
        nbdl.save(np.ones(1), tmp_path / "none" / "x.safetensors")
    with pytest.raises(FileError, match="is a folder"):
        nbdl.save(np.ones(1), tmp_path)


@pytest.mark.parametrize("fail_in", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_no_rubbish(tmp_path, monkeypatch, fail_in):
    path = nbdl.save(np.zeros(3), tmp_path / "x.safetensors")
    before = path.read_bytes()

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ours.os, fail_in, fail)
    with pytest.raises(FileError, match="No space left"):
        nbdl.save(np.ones(3), path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["x.safetensors"]


def test_a_flipped_bit_of_the_header_changes_nothing_unnoticed(tmp_path):
    arrays = {"a": np.ones((2, 8), np.float32), "b": np.arange(3)}
    path = nbdl.save(arrays, tmp_path / "x.safetensors", metadata={"n": "1"})
    good = path.read_bytes()
    (length,) = struct.unpack("<Q", good[:8])
    for i in range(0, 8 * (8 + length), 7):
        raw = bytearray(good)
        raw[i // 8] ^= 1 << i % 8
        path.write_bytes(raw)
        try:
            loaded, metadata = files.read_arrays(path, ours=True)
        except FileError:
            continue
        assert metadata["n"] == "1"  # such as a blank that became a tab
        for name, array in arrays.items():
            np.testing.assert_array_equal(loaded[name], array)


def test_every_flipped_bit_of_the_numbers_is_noticed(tmp_path):
    path = nbdl.save({"a": np.ones(4, np.float32)}, tmp_path / "x.safetensors")
    good = path.read_bytes()
    for place in range(len(good) - 16, len(good)):
        bad = bytearray(good)
        bad[place] ^= 4
        path.write_bytes(bad)
        with pytest.raises(FileError, match="checksum of 'a' does not fit"):
            nbdl.load(path)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: raw_file(p, b"", length=0),
        lambda p: p.write_bytes(b"1234567"),
        lambda p: p.write_bytes(b""),
        lambda p: raw_file(p, {}, length=2**63),
        lambda p: raw_file(p, {"a": entry()}, bytes(8), length=10**6),
        lambda p: raw_file(p, b'{"a": '),
        lambda p: raw_file(p, b'{"\xff": 1}'),
        lambda p: raw_file(p, b'{"a":' * 50000 + b"1" + b"}" * 50000),
        lambda p: raw_file(p, {"a": entry(offsets=(0, 800), shape=(200,))}, bytes(8)),
        lambda p: raw_file(p, {"a": entry(offsets=(8, 0))}, bytes(8)),
        lambda p: raw_file(p, {"a": entry(), "b": entry()}, bytes(8)),
        lambda p: raw_file(p, {"a": entry(), "b": entry(offsets=(16, 24))}, bytes(24)),
        lambda p: raw_file(p, {"a": entry()}, bytes(80)),
        lambda p: raw_file(
            p, {"a": entry(shape=(4194305, 4194305, 211106198978564), offsets=(0, 16))}, bytes(16)
        ),
        lambda p: raw_file(p, {"a": entry(shape=(-2,))}, bytes(8)),
        lambda p: raw_file(p, {"a": entry(shape=(1000000,))}, bytes(8)),
        lambda p: raw_file(p, {"a": entry("F3")}, bytes(8)),
        lambda p: raw_file(p, {"a": entry("F8_E4M3", shape=(8,))}, bytes(8)),
        lambda p: raw_file(p, {"a": entry(shape=(0, 2**62, 2**62), offsets=(0, 0))}),
        lambda p: raw_file(
            p,
            b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
            b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
            bytes(4),
        ),
        lambda p: raw_file(
            p, {"__metadata__": {"nbdl.crc32": "[]"}, "a": entry()}, bytes(8)
        ),
        lambda p: raw_file(
            p, {"__metadata__": {"nbdl.crc32": "{"}, "a": entry()}, bytes(8)
        ),
    ],
)  # fmt: skip
def test_hostile_and_broken_files_are_refused_by_name(tmp_path, make):
    path = tmp_path / "bad.safetensors"
    make(path)
    with pytest.raises(FileError, match=r"bad\.safetensors"):
        nbdl.load(path)


def test_files_of_other_kinds_are_recognised(tmp_path):
    path = tmp_path / "x.safetensors"
    with path.open("wb") as file:
        np.savez(file, a=np.ones(2))
    with pytest.raises(FileError, match="zip archive"):
        nbdl.load(path)
    path.write_bytes(b"\x80\x04\x95" + bytes(20))
    with pytest.raises(FileError, match="a pickle"):
        nbdl.load(path)
    with pytest.raises(FileError, match="there is no file"):
        nbdl.load(tmp_path / "none")
    with pytest.raises(FileError, match="could not be read"):
        nbdl.load(tmp_path)
