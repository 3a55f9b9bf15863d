"""Processes that read for a loader: the same batches, errors, deaths, nothing left behind."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import namedtuple

import numpy as np
import pytest

from nbdl import data
from nbdl.errors import ArgumentError, DataError

pytest.importorskip("cloudpickle")

Pair = namedtuple("Pair", "x y")


class Numbers(data.Dataset):
    """Samples (i + chance, i), each with the process that read it."""

    def __init__(self, n=12, size=4):
        self.n, self.size = n, size

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        chance = data.sample_rng().random(dtype=np.float32)
        return {"x": np.full(self.size, i + chance, np.float32), "y": i, "pid": os.getpid()}


def loader(dataset, batch_size=2, **options):
    return data.DataLoader(dataset, batch_size, num_workers=2, processes=True, **options)


def rows(batches):
    return [(b["x"].numpy().tolist(), b["y"].tolist()) for b in batches]


def gone(pid: int, seconds: float = 5) -> bool:
    """Whether a process ends within some time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat") as stat:
                if stat.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_processes_read_what_threads_read_and_end_with_the_loop():
    options = {"shuffle": True, "seed": 3}
    there = list(loader(Numbers(), **options))
    here = list(data.DataLoader(Numbers(), 2, num_workers=2, **options))
    assert rows(there) == rows(here)
    pids = {int(pid) for batch in there for pid in batch["pid"].tolist()}
    assert os.getpid() not in pids
    assert all(gone(pid) for pid in pids)


def test_large_batches_come_through_shared_memory_and_stay_as_they_are_while_held():
    big = Numbers(16, size=100_000)
    batches = list(loader(big, shuffle=True))  # more than may be lent at once: the rest is copied
    assert rows(batches) == rows(data.DataLoader(big, 2, shuffle=True, num_workers=0))


def test_a_batch_is_lent_without_a_copy_and_its_memory_is_used_again():
    made = loader(Numbers(40, size=100_000), persistent_workers=True)
    reader = iter(made)
    x = next(reader)["x"].numpy()
    kept = x.copy()
    shared = [s.bytes(1) for w in made._workers.workers for s in w.segments if s._memory]
    inside = [abs(x.ctypes.data - part.ctypes.data) < 1 << 20 for part in shared]
    assert any(inside)
    for batch in reader:
        del batch
    assert (x == kept).all()  # held all the while, and never written over
    gc.collect()
    free = sum(len(worker.free) for worker in made._workers.workers)
    del x, reader
    gc.collect()
    assert sum(len(worker.free) for worker in made._workers.workers) > free


def test_an_epoch_is_entered_in_the_middle():
    whole = rows(data.DataLoader(Numbers(), 2, shuffle=True, seed=1))
    entered = loader(Numbers(), shuffle=True, seed=1)
    entered.load_state_dict({"epoch": 0, "position": 4, "seed": 1})
    assert rows(entered) == whole[4:]


def test_what_a_cell_defines_travels_along():
    scope = {"data": data, "np": np, "namedtuple": namedtuple, "__name__": "__main__"}
    exec(
        textwrap.dedent("""
        Sample = namedtuple("Sample", "x y")
        factor = 3

        class Squares(data.Dataset):
            def __len__(self): return 6
            def __getitem__(self, i): return Sample(np.full(2, factor * i), i)
        """),
        scope,
    )
    batches = list(loader(scope["Squares"]()))
    assert all(isinstance(batch, scope["Sample"]) for batch in batches)
    assert [batch.x[:, 0].tolist() for batch in batches] == [[0, 3], [6, 9], [12, 15]]


class Broken(Numbers):
    def __getitem__(self, i):
        if i == 7:
            raise OSError("disk on fire")
        return super().__getitem__(i)


def test_an_error_is_told_with_sample_line_and_traceback():
    reader = iter(loader(Broken()))
    for _ in range(3):
        next(reader)
    with pytest.raises(DataError, match=r"sample 7 of Broken.*disk on fire") as caught:
        next(reader)
    cause = caught.value.__cause__
    assert isinstance(cause, OSError)
    assert 'raise OSError("disk on fire")' in caught.value.__notes__[0]
    assert "in __getitem__" in cause.__notes__[0]
    assert "loader process" in cause.__notes__[0]


class Stubborn(Exception):
    """An error that pickles but cannot be made again."""

    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


def test_an_error_that_cannot_travel_is_told_in_words():
    def hurt(x):
        raise Stubborn("this", threading.Lock())

    with pytest.raises(DataError, match="Stubborn: this and <unlocked"):
        list(loader(data.TensorDataset(np.zeros((4, 2))).map(hurt)))


def kill_at_5(x):
    if x[0] == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_process_is_an_error_at_its_turn_and_no_hang():
    x = np.arange(12, dtype=np.float32)[:, None]
    reader = iter(loader(data.TensorDataset(x).map(kill_at_5)))
    assert next(reader)[0].shape == (2, 1)
    assert next(reader)[0].shape == (2, 1)
    began = time.monotonic()
    with pytest.raises(DataError, match=r"was killed by SIGKILL while reading samples 4, 5") as e:
        next(reader)
    assert time.monotonic() - began < 60  # it ends at all
    assert "memory" in e.value.hint


def leave(x):
    os._exit(3)


def test_a_process_that_leaves_is_an_error():
    with pytest.raises(DataError, match="ended with exit code 3 while reading samples 0, 1"):
        list(loader(data.TensorDataset(np.zeros((4, 2))).map(leave)))


def test_what_cannot_be_sent_is_named():
    numbers = Numbers()
    numbers.lock = threading.Lock()
    with pytest.raises(DataError, match=r"\.lock of Numbers\(12 samples\) cannot be sent") as e:
        list(loader(numbers))
    assert "processes=False" in e.value.hint


class Unopened:
    """Its contents cannot be read in another process."""

    def __reduce__(self):
        return (_refuse, ())


def _refuse():
    raise FileNotFoundError("only here")


def test_a_data_set_that_does_not_open_there_is_an_error():
    numbers = Numbers()
    numbers.rest = Unopened()
    with pytest.raises(DataError, match="only here"):
        list(loader(numbers))


def hang(x):
    if x[0] >= 4:
        time.sleep(1000)
    return x


def test_leaving_early_ends_processes_that_are_busy():
    x = np.arange(12, dtype=np.float32)[:, None]
    made = loader(data.TensorDataset(x).map(hang), persistent_workers=True)
    reader = iter(made)
    next(reader)
    pids = [worker.process.pid for worker in made._workers.workers]
    reader.close()
    del made, reader
    gc.collect()
    assert all(gone(pid) for pid in pids)


def test_persistent_processes_read_every_epoch():
    made = loader(Numbers(), persistent_workers=True, shuffle=True)
    epochs = [list(made) for _ in range(2)]
    pids = [{int(p) for b in epoch for p in b["pid"].tolist()} for epoch in epochs]
    assert len(pids[0] | pids[1]) <= 2
    again = data.DataLoader(Numbers(), 2, shuffle=True)
    assert [rows(e) for e in epochs] == [rows(again), rows(again)]
    made.load_state_dict({"epoch": 0, "position": 0, "seed": 5})
    again = data.DataLoader(Numbers(), 2, shuffle=True, seed=5)
    assert rows(made) == rows(again)
    workers = [worker.process.pid for worker in made._workers.workers]
    del made
    gc.collect()
    assert all(gone(pid) for pid in workers)


def test_worker_init_fn_is_called_with_the_number_first():
    def begin(number):
        os.environ["NBDL_TEST_NUMBER"] = str(number)

    def read(x):
        return np.float32(os.environ["NBDL_TEST_NUMBER"])

    made = data.DataLoader(
        data.TensorDataset(np.zeros((4, 2))).map(read), 2,
        num_workers=1, processes=True, worker_init_fn=begin,
    )  # fmt: skip
    assert [b.tolist() for (b,) in made] == [[0, 0], [0, 0]]
    with pytest.raises(ArgumentError, match="worker_init_fn must be a function"):
        data.DataLoader(Numbers(), worker_init_fn=3)


def test_a_stream_is_read_by_one_process_from_any_place():
    @data.stream
    def numbers():
        for i in range(9):
            yield np.float32(i) + data.sample_rng().random(dtype=np.float32), i

    here = [x.tolist() for x, _ in data.DataLoader(numbers, 2)]
    there = loader(numbers)
    assert [x.tolist() for x, _ in there] == here
    there.load_state_dict({"epoch": 0, "position": 2, "seed": 0})
    assert [x.tolist() for x, _ in there] == here[2:]


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks into /proc")
def test_no_process_outlives_a_killed_parent():
    program = """
        import numpy as np, os, sys, time
        from nbdl import data

        class Slow(data.Dataset):
            def __len__(self): return 100
            def __getitem__(self, i):
                if i > 3: time.sleep(1000)
                return np.zeros(100_000, np.float32), os.getpid()

        made = data.DataLoader(Slow(), 1, num_workers=2, processes=True, persistent_workers=True)
        reader = iter(made)
        next(reader)
        print(*[w.process.pid for w in made._workers.workers], flush=True)
        time.sleep(1000)
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE
    )
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert all(gone(pid) for pid in pids)


def test_a_program_needs_no_main_guard_and_runs_once(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent("""
        import numpy as np
        from nbdl import data

        print("begun", flush=True)

        class Squares(data.Dataset):
            def __len__(self): return 4
            def __getitem__(self, i): return np.float32(i * i)

        loader = data.DataLoader(Squares(), 2, num_workers=2, processes=True)
        print([x.tolist() for x in loader])
    """)
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines() == ["begun", "[[0.0, 1.0], [4.0, 9.0]]"], done.stderr


def test_where_memory_has_no_name_nor_reserve_batches_come_through_deleted_files(monkeypatch):
    """As on macOS, which has neither memfd_create nor posix_fallocate."""

    def begin(number):
        for name in ("memfd_create", "posix_fallocate"):
            if hasattr(os, name):
                delattr(os, name)

    for name in ("memfd_create", "posix_fallocate"):
        monkeypatch.delattr(os, name, raising=False)
    big = Numbers(8, size=100_000)
    there = rows(loader(big, shuffle=True, worker_init_fn=begin))
    assert there == rows(data.DataLoader(big, 2, shuffle=True, num_workers=0))
