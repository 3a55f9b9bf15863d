"""The OpenMP library is loaded once, with threads that do not spin for long."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nbdl.backends import openmp

needs_gomp = pytest.mark.skipif(openmp.library() is None, reason="there is no libgomp here")

PROGRAM = """
import os
from nbdl.backends import openmp
assert openmp.library() is openmp.library()
print(openmp.thread_count(), os.environ.get("GOMP_SPINCOUNT"))
"""


def run(**variables: str) -> list[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**kept, **variables}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return done.stdout.split()


@needs_gomp
def test_idle_threads_sleep_soon_unless_the_user_says_otherwise():
    assert run(OMP_NUM_THREADS="3") == ["3", "1000"]
    assert run(OMP_NUM_THREADS="1", GOMP_SPINCOUNT="77") == ["1", "77"]
    assert run(OMP_NUM_THREADS="1", OMP_WAIT_POLICY="passive") == ["1", "None"]


def test_without_the_library_there_is_one_thread(monkeypatch):
    monkeypatch.setattr(openmp, "library", lambda: None)
    assert openmp.thread_count() == 1
