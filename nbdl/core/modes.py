"""What this thread does now: recording gradients or not, in which layer, watched by whom."""

from __future__ import annotations

import functools
import inspect
import threading
import weakref
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any, NamedTuple


class Scope(NamedTuple):
    """The layers being called now, innermost first: a linked list.

    Each is the layer's (parent, layer) and, of the code that called it, the place.
    """

    parent: Scope | None
    layer: Any
    code: CodeType | None = None
    at: int = 0  # the instruction: its line is worked out when somebody asks

    def path(self) -> str:
        """Names from the outermost layer inwards, such as ``"lenet.features.3"``."""
        names: list[str] = []
        scope: Scope | None = self
        while scope is not None:
            names.append(scope.layer._name)
            scope = scope.parent
        return ".".join(name for name in reversed(names) if name)


class State:
    """The modes of one thread."""

    __slots__ = ("begun", "cast", "generator", "grad", "observers", "scope", "tell", "untrained",
                 "walking", "worlds")  # fmt: skip

    def __init__(self) -> None:
        self.grad = True
        self.scope: Scope | None = None
        self.observers: tuple[Callable[..., None], ...] = ()
        self.generator: Any = None
        self.walking: Any = None  # the node whose gradient is being computed
        self.worlds: tuple[Any, ...] = ()
        self.tell: Callable[[str], None] | None = None  # who hears of mistakes; None: warnings
        self.cast: Any = None  # changes the dtypes of an operation's inputs: (op, inputs) -> inputs
        self.begun: tuple[str, int] | None = None  # the user's line that began this thread's work
        self.untrained: tuple[Any, ...] = ()  # models whose dropout was off while recording


class _Local(threading.local):
    def __init__(self) -> None:
        self.state = State()


local = _Local()


def state() -> State:
    """This thread's modes."""
    return local.state


def note_untrained() -> None:
    """Remember the model that is being called: its dropout is off while gradients are recorded.

    An optimizer that then makes a step with its parameters tells so. A model in training mode
    with a layer in evaluation mode is meant to be like that.
    """
    state = local.state
    scope = state.scope
    while scope is not None and scope.parent is not None:
        scope = scope.parent
    if scope is None or scope.layer.training:
        return
    known = [reference() for reference in state.untrained]
    if not any(model is scope.layer for model in known):
        state.untrained = (*state.untrained[-3:], weakref.ref(scope.layer))


def is_grad_enabled() -> bool:
    """Whether operations are recorded for ``backward`` in this thread."""
    return local.state.grad


class set_grad_enabled:
    """Switch the recording of gradients on or off, for good or for a ``with`` block."""

    def __init__(self, mode: bool) -> None:
        self.before = local.state.grad
        local.state.grad = bool(mode)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        local.state.grad = self.before


class _GradMode:
    """A context manager and a decorator that sets the recording of gradients."""

    mode = True

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        self.function = function
        self.before: list[bool] = []
        if function is not None:
            functools.update_wrapper(self, function)

    def __enter__(self) -> None:
        self.before.append(local.state.grad)
        local.state.grad = self.mode

    def __exit__(self, *_: object) -> None:
        local.state.grad = self.before.pop()

    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.function is None:  # @no_grad() with parentheses: args[0] is the function
            return type(self)(args[0])
        if inspect.isgeneratorfunction(self.function):
            return self._stepwise(self.function(*args, **kwargs))
        with type(self)():
            return self.function(*args, **kwargs)

    def _stepwise(self, generator: Iterator[Any]) -> Iterator[Any]:
        """Set the mode while the generator's own code runs, not while its caller's does."""
        while True:
            with type(self)():
                try:
                    item = next(generator)
                except StopIteration as end:
                    return end.value
            yield item


class no_grad(_GradMode):
    """Record nothing: ``with no_grad():`` or ``@no_grad()`` over a function."""

    mode = False


class enable_grad(_GradMode):
    """Record again inside ``no_grad``."""

    mode = True


class observe:
    """Call ``observer(op, inputs, outputs, node)`` for each operation of this thread.

    ``inputs`` and ``outputs`` are tuples of tensors; ``node`` is the tape's node or None.
    """

    def __init__(self, observer: Callable[..., None]) -> None:
        self.observer = observer

    def __enter__(self) -> None:
        self.before = local.state.observers
        local.state.observers = (*self.before, self.observer)

    def __exit__(self, *_: object) -> None:
        local.state.observers = self.before
