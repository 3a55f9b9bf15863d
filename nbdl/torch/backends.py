"""PyTorch's ``torch.backends``: switches that its programs set, with what they mean here."""

from __future__ import annotations

import os
from typing import Any

from threadpoolctl import threadpool_info, threadpool_limits


class _Cudnn:
    """``torch.backends.cudnn``: nbdl chooses its kernels itself, and uses none of cuDNN's.

    Setting ``deterministic`` or ``benchmark`` changes nothing; they are here so that the usual
    lines about reproducibility run.
    """

    deterministic = True
    benchmark = False
    enabled = True


cudnn = _Cudnn()


def compile(model: Any = None, **options: Any) -> Any:
    """The model (or function) as it is, so that the usual line runs: nothing is compiled here.

    Without a model a decorator, as PyTorch's.
    """
    return (lambda function: function) if model is None else model


def get_num_threads() -> int:
    """How many threads the libraries under NumPy compute with."""
    return max((pool["num_threads"] for pool in threadpool_info()), default=os.cpu_count() or 1)


def set_num_threads(threads: int) -> None:
    """Let the libraries under NumPy compute with so many threads."""
    threadpool_limits(int(threads))
