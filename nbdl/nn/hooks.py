"""Hooks on modules: other people's functions around forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from nbdl.core.function import Context, Function
from nbdl.core.tape import RemovableHook
from nbdl.core.tensor import Tensor

if TYPE_CHECKING:
    from nbdl.nn.module import Module


class Hook(NamedTuple):
    """A registered function, and whether it is also given the keyword arguments."""

    function: Callable[..., Any]
    with_kwargs: bool = False


def added(hooks: dict[int, Any], hook: Hook, first: bool) -> RemovableHook:
    """Keep ``hook``, before the others if ``first``; returns the handle that removes it."""
    before = dict(hooks)
    if first:
        hooks.clear()
    handle = RemovableHook(hooks, hook)
    hooks.update(before)
    return handle


def call(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Forward with all hooks of ``module`` around it."""
    for hook in tuple(module._hooks.get("forward_pre", {}).values()):
        args, kwargs = _pre(hook, module, args, kwargs)
    passage = _Passage(module) if module._hooks.get("backward") else None
    if passage:
        args = passage.entered(args)
    y = module.forward(*args, **kwargs)
    for hook in tuple(module._hooks.get("forward", {}).values()):
        extra = (kwargs,) if hook.with_kwargs else ()
        changed = hook.function(module, args, *extra, y)
        y = y if changed is None else changed
    return passage.left(y) if passage else y


def _pre(hook: Hook, module: Module, args: Any, kwargs: Any) -> tuple[Any, Any]:
    if hook.with_kwargs:
        changed = hook.function(module, args, kwargs)
        return (args, kwargs) if changed is None else changed
    changed = hook.function(module, args)
    if changed is None:
        return args, kwargs
    return (changed if isinstance(changed, tuple) else (changed,)), kwargs


class _Gate(Function):
    """The identity on several tensors; backward shows all their gradients at once."""

    @staticmethod
    def forward(ctx: Context, watch: Any, *xs: Tensor) -> tuple[Tensor, ...]:
        """The same values."""
        ctx.watch = watch  # type: ignore[attr-defined]
        return xs

    @staticmethod
    def backward(ctx: Context, *dys: Tensor) -> tuple[Any, ...]:
        """The gradients, as ``watch`` leaves them."""
        return (None, *ctx.watch(dys))  # type: ignore[attr-defined]


class _Passage:
    """One call of a module with backward hooks: gradients pass it on the way back.

    Gates before and after forward let all gradients of the outputs, and then all gradients of
    the inputs, be seen together.
    """

    def __init__(self, module: Module) -> None:
        self.module = module
        self.grad_output: tuple[Any, ...] = ()
        self.waits_for_input = False

    def entered(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments behind the gate."""
        places = [i for i, a in enumerate(args) if isinstance(a, Tensor) and a.requires_grad]
        if not places:
            return args
        self.waits_for_input = True

        def watch(dxs: tuple[Any, ...]) -> tuple[Any, ...]:
            grad_input: list[Any] = [None] * len(args)
            for i, dx in zip(places, dxs, strict=True):
                grad_input[i] = dx
            result = self._run(tuple(grad_input))
            return tuple(result[i] for i in places)

        through = _Gate.apply(watch, *(args[i] for i in places))
        changed = list(args)
        for i, x in zip(places, through, strict=True):
            changed[i] = x
        return tuple(changed)

    def left(self, y: Any) -> Any:
        """The output in front of the gate."""
        outputs = (y,) if isinstance(y, Tensor) else tuple(y) if isinstance(y, tuple) else ()
        places = [i for i, a in enumerate(outputs) if isinstance(a, Tensor) and a.requires_grad]
        if not places:
            return y

        def watch(dys: tuple[Any, ...]) -> tuple[Any, ...]:
            grad_output: list[Any] = [None] * len(outputs)
            for i, dy in zip(places, dys, strict=True):
                grad_output[i] = dy
            self.grad_output = tuple(grad_output)
            if not self.waits_for_input:
                self._run((None,))
            return dys

        changed = list(outputs)
        for i, x in zip(places, _Gate.apply(watch, *(outputs[i] for i in places)), strict=True):
            changed[i] = x
        if isinstance(y, Tensor):
            return changed[0]
        return type(y)(*changed) if hasattr(y, "_fields") else tuple(changed)

    def _run(self, grad_input: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in tuple(self.module._hooks.get("backward", {}).values()):
            changed = hook.function(self.module, grad_input, self.grad_output)
            if changed is not None:
                grad_input = changed if isinstance(changed, tuple) else (changed,)
        return grad_input
