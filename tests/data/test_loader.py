"""DataLoader: order, position, threads, collation, errors."""

from __future__ import annotations

import threading
import time
from collections import namedtuple

import numpy as np
import pytest

from nbdl import Tensor, data
from nbdl.errors import ArgumentError, DataError, DeviceError, DtypeError

X = np.arange(20, dtype=np.float32).reshape(10, 2)
Y = np.arange(10)


def targets(loader) -> list[list[int]]:
    return [y.tolist() for _, y in loader]


class Numbers(data.Dataset):
    """Samples (i, i) that count in which thread they were read."""

    def __init__(self, n=10):
        self.n, self.threads = n, set()

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        self.threads.add(threading.current_thread().name)
        return np.float32(i), i


def test_batches_cover_the_data_in_order_with_a_smaller_last_one():
    loader = data.DataLoader((X, Y), batch_size=4)
    assert len(loader) == 3
    assert targets(loader) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_drop_last_leaves_the_small_batch_out():
    loader = data.DataLoader((X, Y), batch_size=4, drop_last=True)
    assert len(loader) == 2
    assert targets(loader) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_shuffle_is_new_each_epoch_complete_and_repeatable():
    a = data.DataLoader((X, Y), batch_size=5, shuffle=True, seed=3)
    first, second = targets(a), targets(a)
    assert sorted(b for batch in first for b in batch) == list(range(10))
    assert first != second
    b = data.DataLoader((X, Y), batch_size=5, shuffle=True, seed=3)
    assert [targets(b), targets(b)] == [first, second]
    c = data.DataLoader((X, Y), batch_size=5, shuffle=True, seed=4)
    assert targets(c) != first


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_threads_change_nothing_in_what_is_read(workers):
    d = Numbers(37).map(lambda x: x + data.sample_rng().random(dtype=np.float32))
    loader = data.DataLoader(d, batch_size=5, shuffle=True, num_workers=workers, seed=1)
    got = [(x.tolist(), y.tolist()) for _ in range(2) for x, y in loader]
    again = data.DataLoader(d, batch_size=5, shuffle=True, num_workers=0, seed=1)
    assert got == [(x.tolist(), y.tolist()) for _ in range(2) for x, y in again]
    assert got[0][0] != got[8][0]  # another epoch, other chances


def test_reading_ahead_happens_in_another_thread_and_arrays_need_none():
    d = Numbers()
    list(data.DataLoader(d, batch_size=4))
    assert d.threads
    assert not any(name == threading.current_thread().name for name in d.threads)
    assert data.DataLoader((X, Y)).num_workers == 0


def test_batches_are_read_while_the_loop_is_busy_with_one():
    ahead = threading.Event()

    class Telling(Numbers):
        def __getitem__(self, i):
            if i == 2:
                ahead.set()
            return super().__getitem__(i)

    reader = iter(data.DataLoader(Telling(), batch_size=1))
    next(reader)
    assert ahead.wait(30)  # the loop has asked for sample 0 only
    reader.close()


def test_the_position_can_be_kept_and_gone_back_to():
    def loader():
        return data.DataLoader((X, Y), batch_size=3, shuffle=True, seed=7)

    whole = loader()
    epochs = [targets(whole), targets(whole)]
    a = loader()
    targets(a)
    reader = iter(a)
    next(reader), next(reader)
    state = a.state_dict()
    b = loader()
    b.load_state_dict(state)
    assert targets(b) == epochs[1][2:]
    assert targets(b) == targets(whole)


@pytest.mark.parametrize("workers", [0, 2])
def test_going_on_in_the_middle_reads_nothing_before_and_repeats_random_transforms(workers):
    class Counted(Numbers):
        def __init__(self):
            super().__init__(20)
            self.read = []

        def __getitem__(self, i):
            self.read.append(i)
            return np.float32(i) + data.sample_rng().random(dtype=np.float32), i

    whole = data.DataLoader(Counted(), 3, shuffle=True, seed=5, num_workers=workers)
    list(whole)
    expected = [(x.tolist(), y.tolist()) for x, y in whole]
    dataset = Counted()
    later = data.DataLoader(dataset, 3, shuffle=True, seed=0, num_workers=workers)
    later.load_state_dict({"epoch": 1, "position": 4, "seed": 5})
    assert [(x.tolist(), y.tolist()) for x, y in later] == expected[4:]
    assert sorted(dataset.read) == sorted(i for _, y in expected[4:] for i in y)


def test_prefetched_batches_are_not_counted_as_read():
    a = data.DataLoader(Numbers(), batch_size=2, num_workers=2)
    reader = iter(a)
    next(reader)
    assert a.state_dict()["position"] == 1
    reader.close()


def test_leaving_an_epoch_early_starts_a_new_one():
    a = data.DataLoader((X, Y), batch_size=5, shuffle=True)
    first = next(iter(a))[1].tolist()
    rest = targets(a)
    assert len(rest) == 2
    assert a.epoch == 2
    b = data.DataLoader((X, Y), batch_size=5, shuffle=True)
    assert first == targets(b)[0]
    assert rest == targets(b)


def test_a_batch_larger_than_the_data_is_one_batch_and_a_warning():
    with pytest.warns(UserWarning, match="batch_size=64 is larger than the data set"):
        loader = data.DataLoader((X, Y), batch_size=64)
    assert targets(loader) == [list(range(10))]
    with pytest.raises(DataError, match="leaves no batch"):
        data.DataLoader((X, Y), batch_size=64, drop_last=True)


def test_an_empty_data_set_is_refused():
    with pytest.raises(DataError, match="is empty"):
        data.DataLoader((X[:0], Y[:0]))


@pytest.mark.parametrize("size", [0, -1, 2.5, True, "8"])
def test_a_nonsense_batch_size_is_refused(size):
    with pytest.raises(ArgumentError, match="batch_size must be a whole number"):
        data.DataLoader((X, Y), batch_size=size)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"seed": None}, ArgumentError, "seed must be a whole number, got None"),
        ({"seed": "a"}, ArgumentError, "seed must be a whole number, got 'a'"),
        ({"num_workers": -1}, ArgumentError, "num_workers must be a whole number of at least 0"),
        ({"prefetch_factor": 0}, ArgumentError, "prefetch_factor must be a whole number"),
        ({"collate_fn": 3}, ArgumentError, "collate_fn must be a function, got 3"),
        ({"device": "gpu"}, DeviceError, "unknown device 'gpu'"),
        ({"dtype": "flot"}, DtypeError, "unknown dtype 'flot'"),
    ],
)
def test_nonsense_options_are_refused_at_once(options, error, words):
    with pytest.raises(error, match=words):
        data.DataLoader((X, Y), 2, **options)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_in_a_sample_is_raised_in_the_reader_with_its_number(workers):
    class Broken(Numbers):
        def __getitem__(self, i):
            if i == 7:
                raise OSError("disk on fire")
            return super().__getitem__(i)

    reader = iter(data.DataLoader(Broken(), batch_size=2, num_workers=workers))
    for _ in range(3):
        next(reader)
    with pytest.raises(DataError, match=r"sample 7 of .*disk on fire") as caught:
        next(reader)
    assert isinstance(caught.value.__cause__, OSError)


def test_threads_end_when_the_reader_is_left():
    reader = iter(data.DataLoader(Numbers(1000), batch_size=1, num_workers=2))
    next(reader)
    reader.close()
    deadline = time.monotonic() + 5
    while any(t.name.startswith("nbdl-data") for t in threading.enumerate()):
        assert time.monotonic() < deadline, "a reading thread stayed behind"
        time.sleep(0.01)


# ----- collation --------------------------------------------------------------------------


def test_collate_takes_arrays_numbers_strings_tuples_and_dicts():
    Pair = namedtuple("Pair", "a b")
    samples = [
        {"x": np.full(2, i, np.float32), "n": i, "f": i / 2, "ok": i > 0, "s": f"t{i}",
         "pair": Pair(i, (Tensor(np.ones(1, np.float32)),))}
        for i in range(3)
    ]  # fmt: skip
    batch = data.collate(samples)
    assert batch["x"].shape == (3, 2)
    assert [batch[k].dtype.name for k in ("n", "f", "ok")] == ["int64", "float32", "bool"]
    assert batch["s"] == ["t0", "t1", "t2"]
    assert isinstance(batch["pair"], Pair)
    assert batch["pair"].b[0].shape == (3, 1)
    assert data.batch_length(batch) == 3


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ([np.zeros(2), np.zeros(3)], r"sample 0 has \(2,\), sample 1 has \(3,\)"),
        ([(1, 2), (1,)], "differ in their parts: sample 0 has 2, sample 1 has 1"),
        ([{"a": 1}, {"b": 1}], "differ in their keys"),
        ([(1, 2), 3], "differ in kind"),
        ([None, None], "sample is None"),
        ([object()], "a object, which cannot be batched"),
        ([(1, np.array(["a"], object))], r"sample\[1\] is a ndarray, which cannot be batched"),
    ],
)
def test_collate_names_what_does_not_fit(samples, words):
    with pytest.raises(DataError, match=words):
        data.collate(samples)


def test_a_batch_that_cannot_be_collated_names_its_samples():
    class Ragged(Numbers):
        def __getitem__(self, i):
            return np.zeros(i)

    with pytest.raises(DataError, match="differ in shape") as caught:
        list(data.DataLoader(Ragged(), batch_size=4))
    assert caught.value.__notes__ == ["in the batch of samples 0, 1, 2, 3"]


def test_a_collate_function_of_ones_own_and_padding():
    d = [np.arange(n) for n in (1, 3, 2)]
    [batch] = data.DataLoader(d, batch_size=3, collate_fn=data.pad_sequences)
    assert batch.tolist() == [[0, 0, 0], [0, 1, 2], [0, 1, 0]]


# ----- streams ----------------------------------------------------------------------------


class Stream(data.IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return ((np.float32(i), i) for i in range(self.n))


def test_a_stream_is_batched_again_each_epoch():
    loader = data.DataLoader(Stream(5), batch_size=2)
    assert targets(loader) == targets(loader) == [[0, 1], [2, 3], [4]]
    with pytest.raises(TypeError, match="not known"):
        len(loader)


def test_a_stream_cannot_be_shuffled_nor_be_empty():
    with pytest.raises(ArgumentError, match="numbered samples"):
        data.DataLoader(Stream(5), shuffle=True)
    with pytest.raises(DataError, match="no samples"):
        list(data.DataLoader(Stream(0)))
