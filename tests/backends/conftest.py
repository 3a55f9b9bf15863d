"""A GPU that is pretended."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from nbdl import backends
from nbdl.backends import cuda
from tests.backends.pretend import Array, Cupy, Cupyx, Special


@pytest.fixture
def gpu(monkeypatch):
    """A machine that seems to have CuPy and one GPU."""
    cupy = Cupy()
    monkeypatch.setattr(cuda, "load", lambda index: cupy)
    real = importlib.import_module
    modules = {"cupyx": Cupyx, "cupyx.scipy.special": Special()}
    monkeypatch.setattr(
        cuda.importlib, "import_module", lambda name: modules.get(name) or real(name)
    )
    monkeypatch.setattr(backends, "NAMESPACES", {np.ndarray: np, Array: cupy})
    return cupy
