"""A step that is compiled for each signature of its arguments that it meets."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from nbdl.compiler.executable import Accept, Executable, Stale
from nbdl.compiler.layers import Layers
from nbdl.compiler.program import Tracer
from nbdl.core.tensor import Tensor
from nbdl.errors import BackendError, TraceError
from nbdl.shapes import Spec

MAX_SIGNATURES = 8
"""Shapes, or states of the rule, for which a step is compiled before it stays eager."""


@contextmanager
def _no_collections() -> Iterator[None]:
    """Python's garbage collector rests: it would go through the growing graph again and again."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class CompiledStep:
    """A function of tensors and its state, traced once for each signature.

    Args:
        function: called with tensors; returns tensors in any nesting; it may call backward and
            let an optimizer make its step.
        tensors: parameters and buffers by name: what it reads and changes.
        modules: layers, on whose attributes and modes a trace depends.
        memory_budget: bytes that the arena should keep to; activations are then computed again.

    Attributes:
        seconds: spent on compiling so far.
    """

    def __init__(
        self, function: Callable[..., Any], tensors: Mapping[str, Tensor],
        modules: Iterable[Any] = (), memory_budget: int | None = None,
    ) -> None:  # fmt: skip
        self.memory_budget = memory_budget
        self.function, self.tensors = function, tensors
        self.layers = Layers(modules)
        self._listed = list(tensors.values())
        self.seconds = 0.0
        self._known: dict[Hashable, Executable] = {}
        self._traces = 0

    def executable(self, arguments: Sequence[np.ndarray]) -> tuple[Executable, bool]:
        """What runs on such arguments, and whether it is new.

        Raises TraceError for what cannot be compiled, whatever the reason, or when there are too
        many signatures.
        """
        trained = tuple([t.requires_grad for t in self._listed])
        signature = self.layers.key(), trained, *[(a.shape, a.dtype) for a in arguments]
        found = self._known.get(signature)
        if found is not None:
            return found, False
        if self._traces >= MAX_SIGNATURES:
            raise TraceError(
                f"the step was compiled for {MAX_SIGNATURES} different shapes or states, and here "
                f"is another one: {', '.join(str(list(a.shape)) for a in arguments)}",
                hint="batches of one size: drop_last=True, or padding to a few lengths",
            )
        self._traces += 1
        begun = time.perf_counter()
        found = self._known[signature] = self._compiled([Spec(a.shape, a.dtype) for a in arguments])
        self.seconds += time.perf_counter() - begun
        return found, True

    def _compiled(self, specs: list[Spec]) -> Executable:
        try:
            with self.layers, _no_collections():
                program = Tracer(self.tensors).trace(self.function, specs)
                return Executable(program, self.memory_budget)
        except (TraceError, BackendError):
            raise
        except Exception as error:  # an eager call tells whether it is a mistake of the function's
            raise TraceError(
                f"compiling it met {type(error).__name__}: {getattr(error, 'message', error)}",
                hint=getattr(error, "hint", None),
            ) from error

    @property
    def draws(self) -> bool:
        """Whether random numbers are drawn in it."""
        return any(e.program.draws for e in self._known.values())

    def stop(self) -> None:
        """Let a run that is under way in another thread end before it changes any state."""
        for executable in tuple(self._known.values()):
            executable.plan.stop()

    def forget(self, executable: Executable) -> None:
        """Do not use it any more: it is stale."""
        self._known = {k: v for k, v in self._known.items() if v is not executable}

    def __call__(self, arguments: Sequence[np.ndarray], accept: Accept | None = None) -> Any:
        """Run on these arrays; traces first where that is needed.

        Raises what ``executable`` and a run of it raise, but Stale.
        """
        return self.run(self.executable(arguments)[0], arguments, accept)[0]

    def run(
        self, executable: Executable, arguments: Sequence[np.ndarray], accept: Accept | None = None
    ) -> tuple[Any, Executable]:
        """Run what ``executable`` found on these arrays: the results, and what gave them, which
        is another one if it was stale."""
        while True:
            try:
                return executable(list(arguments), accept), executable
            except Stale:
                self.forget(executable)
                executable, _ = self.executable(arguments)
