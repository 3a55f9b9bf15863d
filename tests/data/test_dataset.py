"""Data sets: reading, cutting, splitting, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nbdl import Tensor, data
from nbdl.errors import ArgumentError, DataError, IndexRangeError


def pairs(n: int = 10) -> data.TensorDataset:
    return data.TensorDataset(np.arange(n * 3.0).reshape(n, 3), np.arange(n) % 2)


def test_a_slice_gives_a_batch_of_tensors_in_the_default_float():
    x, y = pairs()[:4]
    assert isinstance(x, Tensor)
    assert (x.shape, str(x.dtype), y.shape, str(y.dtype)) == ((4, 3), "float32", (4,), "int64")
    np.testing.assert_array_equal(x.numpy(), np.arange(12).reshape(4, 3))


def test_one_number_gives_one_sample_and_negative_numbers_count_from_the_end():
    x, y = pairs()[-1]
    assert x.tolist() == [27, 28, 29]
    assert y.item() == 1


def test_lists_masks_and_tensors_of_numbers_are_indices():
    d = pairs()
    assert d[[3, 1]][0].tolist() == [[9, 10, 11], [3, 4, 5]]
    mask = np.zeros(10, bool)
    mask[[2, 5]] = True
    assert d[mask][0].tolist() == d[Tensor(np.array([2, 5]))][0].tolist()


@pytest.mark.parametrize("index", [10, -11, [0, 10]])
def test_a_sample_that_is_not_there_is_named(index):
    with pytest.raises(IndexRangeError, match=r"sample -?1[01] of a data set with 10 samples"):
        pairs()[index]


def test_two_indices_are_explained():
    with pytest.raises(ArgumentError, match="one index"):
        pairs()[1, 2]


def test_iterating_ends():
    assert len(list(pairs())) == 10


def test_a_dict_of_arrays_gives_dict_samples():
    d = data.TensorDataset({"ids": np.zeros((5, 2), int), "label": np.arange(5)})
    assert set(d[0]) == {"ids", "label"}
    assert d[1:3]["label"].tolist() == [1, 2]


def test_float64_is_read_as_float32_unless_told_otherwise():
    x = np.ones((2, 2))
    assert str(data.TensorDataset(x, x)[:1][0].dtype) == "float32"
    assert str(data.TensorDataset(x, x, dtype="float64")[:1][0].dtype) == "float64"
    assert str(data.TensorDataset(x, x, dtype=None)[:1][0].dtype) == "float64"


def test_lengths_that_differ_are_named():
    with pytest.raises(DataError, match=r"inputs has 3 .*targets has 2"):
        data.TensorDataset(np.zeros((3, 2)), np.zeros(2))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ([[1, 2], [3]], r"sample 0 has shape \(2,\), sample 1 has shape \(1,\)"),
        (np.array([1, "a"], object), "item 1 is 'a', a str"),
        (np.array([1, 2], object), "although all its items are numbers"),
        (np.array(["cat", "dog"]), "is text"),
        ("hello", "is text, not an array"),
        (np.array(["2020-01-01"], "datetime64[D]"), "datetime64"),
        (3.0, "a single number"),
        (np.ma.masked_array([1.0, 2, 3], [0, 1, 0]), r"1 masked values.*\n.*filled"),
        (pd.DataFrame({"a": [1.0, 2], "b": ["x", "y"]}), "columns that are not numbers: 'b'"),
    ],
)
def test_what_is_not_an_array_of_numbers_is_refused(bad, words):
    with pytest.raises(DataError, match=words):
        data.TensorDataset(bad, np.zeros(2))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_check_names_sample_and_column_of_the_first_nan_or_inf(value):
    x = np.zeros((5, 2), np.float32)
    x[3, 1] = value
    d = data.TensorDataset(x, np.zeros(5), features=["age", "height"])
    with pytest.raises(DataError, match="sample 3, column 'height'"):
        d.check()
    with pytest.raises(DataError, match=r"1 (NaN|Inf) among 6 values; the first is sample 2"):
        data.Subset(d, [0, 1, 3]).check()


def test_check_is_quiet_about_good_and_about_huge_numbers():
    data.TensorDataset(np.full((4, 2), 3e38, np.float32), np.zeros(4)).check()


def test_columns_of_a_frame_are_kept_as_features():
    assert data.TensorDataset(pd.DataFrame({"a": [1.0], "b": [2.0]}), [0]).features == ("a", "b")


# ----- split ------------------------------------------------------------------------------


def test_split_parts_are_disjoint_complete_and_seeded():
    d = pairs(100)
    a, b = d.split(0.8)
    assert (len(a), len(b)) == (80, 20)
    assert sorted([*a.indices, *b.indices]) == list(range(100))
    assert list(d.split(0.8)[0].indices) == list(a.indices)
    assert list(d.split(0.8, seed=1)[0].indices) != list(a.indices)


def test_split_takes_several_fractions_and_counts():
    d = pairs(100)
    assert [len(p) for p in d.split(0.7, 0.2)] == [70, 20, 10]
    assert [len(p) for p in d.split(0.7, 0.3)] == [70, 30]
    assert [len(p) for p in d.split(30, 20)] == [30, 20, 50]
    assert [len(p) for p in pairs(3).split(0.5, 0.5)] == [2, 1]
    with pytest.raises(DataError, match=r"split\(0.99\) of 10 samples leaves an empty part"):
        pairs(10).split(0.99)


def test_stratified_split_keeps_proportions():
    y = np.array([0] * 80 + [1] * 15 + [2] * 5)
    d = data.TensorDataset(np.zeros((100, 1)), y)
    train, val = d.split(0.8, stratify=True)
    assert np.bincount(val.labels()).tolist() == [16, 3, 1]
    assert np.bincount(train.labels()).tolist() == [64, 12, 4]


def test_stratify_refuses_targets_that_are_no_classes_and_classes_too_small():
    with pytest.raises(DataError, match="not classes"):
        data.split((np.zeros((10, 1)), np.arange(10.0)), 0.8, stratify=True)
    with pytest.raises(DataError, match="class 1 has 1 sample"):
        data.split((np.zeros((10, 1)), np.array([0] * 9 + [1])), 0.8, stratify=True)


@pytest.mark.parametrize("size", [0.0, 1.0, 1.5, -1, 0, True, "0.8"])
def test_a_nonsense_size_is_refused(size):
    with pytest.raises(ArgumentError, match="fraction between 0 and 1"):
        pairs().split(size)


def test_a_split_of_too_many_or_an_empty_part_is_refused():
    with pytest.raises(ArgumentError, match="asks for 11 of 10"):
        pairs().split(11)
    with pytest.raises(DataError, match="empty part"):
        pairs(3).split(0.1)


def test_a_part_can_be_split_again_and_knows_its_classes():
    d = data.digits()
    first, _ = d.split(0.5)
    inner, _ = first.split(0.5)
    assert inner.classes == d.classes
    x, y = inner[:3]
    np.testing.assert_array_equal(x.numpy(), d.inputs[first.indices[inner.indices[:3]]])
    assert y.shape == (3,)


def test_map_transforms_inputs_or_targets():
    d = pairs()
    assert d.map(lambda x: x * 2)[:2][0].tolist() == [[0, 2, 4], [6, 8, 10]]
    assert d.map(lambda y: y + 5, target=True)[1][1].item() == 6


def test_anything_with_length_and_brackets_is_a_data_set():
    d = data.as_dataset([(np.zeros(2, np.float32), 1)] * 3)
    assert len(d) == 3
    assert d[:2][1].tolist() == [1, 1]


def test_a_list_of_two_is_a_pair_of_arrays_or_two_samples():
    x = np.zeros((4, 3), np.float32)
    assert len(data.as_dataset([x, np.arange(4)])) == 4
    assert len(data.as_dataset([(x[0], 1), (x[1], 0)])) == 2


def test_a_frame_says_how_it_is_told_what_the_target_is():
    with pytest.raises(DataError, match=r"is a frame.*\n.*from_pandas\(frame, target="):
        data.as_dataset(pd.DataFrame({"a": [1.0], "y": [0]}))


@pytest.mark.parametrize("order", [">", "<"])
def test_numbers_in_another_byte_order_are_numbers(order):
    d = data.TensorDataset(np.arange(3, dtype=f"{order}f4"), np.arange(3, dtype=f"{order}i8"))
    assert [part.tolist() for part in d[:]] == [[0, 1, 2], [0, 1, 2]]


@pytest.mark.parametrize("bad", [5, None, lambda: 1, "abc"])
def test_what_is_no_data_set_is_refused(bad):
    with pytest.raises(DataError, match="must be a data set"):
        data.as_dataset(bad)


def test_an_empty_data_set_is_refused():
    with pytest.raises(DataError, match="is empty"):
        data.as_dataset((np.zeros((0, 3)), np.zeros(0)))


def test_a_user_data_set_needs_only_length_and_item():
    class Squares(data.Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, i):
            return np.float32(i), i * i

    train, val = Squares().split(0.5)
    assert sorted(train[:][1].tolist() + val[:][1].tolist()) == [0, 1, 4, 9, 16, 25]


# ----- bundled data -----------------------------------------------------------------------


def test_digits_are_images_between_0_and_1():
    d = data.digits()
    assert d.inputs.shape == (1797, 1, 8, 8)
    assert d.inputs.dtype == np.float32
    assert (d.inputs.min(), d.inputs.max()) == (0, 1)
    assert d.classes == tuple("0123456789")
    assert sorted(set(d.targets)) == list(range(10))


@pytest.mark.parametrize(
    ("load", "n", "columns", "classes"),
    [(data.iris, 150, 4, 3), (data.wine, 178, 13, 3), (data.breast_cancer, 569, 30, 2)],
)
def test_tables_know_their_columns_and_classes(load, n, columns, classes):
    d = load()
    assert d.inputs.shape == (n, columns) == (len(d), len(d.features))
    assert len(d.classes) == classes == d.targets.max() + 1


def test_diabetes_targets_have_the_shape_a_linear_layer_gives():
    d = data.diabetes()
    assert d.inputs.shape == (442, 10)
    assert d.targets.shape == (442, 1)
    assert d.targets.dtype == np.float32


def test_a_missing_library_is_named_with_what_to_install(monkeypatch):
    from nbdl.data import optional
    from nbdl.errors import MissingError

    def absent(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name="sklearn")

    monkeypatch.setattr(optional.importlib, "import_module", absent)
    with pytest.raises(MissingError, match=r"scikit-learn.*\n.*pip install scikit-learn"):
        data.digits()


def test_labels_are_encoded_in_order():
    indices, names = data.encode_labels(["dog", "cat", "dog"])
    assert (indices.tolist(), names) == ([1, 0, 1], ("cat", "dog"))
    with pytest.raises(DataError, match="1 missing values; the first is 1"):
        data.encode_labels(np.array(["a", None], object))


def test_data_sets_one_after_the_other():
    a, b = data.iris(), data.iris().split(0.5)[0]
    both = data.ConcatDataset([a, b])
    assert len(both) == 225
    assert both.classes == a.classes
    np.testing.assert_array_equal(both[150][0].numpy(), b[0][0].numpy())
    np.testing.assert_array_equal(both[-1][0].numpy(), b[74][0].numpy())
    assert both.labels().shape == (225,)
    x = next(iter(data.DataLoader(both, 225)))[0]
    assert x.shape == (225, 4)
    with pytest.raises(IndexRangeError, match="sample 225 of a data set with 225"):
        both[225]
    with pytest.raises(DataError, match="at least one"):
        data.ConcatDataset([])
