"""The run store: several writers, damage, file systems, folders that cannot be written."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from nbdl.errors import ArgumentError, FileError
from nbdl.experiments import runs
from nbdl.training.archive import journal, schema
from nbdl.training.archive import store as stores
from nbdl.training.archive.database import BLOCK, Store
from nbdl.training.archive.recorder import Recorder, recorder
from nbdl.training.archive.store import open_store
from nbdl.training.settings import Settings
from nbdl.training.statistics.history import History


def rows(start, stop):
    steps = np.arange(start, stop, dtype=float)
    return ["step", "value"], np.stack((steps, steps**2), 1)


def fake_run(name="net", **values):
    run = SimpleNamespace(
        id=f"id-{name}", name=name, status="running", epoch=1, step=3, message="", finished=None,
        model=None, models=[], source=None, origin={}, config={"lr": 0.1, "loss": max},
        history=History(), settings=Settings.now(),
    )  # fmt: skip
    run.__dict__.update(values)
    return run


def test_numbers_come_back_as_they_were_nan_and_all(tmp_path):
    s = Store(tmp_path / "a" / "runs.sqlite")
    s.add_run("r1", "net", {"lr": 0.1})
    values = np.array([[1, np.nan], [2, np.inf], [3, 1e-300]])
    s.write("r1", {"loss": (["step", "value"], values)}, [(1.0, "note", "a \ud800 b")], status="x")
    s.close()
    s = Store(tmp_path / "a" / "runs.sqlite")
    np.testing.assert_array_equal(s.series("r1")["loss"][1], values)
    assert s.events("r1") == [(1.0, "note", "a ? b")]
    assert s.runs()[0]["status"] == "x"
    assert s.runs()[0]["metrics"] == {"loss": 1e-300}
    s.close()


def test_half_a_character_in_a_text_does_no_harm(tmp_path):
    store = Store(tmp_path / "runs.sqlite")
    store.add_run("r1", "a\ud800b", {"x": "\ud800"}, source="\udfff")
    rows = {"f\ud800": (["step", "value"], np.ones((2, 2)))}
    store.write("r1", rows, [(1.0, "note", "\ud800")], 0, message="\ud800")
    store.write("r1", rows)
    [row] = store.runs()
    assert (row["name"], row["message"]) == ("a?b", "?")
    assert [len(data) for _, data in store.series("r1").values()] == [4]
    store.close()


def test_rows_are_kept_in_blocks_however_they_come(tmp_path):
    s = Store(tmp_path / "runs.sqlite")
    s.add_run("r1", "net", {})
    done = 0
    for n in (1, 7, BLOCK, 3, 2 * BLOCK + 5, BLOCK - 16):
        s.write("r1", {"loss": rows(done, done + n)})
        done += n
    np.testing.assert_array_equal(s.series("r1")["loss"][1], rows(0, done)[1])
    count = s._db.execute("SELECT count(*), max(rows) FROM blocks").fetchone()
    assert count == (-(-done // BLOCK), BLOCK)
    s.close()


def test_wide_rows_have_fewer_to_a_block_and_can_be_cut(tmp_path):
    s = Store(tmp_path / "runs.sqlite")
    s.add_run("r1", "net", {})
    columns = ["step", *map(str, range(63))]
    data = np.arange(400.0)[:, None] + np.zeros(64)
    for start in range(0, 400, 50):
        s.write("r1", {"gradients": (columns, data[start : start + 50])})
    largest = s._db.execute("SELECT max(length(data)) FROM blocks").fetchone()[0]
    assert largest == BLOCK * 16, "what is written again at each visit stays small"
    assert s.truncate("r1", 200) == {"gradients": 201}
    s.close()
    s = Store(tmp_path / "runs.sqlite")
    s.write("r1", {"gradients": (columns, data[201:])})
    np.testing.assert_array_equal(s.series("r1")["gradients"][1], data)
    s.close()


def test_a_store_that_is_locked_when_it_is_opened_does_not_hold_up_a_training(tmp_path):
    open_store().close()
    stores.forget_stores()
    other = sqlite3.connect(".nbdl/runs.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    s, r = Store(".nbdl/runs.sqlite", timeout=0.05), Recorder()
    assert s.runs() == [], "reading goes on"
    run = fake_run()
    r.start(run, s)
    run.history.append(1, {"loss": 1})
    r.sync()
    other.execute("COMMIT")
    other.close()
    r.finish(run)
    assert len(s.series("id-net")["loss"][1]) == 1
    assert s.runs()[0]["status"] == "running"
    s.close()


def test_a_write_that_fails_leaves_nothing_and_can_be_done_again(tmp_path):
    s = Store(tmp_path / "runs.sqlite")
    s.add_run("r1", "net", {})
    s.write("r1", {"loss": rows(0, 5)})
    with pytest.raises(ValueError, match="no such columns"):
        s.write("r1", {"loss": rows(5, 9), "new": rows(0, 2)}, colour="red")
    assert list(s.series("r1")) == ["loss"]
    s.write("r1", {"loss": rows(5, 9), "new": rows(0, 2)})
    np.testing.assert_array_equal(s.series("r1")["loss"][1], rows(0, 9)[1])
    assert len(s.series("r1")["new"][1]) == 2
    s.close()


def test_several_processes_write_at_once(tmp_path):
    path = tmp_path / "runs.sqlite"
    code = (
        "import sys, numpy as np\n"
        "from nbdl.training.archive.database import Store\n"
        "s = Store(sys.argv[1]); me = sys.argv[2]; s.add_run(me, me, {})\n"
        "for i in range(30):\n"
        "    s.write(me, {'loss': (['step', 'value'], np.full((3, 2), i))})\n"
    )
    env = {**os.environ, "PYTHONPATH": str(_root())}
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(path), f"p{i}"], env=env)
        for i in range(3)
    ]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    s = Store(path)
    assert sorted(row["id"] for row in s.runs()) == ["p0", "p1", "p2"]
    assert all(len(s.series(f"p{i}")["loss"][1]) == 90 for i in range(3))
    s.close()


def _root():
    import nbdl

    return os.path.dirname(os.path.dirname(nbdl.__file__))


def test_a_file_that_is_no_store_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "runs.sqlite"
    path.write_bytes(b"this is a diary, not a data base" * 40)
    with pytest.raises(FileError, match=r"runs.sqlite cannot be used"):
        Store(path)
    assert path.read_bytes().startswith(b"this is a diary")


def test_a_store_of_a_newer_nbdl_is_refused(tmp_path):
    path = tmp_path / "runs.sqlite"
    Store(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(FileError, match="has version 99"):
        Store(path)


VERSION_1 = """
CREATE TABLE runs (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL, created REAL NOT NULL,
    finished REAL, epoch INTEGER, step INTEGER, message TEXT,
    config TEXT NOT NULL, model TEXT, source TEXT, environment TEXT,
    host TEXT, pid INTEGER, folder TEXT, seen REAL, tags TEXT, notes TEXT
);
CREATE INDEX runs_created ON runs(created);
CREATE TABLE series (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    name TEXT NOT NULL, columns TEXT NOT NULL, UNIQUE (run, name)
);
CREATE TABLE blocks (
    series INTEGER NOT NULL REFERENCES series(id) ON DELETE CASCADE,
    number INTEGER NOT NULL, rows INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (series, number)
) WITHOUT ROWID;
CREATE TABLE events (
    run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    number INTEGER NOT NULL, time REAL, kind TEXT, text TEXT, PRIMARY KEY (run, number)
) WITHOUT ROWID;
INSERT INTO runs VALUES ('bbbb', 'later', 'finished', 50.0, 51.0, 1, 4, 'done', '{"lr": 0.1}',
    'Linear(2, 2)', NULL, '{"python": "3.11"}', 'host', 1, '/tmp', 51.0, NULL, NULL);
INSERT INTO runs VALUES ('aaaa', 'clock set back', 'finished', 20.0, 21.0, 1, 4, NULL, '{}',
    NULL, NULL, NULL, 'host', 1, '/tmp', 21.0, NULL, NULL);
INSERT INTO series VALUES (1, 'bbbb', 'loss', '["step", "value"]');
INSERT INTO blocks VALUES (1, 0, 1, x'000000000000f03f000000000000e03f');
INSERT INTO events VALUES ('bbbb', 0, 50.0, 'note', 'hello');
PRAGMA user_version = 1;
"""
"""A file as the first version wrote it."""


def test_a_file_of_the_first_version_is_brought_to_this_one(tmp_path):
    path = tmp_path / "runs.sqlite"
    with sqlite3.connect(path) as db:
        db.executescript(VERSION_1)
    db.close()
    s = Store(path)
    assert [row["id"] for row in s.runs()] == ["bbbb", "aaaa"], "as they were entered"
    assert s.runs()[0]["metrics"] == {"loss": 0.5}
    assert s.series("bbbb")["loss"][1].tolist() == [[1, 0.5]]
    s.write("bbbb", {"loss": rows(2, 4)})
    assert s.series("bbbb")["loss"][1].tolist() == [[1, 0.5], [2, 4], [3, 9]]
    s.add_run("new", "new", {})
    assert [row["number"] for row in s.runs()] == [1, 2, 3]
    s.close()
    assert Store(path).runs()[-1]["id"] == "new"


def test_an_upgrade_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "runs.sqlite"
    with sqlite3.connect(path) as db:
        db.executescript(VERSION_1)
    db.close()

    def breaks(db):
        db.execute("ALTER TABLE runs ADD COLUMN number INTEGER")
        raise sqlite3.OperationalError("disk on fire")

    monkeypatch.setitem(schema.MIGRATIONS, 1, breaks)
    with pytest.raises(FileError, match="disk on fire"):
        Store(path)
    monkeypatch.undo()
    assert len(Store(path).runs()) == 2


def test_rows_after_a_step_are_forgotten_and_writing_goes_on(tmp_path):
    path = tmp_path / "runs.sqlite"
    s = Store(path)
    s.add_run("r1", "net", {})
    n = 2 * BLOCK + 10
    s.write("r1", {"loss": rows(0, n), "val": rows(n - 3, n)}, [(1.0, "note", "a")] * 3)
    assert s.truncate("r1", BLOCK + 4, events=1) == {"loss": BLOCK + 5}
    assert list(s.series("r1")) == ["loss"]
    assert s.runs()[0]["metrics"] == {"loss": (BLOCK + 4) ** 2}
    assert len(s.events("r1")) == 1
    s.close()
    s = Store(path)  # as after the kernel has died
    s.write("r1", {"loss": rows(BLOCK + 5, n), "val": rows(n - 3, n)})
    np.testing.assert_array_equal(s.series("r1")["loss"][1], rows(0, n)[1])
    assert s.truncate("r1", BLOCK - 1) == {"loss": BLOCK}
    s.write("r1", {"loss": rows(BLOCK, n)})
    np.testing.assert_array_equal(s.series("r1")["loss"][1], rows(0, n)[1])
    assert s.truncate("r1", np.inf, rows={"loss": 7}) == {"loss": 7}
    assert s.truncate("r1", -1) == {}
    assert s.runs()[0]["metrics"] == {}
    s.close()


def test_a_history_forgets_what_came_after_a_step():
    history = History()
    for step in range(100):
        history.append(step, {"loss": step})
    history.append(90, {"val_loss": 1})
    history.gradients.append(["w"], 50, [1], [1], [1])
    before = history["loss"]
    history.truncate(60)
    assert history.names() == ["loss"]
    assert history["loss"].tolist() == list(range(61))
    assert len(before) == 100
    assert len(history.gradients) == 1
    history.truncate(-1)
    history.append(1, {"loss": 5})
    assert history["loss"].tolist() == [5]
    assert len(history.gradients) == 0


def test_a_run_that_is_continued_replaces_what_came_after_its_checkpoint(tmp_path):
    s = Store(tmp_path / "runs.sqlite")
    first, r = fake_run(), Recorder()
    r.start(first, s)
    for step in range(10):
        first.history.append(step, {"loss": step})
    first.history.append(6, {"val_loss": 6})
    first.history.note("note", "killed afterwards")
    r.finish(first)
    again = fake_run(step=12)  # its checkpoint knows more steps than reached the store
    for step in range(13):
        again.history.append(step, {"loss": -step if step > 9 else step})
    r = Recorder()
    r.start(again, s)
    r.sync()
    again.history.append(13, {"loss": 13, "val_loss": 2})
    again.history.note("note", "resumed")
    r.finish(again)
    assert s.series("id-net")["loss"][1][:, 1].tolist() == [*range(10), -10, -11, -12, 13]
    assert s.series("id-net")["val_loss"][1].tolist() == [[13, 2]]
    assert [text for _, _, text in s.events("id-net")] == ["resumed"]
    assert len(s.runs()) == 1
    s.close()


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("ext4", "WAL"), ("nfs4", "DELETE"), ("fuse.sshfs", "DELETE"), ("9p", "DELETE")],
)
def test_the_journal_suits_the_file_system(tmp_path, kind, mode):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/a / ext3 rw 0 0\nhost:/x {tmp_path}/a\\040b {kind} rw 0 0\n")
    (tmp_path / "a b").mkdir()
    assert journal.file_system(tmp_path / "a b", str(mounts)) == kind
    assert journal.journal_mode(tmp_path / "a b", str(mounts)) == mode
    assert journal.file_system(tmp_path, str(mounts)) == "ext3"
    assert journal.file_system(tmp_path, str(tmp_path / "none")) == ""


def test_the_store_lies_in_the_working_directory_and_git_ignores_it(tmp_path):
    s = open_store()
    assert s.path == tmp_path / ".nbdl" / "runs.sqlite"
    assert open_store() is s
    assert (tmp_path / ".nbdl" / ".gitignore").read_text() == "*\n"
    assert s._db.execute("PRAGMA journal_mode").fetchone()[0] in ("wal", "delete")


def test_a_folder_that_cannot_be_written_is_said_and_the_users_taken(tmp_path):
    (tmp_path / ".nbdl").write_text("in the way")
    with pytest.warns(UserWarning, match=r"cannot be opened.*runs are kept in .*home"):
        s = open_store()
    assert s.path == tmp_path / "home" / "nbdl" / "runs.sqlite"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_store() is s  # said once


def test_no_folder_at_all_is_said_and_training_could_go_on(tmp_path):
    (tmp_path / ".nbdl").write_text("in the way")
    (tmp_path / "home").write_text("in the way too")
    with pytest.warns(UserWarning, match="runs are not kept"):
        assert open_store() is None
    assert list(runs()) == []


def test_the_recorder_writes_what_is_new_and_the_rest_at_the_end(tmp_path):
    s, r = Store(tmp_path / "runs.sqlite"), Recorder()
    run = fake_run()
    r.start(run, s)
    for step in range(10):
        run.history.append(step, {"loss": step})
    run.history.gradients.append(["a.weight"], 1, [1], [2], [3])
    r.sync()
    run.history.append(10, {"loss": 10, "val_loss": 1})
    run.history.note("note", "hello")
    run.status, run.finished = "finished", 5.0
    r.finish(run)
    assert len(s.series("id-net")["loss"][1]) == 11
    assert s.series("id-net")["gradients"][0] == [
        "step", "grad/a.weight", "weight/a.weight", "update/a.weight",
    ]  # fmt: skip
    assert s.runs()[0]["status"] == "finished"
    assert s.events("id-net")[0][1:] == ("note", "hello")
    s.close()


def test_a_store_locked_by_another_process_delays_and_loses_nothing(tmp_path):
    s, r = Store(tmp_path / "runs.sqlite", timeout=0.05), Recorder()
    run = fake_run()
    r.start(run, s)
    other = sqlite3.connect(tmp_path / "runs.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    run.history.append(1, {"loss": 1})
    r.sync()
    assert any("is locked by another program" in text for _, _, text in run.history.events)
    other.execute("COMMIT")
    other.close()
    r.finish(run)
    assert len(s.series("id-net")["loss"][1]) == 1
    s.close()


def test_runs_are_listed_newest_first_and_read_back():
    s = open_store()
    first, second = fake_run("lenet"), fake_run("mlp")
    for run in (first, second):
        recorder.start(run, s)
        run.history.append(3, {"loss": 0.5, "val_accuracy": 0.9})
        run.history.gradients.append(["w"], 3, [1], [2], [3])
        run.status, run.finished = "finished", 2e9
        recorder.finish(run)
    found = runs()
    assert [r.name for r in found] == ["mlp", "lenet"]
    assert found["lenet"].config == {"lr": 0.1, "loss": "max"}
    assert found["id-mlp"].metrics == {"loss": 0.5, "val_accuracy": 0.9}
    history = found[0].history()
    assert history["loss"].tolist() == [0.5]
    assert history.gradients.norms.tolist() == [[1]]
    assert "val_accuracy" in repr(found)
    assert [r.name for r in found.filter(model="lenet")] == ["lenet"]
    assert [r.name for r in found.head(1)] == ["mlp"]
    with pytest.raises(ArgumentError, match="unknown run 'lent'; did you mean 'lenet'"):
        found["lent"]


def test_a_list_of_runs_is_a_data_frame_and_a_table_of_text():
    s = open_store()
    run = fake_run("<img src=x onerror=alert(1)>")
    recorder.start(run, s)
    run.history.append(1, {"loss": 0.25})
    recorder.finish(run)
    frame = runs().to_pandas()
    assert frame.loc[0, "loss"] == 0.25
    assert frame.loc[0, "config.lr"] == 0.1
    assert "<img" not in runs()._repr_html_()
    assert "&lt;img" in runs()._repr_html_()
    assert len(runs()[:0].to_pandas()) == 0


def test_a_run_whose_process_is_gone_was_killed():
    s = open_store()
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    s.add_run("r1", "net", {})
    s._db.execute("UPDATE runs SET pid = ?, status = 'running'", (child.pid,))
    assert runs()[0].status == "killed"


def test_no_runs_yet(tmp_path):
    assert repr(runs()) == "no runs"
    assert not (tmp_path / ".nbdl").exists()
    assert len(runs(tmp_path)) == 0
    with pytest.raises(ArgumentError, match="there is no folder"):
        runs(tmp_path / "nowhere")


@pytest.mark.alone
def test_a_million_points_open_within_a_second(tmp_path):
    import time

    s = open_store()
    s.add_run("big", "big", {})
    s.write("big", {"loss": rows(0, 1_000_000)})
    start = time.perf_counter()
    history = runs()["big"].history()
    seconds = time.perf_counter() - start
    assert history.count("loss") == 1_000_000
    assert seconds < 1
