"""Forward passes of evaluation and prediction, compiled where there are enough of them."""

from __future__ import annotations

import time
import warnings
import weakref
from typing import Any

import numpy as np

from nbdl.core.tree import leaves
from nbdl.errors import MistakeWarning

WORTH = 1.0
"""Seconds of eager forward passes after which a model's next ones are compiled."""

_known: weakref.WeakKeyDictionary[Any, Inference] = weakref.WeakKeyDictionary()


class Inference:
    """The forward pass of one model, in evaluation mode and without gradients."""

    def __init__(self, model: Any) -> None:
        self.model = weakref.ref(model)
        self.seconds = 0.0
        self.compiled: Any = None

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """The model's outputs."""
        model = self.model()
        assert model is not None
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


def forward_of(model: Any) -> Inference:
    """The forward pass of ``model``: the same object whenever it is asked for."""
    found = _known.get(model)
    if found is None:
        found = _known[model] = Inference(model)
    return found
