"""``nbdl.compile``: a function or a model that is traced once and replayed."""

from __future__ import annotations

import functools
import inspect
import threading
import warnings
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import numpy as np

from nbdl.compiler.executable import Executable, Refused
from nbdl.compiler.report import Report, report
from nbdl.compiler.step import CompiledStep
from nbdl.compiler.verify import MismatchError, compare, longest_sum
from nbdl.core import modes
from nbdl.core.lifted import Lifted
from nbdl.core.tensor import Tensor
from nbdl.core.tree import copied, map_tensors
from nbdl.errors import ArgumentError, BackendError, MistakeWarning, TraceError


def compile(
    function: Any = None, *, verify: bool = True, memory_budget: int | None = None
) -> Any:
    """A function or model that does the same faster: traced once for each shape, then replayed.

    ``fast = nbdl.compile(model)`` predicts; a whole training step is compiled as a function::

        @nbdl.compile
        def step(x, y):
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

    Models, optimizers and tensors are found in the function's closure and globals, and in the
    attributes of the object that it is a method of. Arguments may be tensors and NumPy arrays in
    any nesting; everything else is part of what is compiled. Where something cannot be compiled,
    the call is made as before, and one warning says why.

    Gradients do not flow out of a compiled function: call ``backward`` inside. Under recorded
    gradients a function whose result would need them is called as it is.

    Args:
        function: what to compile; left out, a decorator.
        verify: make the first call of each shape twice, compiled and as it is, and compare.
        memory_budget: bytes that intermediate results should keep to: those that are needed
            again much later are then computed twice.

    Raises ArgumentError for what cannot be called.
    """
    if function is None:
        return lambda f: compile(f, verify=verify, memory_budget=memory_budget)
    if not callable(function):
        raise ArgumentError(
            f"compile takes a function or a model, got {type(function).__name__}",
            hint="nbdl.compile(model), or @nbdl.compile over a function of tensors",
        )
    if memory_budget is not None and not memory_budget > 0:
        raise ArgumentError(f"memory_budget must be a number of bytes, got {memory_budget!r}")
    return CompiledFunction(function, verify, memory_budget)


class CompiledFunction:
    """What ``nbdl.compile`` gives: called like the function.

    Attributes:
        function: the original.
    """

    def __init__(
        self, function: Callable[..., Any], verify: bool = True, memory_budget: int | None = None
    ) -> None:
        self.function, self.verify, self.memory_budget = function, verify, memory_budget
        functools.update_wrapper(self, function, updated=())
        self._steps: dict[Hashable, CompiledStep] = {}
        self._off = False
        self._owners: list[Any] | None = None
        self._last: Executable | None = None
        self._lock = threading.Lock()  # of the plans' memory

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        arrays: list[np.ndarray] = []
        form = _taken(arrays, (args, tuple(sorted(kwargs.items()))))
        if self._off or any(type(a) is not np.ndarray for a in arrays):
            return self.function(*args, **kwargs)
        try:
            found, ok = self._run(form, arrays, args, kwargs)
        except (TraceError, BackendError) as error:
            found = self.function(*args, **kwargs)  # raises what is the function's own mistake
            self._give_up(error.message)
            return found
        return found if ok else self.function(*args, **kwargs)

    def report(self) -> Report:
        """How the last call was computed: each kernel with its time and what limits it.

        Raises ArgumentError before the first compiled call.
        """
        if self._last is None:
            raise ArgumentError("nothing was compiled yet", hint="call the function first")
        return report(self._last)

    def _run(self, form: Any, arrays: list[np.ndarray], args: Any, kwargs: Any) -> tuple[Any, bool]:
        """The compiled call's result; False: it must be made as it is."""
        if self._owners is None:
            self._owners = _owners(self.function)
        tensors, modules = _tensors(self._owners), _modules(self._owners)
        key = _hashable(form), modes.is_grad_enabled(), tuple(map(id, tensors.values()))
        step = self._steps.get(key)
        if step is None:
            step = CompiledStep(
                functools.partial(self._traced, form), tensors, modules, self.memory_budget
            )
            self._steps[key] = step
        with self._lock:
            executable, is_new = step.executable(arrays)
            if is_new and self.verify and not self._agrees(step, arrays, form):
                return None, False
            try:
                results = step(arrays)
            except Refused:
                return None, False
            self._last = executable
            return copied(results["result"]), True

    def _agrees(self, step: CompiledStep, arrays: list[np.ndarray], form: Any) -> bool:
        """Whether a function that changes nothing gives the same, compiled and as it is."""
        executable, _ = step.executable(arrays)
        program = executable.program
        if program.draws or any(state.output is not None for state in program.states):
            return True  # what it changes cannot be undone here
        found = _named(step(arrays)["result"])
        args, kwargs = _given(iter([Tensor._wrap(a) for a in arrays]), form)
        eager = _named(map_tensors(lambda t: t.value, self.function(*args, **dict(kwargs))))
        try:
            compare(found, eager, longest_sum(program.graph))
        except MismatchError as error:
            self._give_up(error.message)
            return False
        return True

    def _traced(self, form: Any, *tensors: Tensor) -> Any:
        args, kwargs = _given(iter(tensors), form)
        result = self.function(*args, **dict(kwargs))
        _refuse_history(result)
        return {"result": result}

    def _give_up(self, why: str) -> None:
        self._off = True
        name = getattr(self.function, "__name__", type(self.function).__name__)
        warnings.warn(f"{name} is not compiled: {why}", MistakeWarning, stacklevel=3)


def _refuse_history(result: Any) -> None:
    """Gradients that somebody may want to flow on would be lost."""

    def look(t: Tensor) -> None:
        if t.node is not None and getattr(t.node, "saved", None) is not None:
            raise TraceError(
                "its result needs gradients, which do not flow out of a compiled function",
                hint="call backward and optimizer.step() inside, or call it under nbdl.no_grad()",
            )

    map_tensors(look, result)


# ----- arguments ------------------------------------------------------------------------------


class _Place:
    """Where a tensor of the arguments goes."""

    def __repr__(self) -> str:
        return "tensor"


_PLACE = _Place()


def _taken(arrays: list[np.ndarray], tree: Any) -> Any:
    """The arguments with their tensors taken out, into ``arrays``."""
    if isinstance(tree, Tensor):
        arrays.append(tree.value)
        return _PLACE
    if isinstance(tree, np.ndarray):
        arrays.append(tree)
        return _PLACE
    if isinstance(tree, dict):
        return {key: _taken(arrays, x) for key, x in tree.items()}
    if isinstance(tree, (tuple, list)):
        items = [_taken(arrays, x) for x in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    return tree


def _given(tensors: Iterator[Tensor], form: Any) -> Any:
    """The arguments with tensors put in."""
    if form is _PLACE:
        return next(tensors)
    if isinstance(form, dict):
        return {key: _given(tensors, x) for key, x in form.items()}
    if isinstance(form, (tuple, list)):
        items = [_given(tensors, x) for x in form]
        return type(form)(*items) if hasattr(form, "_fields") else type(form)(items)
    return form


def _named(tree: Any, name: str = "result") -> dict[str, np.ndarray]:
    """The arrays of a nesting by where they are."""
    if isinstance(tree, np.ndarray):
        return {name: np.array(tree)}
    found: dict[str, np.ndarray] = {}
    pairs: Any = tree.items() if isinstance(tree, dict) else ()
    for key, x in enumerate(tree) if isinstance(tree, (tuple, list)) else pairs:
        found |= _named(x, f"{name}[{key!r}]")
    return found


def _hashable(form: Any) -> Hashable:
    """A key that is equal for equal forms."""
    if isinstance(form, dict):
        return "dict", tuple((key, _hashable(x)) for key, x in form.items())
    if isinstance(form, (tuple, list)):
        return type(form), tuple(_hashable(x) for x in form)
    try:
        hash(form)
    except TypeError:
        return id(form)
    return type(form), form


# ----- state ----------------------------------------------------------------------------------


def _owners(function: Any) -> list[Any]:
    """Models, optimizers and tensors that a function can reach."""
    if hasattr(function, "named_parameters"):
        return [function]
    found: list[Any] = []
    inner = getattr(function, "__func__", function)
    if inspect.isfunction(inner):
        reached = inspect.getclosurevars(inner)
        defaults = (*(inner.__defaults__ or ()), *(inner.__kwdefaults__ or {}).values())
        for value in (*reached.nonlocals.values(), *reached.globals.values(), *defaults):
            _collect(found, value)
    owner = getattr(function, "__self__", None)
    if owner is None and not inspect.isfunction(inner):
        owner = function
    for value in vars(owner).values() if hasattr(owner, "__dict__") else ():
        _collect(found, value)
    if hasattr(owner, "named_parameters"):
        found.append(owner)
    return found


def _collect(found: list[Any], value: Any) -> None:
    if isinstance(value, Tensor) or hasattr(value, "named_parameters") or _is_optimizer(value):
        found.append(value)
    elif isinstance(value, (tuple, list)):
        for item in value:
            _collect(found, item)
    elif isinstance(value, dict):
        for item in value.values():
            _collect(found, item)


def _modules(owners: list[Any]) -> list[Any]:
    return [m for owner in owners if hasattr(owner, "modules") for m in owner.modules()]


def _is_optimizer(value: Any) -> bool:
    return hasattr(value, "param_groups") and hasattr(value, "zero_grad")


def _tensors(owners: list[Any]) -> dict[str, Tensor]:
    """All tensors of models, optimizers and closures by name."""
    named: dict[str, Tensor] = {}
    known: set[int] = set()
    for number, owner in enumerate(owners):
        if isinstance(owner, Tensor):
            found = {f"tensor{number}": owner}
        elif _is_optimizer(owner):
            listed = [p for group in owner.param_groups for p in group["params"]]
            found = {f"parameter{number}.{i}": p for i, p in enumerate(listed)}
        else:
            prefix = f"{owner._name}." if len(owners) > 1 and owner._name else ""
            pairs = (*owner.named_parameters(), *owner.named_buffers())
            found = {f"{prefix}{name}": t for name, t in pairs}
        for name, t in found.items():
            if id(t) not in known and not isinstance(t.value, Lifted):
                known.add(id(t))
                named[name if name not in named else f"{name}_{number}"] = t
    return named
