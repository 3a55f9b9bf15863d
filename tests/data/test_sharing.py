"""Streams read by several workers: shares, turns, going on exactly."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

import nbdl
from nbdl import data
from nbdl.data.sharing import shares
from nbdl.errors import ArgumentError, DataError

KINDS = [pytest.param(False, id="threads"), pytest.param(True, id="processes")]


@data.stream
def shared():
    """15 numbers, every n-th of them by a worker, with a memory of what was drawn before."""
    info = data.get_worker_info()
    drawn = 0.0
    for i in range(info.id if info else 0, 15, info.num_workers if info else 1):
        drawn += float(data.sample_rng().random())
        yield np.float32(drawn), i


@data.stream
def whole():
    for i in range(11):
        yield np.float32(i), i


def read(loader):
    return [(x.tolist(), y.tolist()) for x, y in loader]


@pytest.mark.parametrize("processes", KINDS)
def test_a_stream_that_asks_is_shared_and_batches_come_in_turn(processes):
    if processes:
        pytest.importorskip("cloudpickle")
    loader = data.DataLoader(shared, 2, num_workers=2, processes=processes)
    # 8 samples of worker 0 and 7 of worker 1
    expected = [[0, 2], [1, 3], [4, 6], [5, 7], [8, 10], [9, 11], [12, 14], [13]]
    first = read(loader)
    assert [y for _, y in first] == expected
    assert [x for x, _ in read(loader)] != [x for x, _ in first]  # another epoch, other chances
    alone = read(data.DataLoader(shared, 2, num_workers=0))
    assert [y for _, y in alone][:2] == [[0, 1], [2, 3]]


@pytest.mark.parametrize("transform", [None, lambda x: x + data.sample_rng().random()])
@pytest.mark.parametrize("workers", [2, 3, 4])
def test_a_shared_stream_goes_on_exactly_where_it_was_left(workers, transform):
    def make():
        @data.stream
        def uneven():  # the workers end after 2, 7, 4, 1 batches
            info = data.get_worker_info()
            drawn = 0.0
            for i in range([3, 13, 8, 1][info.id]):
                drawn += float(data.sample_rng().random())
                yield np.float32(drawn), 100 * info.id + i

        stream = uneven if transform is None else uneven.map(transform)
        return data.DataLoader(stream, 2, num_workers=workers, seed=3)

    loader, states, batches = make(), [], []
    for x, y in loader:
        batches.append((x.tolist(), y.tolist()))
        states.append(json.loads(json.dumps(loader.state_dict())))
    for position, state in enumerate(states, 1):
        again = make()
        again.load_state_dict(state)
        assert read(again) == batches[position:]
    for position in (1, 4, 6):  # a run keeps the place of its step; the loader had read on
        again = make()
        again.load_state_dict({**states[-1], "epoch": 0, "position": position})
        assert read(again) == batches[position:]
        assert read(again)[0][1] == batches[0][1]  # and the next epoch begins with all


def test_a_stream_that_does_not_ask_gives_the_batches_of_one_worker():
    made = []

    def note(x):
        made.append(float(x))
        return x

    one = read(data.DataLoader(whole.map(note), 2, num_workers=1))
    count = len(made)
    assert read(data.DataLoader(whole.map(note), 2, num_workers=3)) == one
    # The transform was called for each sample once, and three times for the first, to see
    # whether the stream asks.
    assert len(made) - count == count + 3


def test_what_a_transform_or_collate_function_asks_shares_nothing():
    def own(x):
        return x + 0 * data.get_worker_info().id

    def collate(samples):
        assert data.get_worker_info().num_workers == 2
        return data.collate(samples)

    loader = data.DataLoader(whole.map(own), 2, num_workers=2, collate_fn=collate)
    assert [y for _, y in read(loader)] == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10]]


def test_arrow_rows_are_dealt_out_whole():
    arrow = pytest.importorskip("pyarrow")
    table = arrow.table({"a": np.arange(7.0), "b": np.arange(7)})
    one, three = (data.DataLoader(data.arrow(table, "b"), 2, num_workers=n) for n in (1, 3))
    assert read(three) == read(one)


def test_the_first_batch_is_that_of_the_first_worker():
    loader = data.DataLoader(shared, 2, num_workers=2)
    assert loader.first()[1].tolist() == [0, 2]
    assert data.get_worker_info() is None
    assert next(iter(loader))[1].tolist() == [0, 2]


def test_who_reads_is_told_in_processes_only_of_numbered_samples():
    pytest.importorskip("cloudpickle")

    def ask(x):
        info = data.get_worker_info()
        assert info.dataset is not None
        assert os.getpid() != here
        return np.array([info.id, info.num_workers, info.seed])

    here = os.getpid()
    rows = data.TensorDataset(np.zeros((6, 1)), np.zeros(6))
    loader = data.DataLoader(rows.map(ask), 1, num_workers=2, processes=True, seed=5)
    seen = {tuple(x[0].tolist()) for x, _ in loader}
    assert seen <= {(0, 2, 5), (1, 2, 6)}
    threads = data.DataLoader(rows.map(lambda x: data.get_worker_info() is None), 6, num_workers=2)
    assert [x.tolist() for x, _ in threads] == [[True] * 6]


def test_late_questions_other_workers_and_nothing_at_all_are_told():
    @data.stream
    def late():
        yield np.float32(0), 0
        data.get_worker_info()
        yield np.float32(1), 1

    with pytest.raises(DataError, match="only after the first sample"):
        read(data.DataLoader(late, 1, num_workers=2))
    loader = data.DataLoader(shared, 2, num_workers=2)
    loader.load_state_dict({"epoch": 0, "position": 2, "seed": 0})
    with pytest.raises(DataError, match="by another number of workers than 2"):
        read(loader)
    with pytest.raises(DataError, match="gave no samples"):
        read(data.DataLoader(data.stream(tuple), 2, num_workers=2))


def test_one_share_may_be_empty():
    @data.stream
    def lonely():
        info = data.get_worker_info()
        if info.id == 1:
            yield np.float32(7), 7

    assert read(data.DataLoader(lonely, 2, num_workers=3)) == [([7.0], [7])]


def test_turns_and_counts_after_some_batches():
    ended = [(2, 2), (6, 0)]  # worker 2 had nothing; worker 0 ended after three batches
    assert [(s.worker, s.own) for s in shares(3, 0, [])] == [(0, 0), (1, 0), (2, 0)]
    assert [(s.worker, s.own) for s in shares(3, 3, ended)] == [(1, 1), (0, 2)]
    assert [(s.worker, s.own) for s in shares(3, 7, ended)] == [(1, 4)]
    assert [(s.worker, s.own) for s in shares(3, 4, None)] == [(1, None), (2, None), (0, None)]


# ----- chains -------------------------------------------------------------------------------------


def chances(n, name):
    class Chances(data.IterableDataset):
        def __len__(self):
            return n

        def __iter__(self):
            for i in range(n):
                yield data.sample_rng().random(dtype=np.float32), f"{name}{i}"

    return Chances()


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_streams_after_each_other_go_on_anywhere(workers):
    @data.stream
    def unknown():
        drawn = np.float32(0)
        for i in range(4):
            drawn += data.sample_rng().random(dtype=np.float32)
            yield drawn, f"u{i}"

    chain = chances(3, "a") + unknown + chances(3, "b").shuffle(2)
    rows = [(x.tolist(), y) for x, y in data.DataLoader(chain, 2, num_workers=0, seed=1)]
    names = [name for _, y in rows for name in y]
    assert names[:7] == ["a0", "a1", "a2", "u0", "u1", "u2", "u3"]
    assert sorted(names[7:]) == ["b0", "b1", "b2"]
    for start in range(6):
        loader = data.DataLoader(chain, 2, num_workers=workers)
        loader.load_state_dict({"epoch": 0, "position": start, "seed": 1})
        assert [(x.tolist(), y) for x, y in loader] == rows[start:]


def test_a_chain_has_a_length_where_all_its_streams_have():
    assert len(data.ChainDataset([chances(3, "a"), chances(2, "b")])) == 5
    assert len(data.DataLoader(chances(3, "a") + chances(2, "b"), 2)) == 3
    chain = data.ChainDataset([chances(3, "a"), whole])
    with pytest.raises(TypeError):
        len(chain)
    with pytest.raises(TypeError):
        len(data.DataLoader(chain, 2))
    parts = [x.tolist() for x, _ in data.DataLoader(chances(3, "a") + chances(3, "a"), 3)]
    assert parts[0] != parts[1]  # no two parts draw alike


# ----- the loader's other options ---------------------------------------------------------------


def test_no_batch_size_gives_samples_as_they_are():
    rows = data.TensorDataset(np.arange(6.0).reshape(3, 2), np.arange(3))
    loader = data.DataLoader(rows, None)
    assert len(loader) == 3
    assert [x.shape for x, _ in loader] == [(2,)] * 3
    doubled = data.DataLoader(rows, None, collate_fn=lambda sample: 2 * sample[0])
    assert [x.tolist() for x in doubled] == [[0, 2], [4, 6], [8, 10]]


def test_a_seed_can_be_drawn_from_a_generator():
    def order(seed):
        generator = nbdl.Generator(seed)
        rows = data.TensorDataset(np.arange(20))
        return [x.tolist() for (x,) in data.DataLoader(rows, 20, True, generator=generator)]

    assert order(1) == order(1) != order(2)


@pytest.mark.parametrize("processes", KINDS)
def test_a_batch_that_does_not_come_in_time_is_an_error(processes):
    if processes:
        pytest.importorskip("cloudpickle")

    def hang(x):
        import threading

        threading.Event().wait(0.5)
        return x

    rows = data.TensorDataset(np.zeros(1), np.zeros(1)).map(hang)
    loader = data.DataLoader(rows, 1, num_workers=1, processes=processes, timeout=0.05)
    with pytest.raises(DataError, match=r"no batch of .* came within 0\.05 s"):
        next(iter(loader))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: data.ChainDataset([]), ArgumentError, "at least one stream"),
        (lambda: data.ChainDataset([3]), ArgumentError, "takes streams, got 3"),
        (lambda: data.DataLoader(whole, timeout=-1), ArgumentError, "timeout must be"),
        (lambda: data.DataLoader(whole, generator=4), ArgumentError, "generator must be"),
        (lambda: data.DataLoader(whole, None, drop_last=True), ArgumentError, "drop_last"),
        (lambda: data.DataLoader(whole, None, collate_fn=4), ArgumentError, "collate_fn must"),
        (lambda: data.StackDataset(), ArgumentError, "in order or by name"),
        (lambda: data.StackDataset(np.ones(2), np.ones(3)), DataError, "part 0 2, part 1 3"),
        (lambda: data.random_split(np.ones(4), [1, 2]), DataError, "add up to 3"),
    ],
)
def test_nonsense_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


# ----- combining --------------------------------------------------------------------------------


def test_data_sets_side_by_side_and_after_each_other():
    images, texts = np.arange(6.0).reshape(3, 2), ["a", "b", "c"]
    stacked = data.StackDataset(image=images, text=texts)
    assert len(stacked) == 3
    batch = next(iter(data.DataLoader(stacked, 3)))
    assert batch["image"].shape == (3, 2)
    assert batch["text"] == texts
    pairs = data.StackDataset(images, data.TensorDataset(np.arange(3), np.arange(3)))
    x, (a, b) = pairs[1]
    assert x.tolist() == [2, 3]
    assert int(a) == int(b) == 1
    rows = data.TensorDataset(images, np.arange(3))
    both = rows + rows
    assert isinstance(both, data.ConcatDataset)
    assert len(both) == 6


def test_random_split_deals_out_all_by_counts_or_shares():
    rows = data.TensorDataset(np.arange(10))
    a, b = data.random_split(rows, [7, 3], nbdl.Generator(0))
    c, d, e = data.random_split(rows, [0.5, 0.25, 0.25], nbdl.Generator(0))
    assert (len(a), len(b), len(c), len(d), len(e)) == (7, 3, 6, 2, 2)
    assert sorted([*a.indices, *b.indices]) == sorted([*c.indices, *d.indices, *e.indices])
    assert data.random_split(rows, [7, 3], nbdl.Generator(0))[1].indices.tolist() == (
        b.indices.tolist()
    )
