"""Forward passes of evaluation and prediction, compiled where there are enough of them."""

from __future__ import annotations

import functools
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from nbdl.core.tree import leaves
from nbdl.errors import MistakeWarning

WORTH = 1.0
"""Seconds of eager forward passes after which a model's next ones are compiled."""


class Inference:
    """The forward pass of the model that keeps it, in evaluation mode and without gradients.

    A copy of the model begins with a new one: what is compiled belongs to the model's own tensors.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.compiled: Any = None

    def __reduce__(self) -> Any:
        return Inference, ()

    def run(self, model: Any, *inputs: Any, **named: Any) -> Any:
        """The model's outputs."""
        on_cpu = all(type(t.value) is np.ndarray for t in leaves((inputs, named)))
        if self.seconds < WORTH or not on_cpu:
            return self._eager(model, inputs, named)
        if self.compiled is None:
            from nbdl.compiler import compile  # noqa: PLC0415 - small data does without

            self.compiled = compile(model)
        with warnings.catch_warnings():  # it works all the same, only slower
            warnings.simplefilter("ignore", MistakeWarning)
            return self.compiled(*inputs, **named)

    def _eager(self, model: Any, inputs: Any, named: Any) -> Any:
        begun = time.perf_counter()
        outputs = model(*inputs, **named)
        self.seconds += time.perf_counter() - begun
        return outputs


def forward_of(model: Any) -> Callable[..., Any]:
    """The forward pass of ``model``, called like it; what is compiled is kept with the model."""
    found = vars(model).get("_inference")
    if found is None:
        found = vars(model)["_inference"] = Inference()
    return functools.partial(found.run, model)
