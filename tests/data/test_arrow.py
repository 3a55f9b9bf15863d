"""Parquet files and Arrow tables: what is read, in which order, and what is refused."""

from __future__ import annotations

import os

import numpy as np
import pytest

import nbdl
from nbdl import data
from nbdl.errors import ArgumentError, DataError, FileError

pa = pytest.importorskip("pyarrow")
dataset = pytest.importorskip("pyarrow.dataset")
pq = pytest.importorskip("pyarrow.parquet")


def table(start=0, n=50):
    i = np.arange(start, start + n)
    return pa.table({
        "a": i.astype(np.float32), "b": i, "kind": [("cat", "dog")[k % 2] for k in i],
        "v": pa.array([[float(k), 1.0] for k in i], pa.list_(pa.float32())), "y": i % 3,
    })  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    for number in range(3):
        pq.write_table(table(50 * number), tmp_path / f"{number}.parquet", row_group_size=20)
    return tmp_path


def ys(loader):
    return [y.tolist() for _, y in loader]


def flat(rows):
    return [number for row in rows for number in row]


def test_rows_come_in_order_as_inputs_and_target(folder):
    stream = data.parquet(folder, "b", columns=["a", "y"])
    assert len(stream) == 150
    assert stream.features == ("a", "y")
    loader = data.DataLoader(stream, 16)
    assert len(loader) == 10
    batches = list(loader)
    assert batches[0][0].shape == (16, 2)
    assert batches[0][0].dtype == np.float32
    assert flat(ys(batches)) == list(range(150))


def test_without_a_target_samples_are_dicts(folder):
    batch = next(iter(data.DataLoader(data.parquet(folder / "0.parquet"), 3)))
    assert batch["kind"] == ["cat", "dog", "cat"]
    assert batch["v"].tolist() == [[0, 1], [1, 1], [2, 1]]
    assert batch["b"].dtype == np.int64


def test_a_column_of_lists_and_named_classes(folder):
    stream = data.parquet(folder, "kind", columns=["v"], classes=["dog", "cat"])
    x, y = next(iter(data.DataLoader(stream, 2)))
    assert x.shape == (2, 2)
    assert y.tolist() == [1, 0]
    with pytest.raises(DataError, match="'cat' in column 'kind' is none of the classes 'dog'"):
        list(data.DataLoader(data.parquet(folder, "kind", columns=["a"], classes=["dog"]), 2))


def test_shuffled_rows_are_complete_and_a_function_of_seed_and_epoch(folder):
    stream = data.parquet(folder, "b", columns=["a"], shuffle=True, buffer_size=50)
    loader = data.DataLoader(stream, 150, seed=1)
    [first], [second] = ys(loader), ys(loader)
    assert sorted(first) == sorted(second) == list(range(150))
    assert first != second
    assert ys(data.DataLoader(stream, 150, seed=1)) == [first]


def test_going_on_reads_no_row_group_before(folder, monkeypatch):
    stream = data.parquet(folder, "b", columns=["a"]).shuffle(30)
    whole = ys(data.DataLoader(stream, 10, seed=2))
    read = []
    original = type(stream)._read
    monkeypatch.setattr(
        type(stream), "_read", lambda self, piece: read.append(piece) or original(self, piece)
    )
    loader = data.DataLoader(stream, 10, seed=2)
    loader.load_state_dict({"epoch": 0, "position": 12, "seed": 2})
    assert ys(loader) == whole[12:]
    assert sum(piece.rows for piece in read) < 90


def test_tables_and_data_sets_of_arrow(folder):
    [(_x, y)] = data.DataLoader(data.arrow(table(), "b", columns=["a"]), 50)
    assert y.tolist() == list(range(50))
    stream = data.arrow(dataset.dataset(folder), "b", columns=["a"])
    assert flat(ys(data.DataLoader(stream, 7))) == list(range(150))
    batch = next(iter(data.DataLoader(table(), 2)))
    assert sorted(batch) == ["a", "b", "kind", "v", "y"]
    assert data.adopted(pa.array([1, 2])).to_pylist() == [1, 2]  # no table: left as it is
    with pytest.raises(ArgumentError, match="takes a pyarrow Table"):
        data.arrow([1, 2])


def test_partitions_of_a_data_set_are_columns(tmp_path):
    for kind in ("cat", "dog"):
        (tmp_path / f"kind={kind}").mkdir()
        pq.write_table(table(n=4).select(["a", "y"]), tmp_path / f"kind={kind}" / "0.parquet")
    found = dataset.dataset(tmp_path, partitioning="hive")
    batch = next(iter(data.DataLoader(data.arrow(found), 8)))
    assert batch["kind"] == ["cat"] * 4 + ["dog"] * 4


def test_a_model_trains_on_a_stream(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stream = data.parquet(folder, "y", columns=["v"], shuffle=True)
    net = nbdl.nn.Sequential(nbdl.nn.Linear(2, 3))
    run = nbdl.train(net, stream, loss="cross_entropy", epochs=2, batch_size=50, wait=True)
    assert run.step == 6


def test_empty_cells_are_nan_in_floats_and_refused_elsewhere(tmp_path):
    some = pa.table({"a": pa.array([1.0, None]), "b": pa.array([1, None]), "y": [0, 1]})
    [(x, _)] = data.DataLoader(data.arrow(some, "y", columns=["a"]), 2)
    assert np.isnan(x.numpy()[1, 0])
    with pytest.raises(DataError, match="column 'b' has 1 empty cells"):
        list(data.DataLoader(data.arrow(some, "y", columns=["b"]), 2))
    with pytest.raises(DataError, match="column 'v' holds lists that make no array"):
        list(data.DataLoader(data.arrow(pa.table({"v": [[1.0], [1.0, 2.0]]})), 2))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "z"}, "has no column 'z'"),
        ({"columns": ["aa"], "target": "y"}, "no column 'aa'; did you mean 'a'"),
        ({"target": "y"}, "column 'kind' of .* is text"),
        ({"target": "y", "columns": ["a", "v"]}, "columns of lists cannot be joined"),
        ({"target": "kind", "columns": ["a"]}, "the target 'kind' of .* is text"),
        ({"target": "y", "columns": []}, "no column besides the target"),
    ],
)
def test_columns_that_do_not_do_are_named(folder, options, words):
    with pytest.raises(DataError, match=words):
        data.parquet(folder, **options)


def test_types_that_are_no_numbers_are_named(tmp_path):
    pq.write_table(pa.table({"when": pa.array([0], pa.timestamp("s")), "a": [1]}), tmp_path / "t")
    with pytest.raises(DataError, match=r"neither numbers nor text: 'when' \(timestamp") as caught:
        data.parquet(tmp_path / "t")
    assert "columns=['a']" in caught.value.hint


def test_broken_missing_empty_and_changed_files_are_named(folder, tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        data.parquet(tmp_path / "none.parquet")
    broken = tmp_path / "broken.parquet"
    broken.write_bytes((folder / "0.parquet").read_bytes()[:200])
    with pytest.raises(FileError, match=r"broken.parquet is not a readable Parquet file"):
        data.parquet(broken)
    broken.unlink()
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileError, match=r"no .parquet file"):
        data.parquet(tmp_path / "empty")
    with pytest.raises(DataError, match="has no rows"):
        data.arrow(table(n=0))
    stream = data.parquet(folder, "b", columns=["a"])
    pq.write_table(table(7), folder / "1.parquet")
    with pytest.raises(FileError, match=r"1.parquet has changed since"):
        list(data.DataLoader(stream, 10))
    (folder / "1.parquet").unlink()
    with pytest.raises(FileError, match="no longer there"):
        list(data.DataLoader(stream, 10))


def test_files_that_differ_are_named(folder):
    pq.write_table(pa.table({"b": [1], "a": ["text"]}), folder / "2.parquet")
    with pytest.raises(DataError, match=r"column 'a' is a text in .*2.parquet and a number before"):
        data.parquet(folder, columns=["a"])
    pq.write_table(pa.table({"b": [1]}), folder / "2.parquet")
    with pytest.raises(DataError, match=r"2.parquet has no column 'a'"):
        data.parquet(folder, columns=["a"])


def test_damage_inside_a_row_group_is_told_with_its_file(folder):
    stream = data.parquet(folder, "b", columns=["a"])
    file = folder / "0.parquet"
    raw, state = bytearray(file.read_bytes()), file.stat()
    raw[4:300] = bytes(296)
    file.write_bytes(raw)
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(FileError, match=r"0.parquet cannot be read"):
        list(data.DataLoader(stream, 10))
