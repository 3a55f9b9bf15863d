"""CSV files and pandas frames, and those that are not what they should be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nbdl import data
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
        ("a,b\n1,2\ninf,3\n", {"missing": "drop"}, "line 3, column 'a' is infinite.*\n.*clip"),
        ("a;b\n1;2\n", {}, r"no input columns besides the target 'a;b'\n.*is ';' the delimiter"),
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
    with pytest.raises(FileError, match="cannot be read: Is a directory"):
        data.read_csv(path.parent)


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
