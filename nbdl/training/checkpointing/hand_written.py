"""Loops of one's own: what of them is kept besides the run's own state, and whether a loop that
was left in the middle of its body has left a whole step."""

from __future__ import annotations

import random as python
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from nbdl.core.random import Generator
from nbdl.errors import ArgumentError, FileError, brief
from nbdl.training.checkpointing.state import Part

if TYPE_CHECKING:
    from nbdl.training.run import Run


class Chance:
    """All random numbers that a program may draw from without naming a generator: nbdl's (the one
    given), NumPy's and Python's."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator

    def now(self) -> tuple[Any, ...]:
        """Where they stand."""
        return self.generator.state(), np.random.get_state(), python.getstate()

    def put(self, then: tuple[Any, ...]) -> None:
        """Go on from where ``now()`` was taken."""
        own, numpy, pythons = then
        self.generator.restore(own)
        np.random.set_state(numpy)
        python.setstate(pythons)

    def state_dict(self) -> dict[str, Any]:
        """The same as a plain value."""
        own, numpy, (version, words, gauss) = self.now()
        words = np.array(words, np.uint32)
        return {"nbdl": own, "numpy": numpy, "python": [version, words, gauss]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        version, words, gauss = state["python"]
        try:
            self.put((state["nbdl"], state["numpy"], (version, tuple(map(int, words)), gauss)))
        except ValueError as error:
            raise FileError(f"the state of the random numbers makes no sense: {error}") from None


class Numbers:
    """A ``numpy.random.Generator`` as a part of a run."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator

    def state_dict(self) -> dict[str, Any]:
        """Where it stands."""
        return dict(self.generator.bit_generator.state)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        try:
            self.generator.bit_generator.state = state
        except ValueError as error:
            raise FileError(f"the state of a generator makes no sense: {error}") from None


def as_parts(state: Any) -> dict[str, Part]:
    """What ``state=`` of ``nbdl.track`` stands for: parts by name. ArgumentError for what keeps no
    state."""
    if state is None:
        return {}
    if not isinstance(state, Mapping):
        raise ArgumentError(
            f"state must be a dict of what the loop changes, got {brief(state)}",
            hint="state={'scheduler': scheduler}",
        )
    return {f"state/{name}": _as_part(str(name), thing) for name, thing in state.items()}


def _as_part(name: str, thing: Any) -> Any:
    if isinstance(thing, np.random.Generator):
        return Numbers(thing)
    if callable(getattr(thing, "state_dict", None)) and hasattr(thing, "load_state_dict"):
        return thing
    raise ArgumentError(
        f"state[{name!r}] is {brief(thing)}, which has no state_dict and load_state_dict",
        hint="a scheduler, a GradScaler, a module, a numpy.random.Generator, or an object of yours "
        "with both methods",
    )


class Body:
    """The body of a loop, and how things were before it.

    Args:
        run: whose loop it is.
        chance: the random numbers that it may draw from.
    """

    def __init__(self, run: Run, chance: Chance) -> None:
        self.run, self.chance = run, chance
        self.parameters = [p for model in run.models for p in model.parameters()]
        self.buffers = [b for model in run.models for b in model.buffers()]
        self._then: tuple[Any, ...] = ()
        self.is_under_way = False

    def begins(self) -> None:
        """The next step is the body's."""
        self._then, self.is_under_way = self._now(), True

    def moved(self) -> bool | None:
        """Whether the parameters have been updated since: by all optimizers, or by none; None if
        by some, so that half a step is done."""
        pairs = zip(self._updates(), self._then[0], strict=True)
        found = {now != before for now, before in pairs}
        return found.pop() if len(found) == 1 else None

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Inside the block all that no optimizer changes is as it was."""
        now = self._now()
        self._put(self._then)
        try:
            yield
        finally:
            self._put(now)

    def _now(self) -> tuple[Any, ...]:
        buffers = [buffer.value for buffer in self.buffers]
        gradients = [p.grad for p in self.parameters]
        held = [] if self.run.optimizers else [p.value for p in self.parameters]
        return self._updates(), buffers, gradients, self.chance.now(), held

    def _put(self, then: tuple[Any, ...]) -> None:
        _, buffers, gradients, random, _ = then
        for buffer, value in zip(self.buffers, buffers, strict=True):
            buffer.value = value
        for p, gradient in zip(self.parameters, gradients, strict=True):
            p.grad = gradient
        self.chance.put(random)

    def _updates(self) -> list[Any]:
        """For each optimizer how often it has changed its parameters, all together. Without one,
        which arrays the parameters are: a value is never changed in place (they are held, for the
        next one may else lie where it lay)."""
        optimizers = self.run.optimizers
        if not optimizers:
            return [[id(p.value) for p in self.parameters]]
        return [sum([each["step"] for each in o.state.values()]) for o in optimizers]
