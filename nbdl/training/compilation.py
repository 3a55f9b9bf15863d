"""When and how a step of supervised training is compiled.

Compiling takes up to some seconds; it is done where the training is long enough to gain by it. The
first compiled step is made twice, eagerly and compiled, from the same state on the same batch:
only if both give the same, but for rounding, the training goes on compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from nbdl.core.random import default_generator
from nbdl.core.tensor import Tensor
from nbdl.core.tree import leaves, map_tensors
from nbdl.errors import ArgumentError, BackendError, TraceError, brief
from nbdl.optim import Optimizer
from nbdl.training.aborting import Abort, Aborted

START, EACH = 0.05, 0.02
"""Seconds that compiling takes at least, and for each layer."""

EAGER_EACH, EAGER_NUMBER = 5e-5, 4e-9
"""Seconds of an eager step for each layer and each parameter, a small batch taken for granted.

Not measured in the training at hand: which way its steps go, and so the last digit of its losses,
must not depend on what else the machine has to do.
"""

Accept = Callable[[Any, dict[str, float]], None]


class Step(Protocol):
    """A step that can be compiled.

    Attributes:
        model, optimizer: what it trains, and by which rule.
        abort: ends a step half-way.
    """

    model: Any
    optimizer: Any
    abort: Abort

    @property
    def uncompilable(self) -> str:
        """Why it cannot be compiled at all, or an empty text."""

    @property
    def ingredients(self) -> list[Any] | None:
        """The objects of which it is made: a step of the same ones may take over what was
        compiled for this one. None: it never may."""

    @property
    def named(self) -> Sequence[tuple[str, Any]]:
        """(path, parameter) of those that are trained."""

    @property
    def compute(self) -> Callable[..., dict[str, Any]]:
        """A function of the batch's parts and ``keep_gradients``: ``loss`` and ``outputs``, and
        ``gradients`` if they are to be kept; leaves gradients in the parameters."""

    def update(self) -> None:
        """Let the optimizer make its step."""

    def check_targets(self, outputs: Any, batch: tuple[Any, ...]) -> None:
        """Raise for targets that do not fit the compiled ``outputs``, whose ``spec`` is known
        where they are a tensor."""


class _Kept:
    """A compiled step that the model keeps from one training to the next.

    A copy of the model begins without: what is compiled belongs to the model's own tensors.
    """

    def __init__(self, compiled: Any = None, ingredients: Sequence[Any] = ()) -> None:
        self.compiled, self.ingredients = compiled, ingredients

    def __reduce__(self) -> Any:
        return _Kept, ()

    def step_for(self, ingredients: Sequence[Any] | None) -> Any:
        """The compiled step, if these are the same objects in the same order.

        Random draws come from the generator of one training: a step with some is not kept.
        """
        mine = self.ingredients
        if self.compiled is None or ingredients is None or len(mine) != len(ingredients):
            return None
        same = all(a is b for a, b in zip(mine, ingredients, strict=True))
        return self.compiled if same and not self.compiled.draws else None


class Compilation:
    """Compiles a step, or finds that it cannot be.

    Args:
        step: what is compiled.
        wanted: True: from the second step on; False: never; None: if the training is long enough.
        total: how many steps there will be, or None.
        note: called with a sentence about what was decided.
        ready: called with a function that gives the Report, once the step is compiled.

    Attributes:
        compiled: the compiled step, or None.

    Raises ArgumentError for another ``wanted``.
    """

    def __init__(
        self, step: Step, wanted: bool | None = None,
        total: Callable[[], int | None] = lambda: None,
        note: Callable[[str], None] = lambda _: None,
        ready: Callable[[Callable[[], Any] | None], None] = lambda _: None,
    ) -> None:  # fmt: skip
        if wanted not in (None, True, False):
            raise ArgumentError(
                f"compile must be True, False or None (where it pays), got {brief(wanted)}"
            )
        self.step, self.wanted, self.total, self.note = step, wanted, total, note
        self.ready = ready
        self.compiled: Any = None
        self._batch: tuple[Any, ...] = ()
        self._whole = True
        if wanted is not False and step.uncompilable:
            self.wanted = False
            if wanted:
                self.give_up(step.uncompilable)
        self._number = 0
        self._since: int | None = None

    def wants(self, number: int) -> bool:
        """Whether step ``number``, from 1, is to be compiled.

        The first never is: mistakes are looked for in it, with the values at hand.
        """
        self._number = number
        if number == 1:
            return False
        if self.wanted is None:
            self.wanted = self._pays(number)
        return self.wanted

    def _pays(self, number: int) -> bool:
        """Whether the rest of the training takes longer, as it is, than compiling."""
        rest = max(0, (self.total() or 0) - number)
        layers = sum(1 for _ in self.step.model.modules())
        numbers = sum(p.size for _, p in self.step.named)
        return rest * (EAGER_EACH * layers + EAGER_NUMBER * numbers) >= START + EACH * layers

    def _before(self) -> Any:
        """The compiled step of an earlier training, if it serves this one, too."""
        kept = vars(self.step.model).get("_compiled_before")
        return None if kept is None else kept.step_for(self.step.ingredients)

    def state_dict(self) -> dict[str, Any]:
        """What was decided, so that later steps take the same path."""
        return {"wanted": self.wanted, "whole": self._whole, "since": self._since}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the path on which ``state_dict()`` was taken: compiled from the next step on, or
        never, or decided when it would have been."""
        self.wanted, self._whole = state["wanted"], state["whole"]
        self._since = state["since"]

    def give_up(self, why: str) -> None:
        """Go on eagerly, and say why, once."""
        self.wanted, self.compiled = False, None
        self.ready(None)
        self.note(f"the training goes on uncompiled: {why}")

    def _tell(self, seconds: float) -> None:
        """Say that this step was compiled."""
        if self._since is None:
            self._since = self._number
            how = f"in {seconds:.2f} s" if seconds else "as in the training before"
            self.note(f"compiled from step {self._number} on, {how}")
        else:
            self.note(f"compiled once more at step {self._number}, in {seconds:.2f} s")

    def __call__(
        self, batch: tuple[Any, ...], accept: Accept
    ) -> tuple[Any, dict[str, float]] | None:
        """A compiled step: its results, and the sums of squares of the gradients.

        None: this batch must be done eagerly. ``batch`` are the arguments of the step's
        ``compute``. ``accept`` raises for what must not be learned.
        """
        from nbdl import compiler  # noqa: PLC0415 - short trainings do without

        tensors = list(leaves(batch))
        if any(type(t.value) is not np.ndarray for t in tensors):
            self.give_up("its data is not on the CPU")
            return None
        self._batch = batch
        arrays = [t.value for t in tensors]
        try:
            if self.compiled is None:
                self.compiled = self._before() or self._make(compiler.CompiledStep)
                self.compiled.function = self._traced
            before = self.compiled.seconds
            executable, is_new = self.compiled.executable(arrays)
            self.step.check_targets(executable.program.results["outputs"], batch)
            if is_new and not self._agrees(batch, arrays):
                return None
            if is_new or self._since is None:
                self.ready(lambda: compiler.report(executable))
                self._tell(self.compiled.seconds - before)
            self.step.abort.stop = self.compiled.stop
            self.step.abort.check()
            results, executable = self.compiled.run(executable, arrays, accept)
            return results, executable.squares()
        except compiler.Stopped:
            raise Aborted from None
        except compiler.Refused:
            return None
        except compiler.RuleError as error:
            self._update_alone(error.message)
            return self(batch, accept)
        except (TraceError, BackendError) as error:
            self.give_up(error.message)
            return None

    def _update_alone(self, why: str) -> None:
        """Compile the gradients only, and say why."""
        self._whole, self.compiled = False, None
        self.note(f"the optimizer's part of the step is not compiled: {why}")

    def _make(self, make: Any) -> Any:
        """The compiled step, not traced yet; it stays with the model for the next training."""
        step = self.step
        tensors = dict(step.model.named_parameters()) | dict(step.model.named_buffers())
        made = make(self._traced, tensors, step.model.modules())
        if step.ingredients is not None:
            vars(step.model)["_compiled_before"] = _Kept(made, step.ingredients)
        return made

    @property
    def is_whole(self) -> bool:
        """Whether the update is compiled, too: an optimizer with a ``step`` of its own does it
        eagerly, with the gradients of the compiled part."""
        own = getattr(self.step.optimizer.step, "__func__", None) is not Optimizer.step
        return self._whole and not own

    def _traced(self, *tensors: Tensor) -> Any:
        """The step on traced tensors in the places of the batch's."""
        given = iter(tensors)
        batch = map_tensors(lambda _: next(given), self._batch)
        results = self.step.compute(*batch, keep_gradients=not self.is_whole)
        if self.is_whole:
            self.step.update()
        return results

    # ----- the first step ---------------------------------------------------------------------

    def _agrees(self, batch: tuple[Any, ...], arrays: list[np.ndarray]) -> bool:
        """Whether a compiled step does what an eager one does; all state is as before."""
        from nbdl import compiler  # noqa: PLC0415 - short trainings do without

        start = self._state()
        try:
            eager = self._eager(batch)
            self._restore(start)
            found = self._measured(self.compiled(arrays))
            executable, _ = self.compiled.executable(arrays)
            terms = compiler.longest_sum(executable.program.graph)
            compiler.compare(found, eager, terms)
        except compiler.MismatchError as error:
            self._restore(start)
            node = _first_difference(executable, arrays)
            self.give_up(error.message + (f"; it begins with {node}" if node else ""))
            return False
        except compiler.Refused:
            return False
        finally:
            self._restore(start)
        return True

    def _eager(self, batch: tuple[Any, ...]) -> dict[str, np.ndarray]:
        results = self.step.compute(*batch, keep_gradients=not self.is_whole)
        if self.is_whole:
            self.step.update()
        return self._measured(map_tensors(lambda t: t.value, results))

    def _measured(self, results: Any) -> dict[str, np.ndarray]:
        """What is compared: the loss, gradients or the optimizer's state, and buffers."""
        found = {"loss": np.array(results["loss"])}
        for name, g in results.get("gradients", {}).items():
            found[f"gradient of {name}"] = np.array(g)
        if self.is_whole:
            state = self.step.optimizer.state
            for name, p in self.step.named:
                for key, value in state.get(p, {}).items():
                    if isinstance(value, np.ndarray):
                        found[f"{key} of {name}"] = value.copy()
        for name, b in self.step.model.named_buffers():
            found[f"buffer {name}"] = b.value.copy()
        return found

    def _state(self) -> list[Any]:
        """All that a step changes."""
        model, slots = self.step.model, self.step.optimizer.state
        tensors = [(t, t.value) for t in (*model.parameters(), *model.buffers())]
        kept = {p: {k: _copy(v) for k, v in s.items()} for p, s in slots.items()}
        return [tensors, kept, default_generator().state()]

    def _restore(self, state: list[Any]) -> None:
        tensors, kept, draws = state
        for t, value in tensors:
            t.value, t.grad = value, None
        slots = self.step.optimizer.state
        for p in list(slots):
            if p in kept:
                slots[p].update({k: _copy(v) for k, v in kept[p].items()})
            else:
                del slots[p]
        default_generator().restore(draws)


def _first_difference(executable: Any, arrays: list[np.ndarray]) -> str | None:
    """Where compiled and eager code part, if that can be found: the training goes on anyway."""
    from nbdl import compiler  # noqa: PLC0415 - short trainings do without

    try:
        return compiler.first_difference(executable, arrays)
    except Exception:  # the search runs each operation alone, which not every one can
        return None


def _copy(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value

