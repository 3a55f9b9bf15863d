"""What happens while a model runs: its operations, in the calls of the layers that ran them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from nbdl.core import modes
from nbdl.core.modes import Scope
from nbdl.core.op import Op
from nbdl.core.tensor import Tensor
from nbdl.core.tree import leaves
from nbdl.nn import Module
from nbdl.shapes import Spec
from nbdl.training.active import run_of


@dataclass(eq=False)
class Step:
    """One thing that happened: an operation, an input, a layer that only passed values on.

    Attributes:
        kind: op, input, output, parameter.
        op: the operation; None for all else.
        layer: the layer itself where it stands for what it did (it ran no operation).
        sources: steps (with the output's index) that made the inputs, where known.
        outputs: Specs of what it made.
        node: id of its node in the graph's record, once there is one.
        reads: parameters among its inputs that no step before it read.
        tensors: the tensors it made, kept so that their identities stay unique.
        about: what more there is to say, by name.
        backward: it takes gradients back through the operation.
        mirror: the step on the way forth that this one on the way back belongs to.
        seconds: how long it took, where that was measured.
        gradients: of the parameters it reads, by their identity, where they were computed.
    """

    kind: str
    label: str = ""
    op: Op | None = None
    layer: Module | None = None
    sources: list[tuple[Step, int]] = field(default_factory=list)
    inputs: tuple[Spec, ...] = ()
    outputs: tuple[Spec, ...] = ()
    reads: list[tuple[str, Tensor]] = field(default_factory=list)
    tensors: tuple[Tensor, ...] = ()
    node: str = ""
    failed: str = ""
    line: tuple[str, int] | None = None
    about: list[tuple[str, str]] = field(default_factory=list)
    backward: bool = False
    mirror: Step | None = None
    seconds: float = 0.0
    gradients: dict[int, Tensor] = field(default_factory=dict)


@dataclass(eq=False)
class Call:
    """One call of a layer, and what happened in it, in order."""

    layer: Module | None
    parent: Call | None = None
    number: int = 1
    members: list[Call | Step] = field(default_factory=list)
    failed: str = ""


class Calls:
    """The tree of calls, built from the scopes in which things happen."""

    def __init__(self) -> None:
        self.root = Call(None)
        # A scope is one call of a layer. Kept, so that its identity is never used again.
        self._calls: dict[int, tuple[Scope, Call]] = {}
        self._numbers: dict[int, int] = {}

    def at(self, scope: Scope | None) -> Call:
        """The call that a scope stands for; its outer calls are entered as well."""
        missing: list[Scope] = []
        while scope is not None and id(scope) not in self._calls:
            missing.append(scope)
            scope = scope.parent
        call = self.root if scope is None else self._calls[id(scope)][1]
        for inner in reversed(missing):
            number = self._numbers.get(id(inner.layer), 0) + 1
            self._numbers[id(inner.layer)] = number
            made = Call(inner.layer, call, number)
            call.members.append(made)
            self._calls[id(inner)] = (inner, made)
            call = made
        return call


class Recorder:
    """Watches one thread and keeps a Step for each operation it sees.

    Args:
        model: the model that is going to run; its parameters are known by their paths.
        look: called with each step and the tensors it made.
    """

    def __init__(
        self, model: Module, look: Callable[[Step, tuple[Tensor, ...]], None] | None = None
    ) -> None:
        self.model = model
        self.calls = Calls()
        self.steps: list[Step] = []
        self.look = look
        self.paths = {id(module): path for path, module in model.named_modules()}
        self.names: dict[int, str] = {}
        for module in model.modules():
            self.learn_names(module)
        self._read: set[int] = set()
        self._made: dict[int, tuple[Any, Step, int]] = {}
        self._made_values: dict[int, tuple[Any, Step, int]] = {}

    def learn_names(self, module: Module) -> None:
        """Know the layer's own parameters by their paths (those of inferred size come late)."""
        path = self.paths.get(id(module), "")
        for name, p in module._parameters.items():
            if isinstance(p, Tensor):
                self.names[id(p)] = f"{path}.{name}" if path else name

    # ----- who made what ------------------------------------------------------------------

    def source(self, x: Tensor) -> tuple[Step, int] | None:
        """The step that made this tensor, and which of its outputs it is."""
        found = self._made.get(id(x))
        if found is not None and found[0] is x.value:
            return found[1:]
        # x.detach(), x.data and in-place updates put the same value into another box.
        found = self._made_values.get(id(x.value))
        return None if found is None else found[1:]

    def _enter(self, step: Step, tensors: tuple[Tensor, ...]) -> None:
        step.tensors = tensors
        for index, y in enumerate(tensors):
            self._made[id(y)] = self._made_values[id(y.value)] = (y.value, step, index)
        self.steps.append(step)
        if self.look is not None:
            self.look(step, tensors)

    # ----- what is seen -------------------------------------------------------------------

    def operation(self, op: Op, inputs: tuple[Tensor, ...], outputs: Any, node: Any) -> None:
        """The observer of ``core.modes``: one operation ran."""
        step = Step("op", op=op, inputs=tuple(x.spec for x in inputs))
        step.outputs = tuple(y.spec for y in outputs)
        step.sources = self._sources(inputs)
        for x in inputs:
            if id(x) in self.names and id(x) not in self._read:
                self._read.add(id(x))
                step.reads.append((self.names[id(x)], x))
        self.calls.at(modes.state().scope).members.append(step)
        self._enter(step, outputs)

    def _sources(self, inputs: Any) -> list[tuple[Step, int]]:
        found = [self.source(x) for x in inputs]
        return [source for source in found if source is not None]

    def entered(self, named: dict[str, Any]) -> None:
        """The model's inputs, by the names of ``forward``'s arguments."""
        for name, value in named.items():
            tensors = tuple(leaves(value))
            for index, x in enumerate(tensors):
                label = name if len(tensors) == 1 else f"{name}[{index}]"
                step = Step("input", label, outputs=(x.spec,))
                self.calls.root.members.append(step)
                self._enter(step, (x,))

    def left(self, result: Any) -> None:
        """The model's outputs."""
        tensors = tuple(leaves(result))
        for index, y in enumerate(tensors):
            label = "output" if len(tensors) == 1 else f"output {index}"
            step = Step("output", label, inputs=(y.spec,), sources=self._sources((y,)))
            self.calls.root.members.append(step)
            self.steps.append(step)

    def passed(self, layer: Module, args: Any, result: Any) -> None:
        """A layer without layers in it was called: if it ran no operation, show it itself."""
        call = self.calls.at(modes.state().scope)
        if call.members:
            return
        tensors = tuple(leaves(result))
        step = Step("op", layer=layer, outputs=tuple(y.spec for y in tensors))
        step.sources = self._sources(tuple(leaves(args)))
        call.members.append(step)
        self._enter(step, tensors)


class _Hooks:
    """Hooks on a recorder's model that hear of its inputs, outputs and calls in one thread."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.thread = threading.get_ident()
        model = recorder.model
        self.handles = [model.register_forward_pre_hook(self.before, with_kwargs=True)]
        for module in model.modules():
            self.handles.append(module.register_forward_pre_hook(self.called))
            if module is model or not module._modules:
                self.handles.append(module.register_forward_hook(self.after))

    def remove(self) -> None:
        """Take all hooks away."""
        for handle in self.handles:
            handle.remove()

    def _elsewhere(self) -> bool:
        """Whether another thread calls the model meanwhile: none of our business."""
        return threading.get_ident() != self.thread

    def _is_whole(self, module: Module) -> bool:
        scope = modes.state().scope
        return module is self.recorder.model and scope is not None and scope.parent is None

    def before(self, module: Module, args: Any, kwargs: Any) -> None:
        if not self._elsewhere() and self._is_whole(module):
            self.recorder.entered(_named_inputs(module, args, kwargs))

    def called(self, module: Module, args: Any) -> None:
        if not self._elsewhere():
            self.recorder.learn_names(module)
            self.recorder.calls.at(modes.state().scope)

    def after(self, module: Module, args: Any, result: Any) -> None:
        if self._elsewhere():
            return
        if not module._modules:
            self.recorder.passed(module, args, result)
        if self._is_whole(module):
            self.recorder.left(result)


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Record everything that this thread runs, and the calls of the recorder's model."""
    hooks = _Hooks(recorder)
    try:
        with modes.observe(recorder.operation):
            yield
    finally:
        hooks.remove()


@contextmanager
def at_rest(model: Module) -> Iterator[None]:
    """If the model is in training, hold it between two steps for the time of the block."""
    run = run_of(model)
    with nullcontext() if run is None else run.frozen():
        yield


def _named_inputs(model: Module, args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Inputs by the names that ``forward`` gives them."""
    code = getattr(model.forward, "__code__", None)
    names = code.co_varnames[1 : code.co_argcount] if code is not None else ()
    named = {names[i] if i < len(names) else f"input {i}": value for i, value in enumerate(args)}
    if len(args) == 1 and not kwargs:
        named = {"input": args[0]}
    return {**named, **kwargs}
