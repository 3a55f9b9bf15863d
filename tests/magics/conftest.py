"""One kernel for all tests of the magics; each test finds it as it was at the beginning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.magics.kernel import Kernel

BEGIN = """
%reset -f
import os
import numpy as np
import nbdl
from nbdl import data, nn
[(run.stop(), run.join(10)) for run in nbdl.training.active_runs()]
nbdl.training.archive.store.forget_stores()
os.chdir({place!r})
train, val = data.digits().split(0.8)
x, y = val[:32]
"""

LENET = """
%%model lenet --input 1,8,8 --quiet
Sequential(Flatten(), Linear(None, 16), ReLU(), Linear(16, 10))
""".strip()
"""A small model of digits."""


@pytest.fixture(scope="session")
def shared_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """The kernel, with the extension loaded."""
    kernel = Kernel(tmp_path_factory.mktemp("kernel"))
    cell = kernel.run("%load_ext nbdl")
    assert cell.status == "ok", cell.said
    yield kernel
    kernel.close()


@pytest.fixture
def kernel(shared_kernel: Kernel, tmp_path: Path) -> Kernel:
    """The kernel with digits in ``train`` and ``val``, a batch in ``x`` and ``y``."""
    cell = shared_kernel.run(BEGIN.format(place=str(tmp_path)))
    assert cell.status == "ok", cell.said
    return shared_kernel


@pytest.fixture
def lenet(kernel: Kernel) -> Kernel:
    """The kernel with a small model, ``lenet``."""
    cell = kernel.run(LENET)
    assert cell.status == "ok", cell.said
    return kernel
