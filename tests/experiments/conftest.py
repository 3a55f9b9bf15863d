"""Runs to look at, in a folder of each test's own."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nbdl.training import active_runs
from nbdl.training.archive import store as stores


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A working directory and a home of its own for each test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    yield
    for run in active_runs():  # only where a test has failed
        run.stop()
        run.join(10)
    stores.forget_stores()


@pytest.fixture
def enter():
    """Enters a finished run in the working directory's store: ``enter("lenet", loss=[2, 1])``."""

    def enter(name, *, status="finished", config=None, id=None, **series):
        store = stores.open_store()
        id = id or f"{len(store.runs()) + len(store.runs(deleted=True)):04x}"
        store.add_run(
            id, name, config or {}, status=status, created=1e9, finished=1e9 + 5,
            source=f"%%model net\n{name}", environment=json.dumps({"python": "3.11"}),
        )  # fmt: skip
        rows = {
            key: (["step", "value"], np.stack((np.arange(1, len(v) + 1), np.asarray(v, float)), 1))
            for key, v in series.items()
        }
        store.write(id, rows, [(1e9, "note", f"about {name}")], 0, status=status, step=3)
        return id

    return enter
