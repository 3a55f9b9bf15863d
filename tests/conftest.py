"""What holds for all tests: judges and GPU tests skip visibly where they cannot run."""

from __future__ import annotations

import importlib.util

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by where they lie, and skip those whose outside partner is missing."""
    missing_judge = None if importlib.util.find_spec("torch") else "torch is not installed here"
    missing_gpu: str | bool | None = False
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)
        if item.get_closest_marker("judge") and missing_judge:
            item.add_marker(pytest.mark.skip(reason=missing_judge))
        if item.get_closest_marker("gpu"):
            missing_gpu = why_no_gpu() if missing_gpu is False else missing_gpu
            if missing_gpu:
                item.add_marker(pytest.mark.skip(reason=missing_gpu))


def why_no_gpu() -> str | None:
    """None if a CUDA GPU can be used, else the reason it cannot."""
    if importlib.util.find_spec("cupy") is None:
        return "CuPy is not installed here"
    import cupy

    return None if cupy.cuda.is_available() else "no CUDA GPU was found"
