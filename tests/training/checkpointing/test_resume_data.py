"""Resuming in the middle of an epoch, whatever the batches come from."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import data, nn
from nbdl.training import Callback

N, STEP = 60, 8


@data.stream
def numbers():
    rng = np.random.default_rng(0)
    for i in range(N):
        yield rng.normal(size=4).astype(np.float32), i % 3


@data.stream
def shares():
    info = data.get_worker_info()
    rng = np.random.default_rng(info.id)
    for i in range(25 if info.id else 35):  # 3 and 4 batches of 10: the first goes on alone
        noise = data.sample_rng().normal(size=4)
        yield (rng.normal(size=4) + noise).astype(np.float32), i % 3


class Noisy(data.Dataset):
    """Samples that are different in every epoch."""

    def __len__(self):
        return N

    def __getitem__(self, i):
        return data.sample_rng().normal(i % 3, 1, 4).astype(np.float32), i % 3


def parquet(folder):
    arrow = pytest.importorskip("pyarrow")
    writer = pytest.importorskip("pyarrow.parquet")
    x = np.random.default_rng(0).normal(size=(N, 2))
    table = arrow.table({"a": x[:, 0], "b": x[:, 1], "y": np.arange(N) % 3})
    writer.write_table(table, folder / "x.parquet", row_group_size=9)
    return data.parquet(folder / "x.parquet", "y", shuffle=True, buffer_size=20)


SOURCES = {
    "a stream": lambda _: numbers.shuffle(25),
    "random transforms": lambda _: Noisy(),
    "processes": lambda _: data.DataLoader(
        Noisy(), 10, shuffle=True, num_workers=2, processes=True
    ),
    "a stream in a process": lambda _: data.DataLoader(numbers, 10, processes=True),
    "a stream dealt out": lambda _: data.DataLoader(numbers.shuffle(25), 10, num_workers=3),
    "a stream shared": lambda _: data.DataLoader(shares, 10, num_workers=2),
    "a stream shared by processes": lambda _: data.DataLoader(
        shares, 10, num_workers=2, processes=True
    ),
    "classes drawn equally": lambda _: data.DataLoader(
        Noisy(), 10, sampler=data.WeightedRandomSampler(np.arange(N))
    ),
    "row groups": parquet,
}


class StopAt(Callback):
    def on_step_end(self, run):
        if run.step == STEP:
            run.stop()


def train(given, columns, **options):
    nbdl.manual_seed(3)
    net = nn.Sequential(nn.Linear(columns, 8), nn.Dropout(0.3), nn.Linear(8, 3))
    batch = None if isinstance(given, data.DataLoader) else 10
    common = {"batch_size": batch, "progress": False, "loss": "cross_entropy", "epochs": 2}
    return nbdl.train(net, given, **(options if "resume" in options else common | options))


@pytest.mark.parametrize("source", SOURCES)
def test_losses_are_those_of_a_run_never_stopped(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    columns = 2 if source == "row groups" else 4
    whole = train(SOURCES[source](tmp_path), columns, store=False)
    first = train(SOURCES[source](tmp_path), columns, callbacks=StopAt())
    assert (first.status, first.step) == ("stopped", STEP)
    again = train(SOURCES[source](tmp_path), columns, resume=True)
    assert (again.status, again.step) == ("finished", whole.step)
    np.testing.assert_array_equal(again.history["loss"], whole.history["loss"])
