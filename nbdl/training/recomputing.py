"""Layers whose activations are not kept: computed again when their gradient needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nbdl.autograd import checkpoint
from nbdl.core import modes
from nbdl.training.patterns import matching


class Recomputing:
    """Chooses layers by patterns of their names, and checkpoints them in forward passes.

    T. Chen and others, "Training Deep Nets with Sublinear Memory Cost", 2016 (arXiv 1604.06174).
    Of layers inside each other the outermost counts. Raises ArgumentError for a pattern that fits
    no layer.
    """

    def __init__(self, model: Any, patterns: tuple[str, ...]) -> None:
        named = {name: layer for name, layer in model.named_modules() if name}
        found: dict[str, Any] = {}
        for pattern in patterns:
            for name in matching("checkpoint_layers", pattern, named):
                if not any(name.startswith(f"{outer}.") for outer in found):
                    found[name] = named[name]
        self.names, self.layers = list(found), list(found.values())

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """A block for the forward pass."""
        for layer in self.layers:
            layer.__dict__["forward"] = _checkpointed(layer, layer.forward)
        try:
            yield
        finally:
            for layer in self.layers:
                del layer.__dict__["forward"]


def _checkpointed(layer: Any, forward: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return checkpoint(_Twice(layer, forward), *args, **kwargs)

    return call


class _Twice:
    """A layer's forward pass; the second one counts no batch again, and has the first's dtypes."""

    def __init__(self, layer: Any, forward: Callable[..., Any]) -> None:
        self.layer, self.forward = layer, forward
        self.again = False
        self.cast = modes.local.state.cast

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.again:
            self.again = True
            return self.forward(*args, **kwargs)
        state = modes.local.state
        kept, cast = [(b, b.value) for b in self.layer.buffers()], state.cast
        state.cast = self.cast
        try:
            return self.forward(*args, **kwargs)
        finally:
            state.cast = cast
            for buffer, value in kept:
                buffer.value = value
