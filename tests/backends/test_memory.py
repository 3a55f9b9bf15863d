"""Memory that a step frees is there for the next one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import resource
import nbdl
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
x = nbdl.ones((1024, 700))
def step():
    y = x * 2.0
    return y * y + x
for _ in range(5):
    step()
before = faults()
for _ in range(50):
    step()
print(faults() - before)
"""


def page_faults(**variables: str) -> int:
    names = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
    env = {k: v for k, v in os.environ.items() if k not in names} | variables
    command = [sys.executable, "-c", SCRIPT]
    return int(subprocess.run(command, env=env, capture_output=True, check=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc is Linux's")
def test_steps_reuse_their_memory_unless_told_otherwise() -> None:
    pages = 50 * 3 * 1024 * 700 * 4 // 4096
    assert page_faults() < pages / 20
    assert page_faults(MALLOC_MMAP_THRESHOLD_="65536") > pages / 2
