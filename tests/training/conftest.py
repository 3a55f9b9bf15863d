"""Training tests keep their runs in a folder of their own."""

from __future__ import annotations

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
