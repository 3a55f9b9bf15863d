"""Data sets of Hugging Face: told by what they can do; with the real library where it is."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import data
from nbdl.errors import DataError

Image = pytest.importorskip("PIL.Image")


class ClassLabel:
    """As ``datasets.ClassLabel``."""

    def __init__(self, names):
        self.names = names


class Value:
    """As ``datasets.Value``."""


class Rows:
    """What is used of ``datasets.Dataset``."""

    def __init__(self, columns, **features):
        self.columns = columns
        self.features = {name: features.get(name, Value()) for name in columns}
        self.column_names = list(columns)
        self.format = {"type": None}

    def __len__(self):
        return len(next(iter(self.columns.values())))

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index):
        if isinstance(index, str):
            return self.columns[index]
        if isinstance(index, list):
            return {name: [values[i] for i in index] for name, values in self.columns.items()}
        return {name: values[index] for name, values in self.columns.items()}


class Stream:
    """What is used of ``datasets.IterableDataset``."""

    def __init__(self, rows):
        self.rows, self.epoch = rows, None
        self.features, self.column_names = rows.features, rows.column_names

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        return iter(self.rows)


def numbers():
    return {"x": [[float(i), 1.0] for i in range(12)], "label": [i % 3 for i in range(12)]}


def pictures(mode="RGB"):
    return [Image.new(mode, (6, 5), 255) for _ in range(4)]


def both(columns, **names):
    """The same columns as a stand-in and, where it can be had, in the real library."""
    stand_in = Rows(columns, **{name: ClassLabel(given) for name, given in names.items()})
    made = [stand_in]
    try:
        import datasets
    except ImportError:
        return made
    real = datasets.Dataset.from_dict(columns)
    for name, given in names.items():
        real = real.cast_column(name, datasets.ClassLabel(names=given))
    return [*made, real]


def test_rows_become_batches_of_dicts():
    for rows in both(numbers(), label=["a", "b", "c"]):
        made = data.as_dataset(rows)
        assert made.classes == ("a", "b", "c")
        assert made.labels().tolist() == numbers()["label"]
        batch = next(iter(data.DataLoader(rows, 5, shuffle=True)))
        assert batch["x"].shape == (5, 2)
        assert batch["x"].dtype == np.float32
        assert (batch["x"].numpy()[:, 0] % 3 == batch["label"].numpy()).all()
        train, val = data.split(rows, 0.75, stratify=True)
        assert (len(train), len(val)) == (9, 3)


def test_a_model_trains_on_rows_and_on_a_stream_of_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = nbdl.nn.Sequential(nbdl.nn.Linear(2, 3))
    for rows in both(numbers()):
        stream = Stream(rows) if isinstance(rows, Rows) else rows.to_iterable_dataset()
        for given in (rows, stream):
            run = nbdl.train(
                net, given, val=given, loss="cross_entropy", epochs=2, batch_size=6, wait=True
            )
            assert run.step == 4


def test_a_stream_is_told_its_epoch_and_goes_on_anywhere():
    stream = Stream(Rows(numbers()))
    loader = data.DataLoader(stream, 5)
    whole = [batch["label"].tolist() for batch in loader]
    list(loader)
    assert stream.epoch == 1
    loader.load_state_dict({"epoch": 0, "position": 1, "seed": 0})
    assert [batch["label"].tolist() for batch in loader] == whole[1:]


def test_pictures_become_arrays_and_text_stays_text():
    for mode, channels in (("RGB", 3), ("L", 1), ("P", 3), ("RGBA", 3)):
        for rows in both({"image": pictures(mode), "text": list("abcd")}):
            if not isinstance(rows, Rows) and mode == "P":
                continue
            batch = next(iter(data.DataLoader(rows, 2)))
            assert batch["image"].shape == (2, channels, 5, 6)
            assert batch["text"] == ["a", "b"]


def test_a_transform_of_a_row_is_a_map():
    rows = Rows({"text": ["a", "bb"], "label": [0, 1]})
    made = data.as_dataset(rows).map(lambda row: (np.float32(len(row["text"])), row["label"]))
    [(x, y)] = data.DataLoader(made, 2)
    assert (x.tolist(), y.tolist()) == ([1, 2], [0, 1])


def test_what_does_not_do_is_named():
    rows = Rows(numbers())
    with pytest.raises(DataError, match="holds several data sets: train, test") as caught:
        data.DataLoader({"train": rows, "test": rows})
    assert "data['train']" in caught.value.hint
    empty = Rows({"x": [1.0, None], "label": [0, 1]})
    with pytest.raises(DataError, match="column 'x' has an empty cell"):
        list(data.DataLoader(empty, 2))
    with pytest.raises(DataError, match="has no target: its columns are x"):
        data.as_dataset(Rows({"x": [1.0]})).labels()
    with pytest.raises(DataError, match="is empty"):
        data.as_dataset(Rows({"x": []}))
    sizes = Rows({"image": [Image.new("L", (4, n)) for n in (4, 5)], "label": [0, 1]})
    sizes.features["image"] = Image
    with pytest.raises(DataError, match="differ in shape"):
        list(data.DataLoader(sizes, 2))
