"""Optimizer: what every rule of updating parameters shares, with PyTorch's face.

A rule is one method, ``_update``, on the arrays of one parameter. Two faces lead to it:

- ``AdamW(model.parameters(), lr=1e-3)`` with ``step()``, ``zero_grad()``, ``param_groups``;
- ``rule = AdamW.rule(lr=1e-3)`` with ``rule.init(params) -> state`` and
  ``rule.update(grads, state, params) -> (params, state)`` on ``{path: Tensor}``, pure.

A parameter's value is never changed in place, for the tape or a reader may hold it: each step
puts a fresh array into the box (a sparse gradient's rows go into the old one if nobody else holds
it). State arrays belong to the optimizer alone and are updated in
place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from nbdl import backends, dtypes
from nbdl.backends.floating import restore, silence
from nbdl.core import modes
from nbdl.core.rows import Rows, is_only_here, on_values
from nbdl.core.tape import Leaf, RemovableHook
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.optim import step_hooks
from nbdl.optim.attention import Attention
from nbdl.optim.groups import (
    Group,
    as_groups,
    check_options,
    check_some_require_grad,
    plain,
    refuse_half_named,
    refuse_repeated,
    refuse_unknown,
)
from nbdl.optim.rule import Rule, nothing
from nbdl.optim.saving import load_slots, load_state, save_slots, saved_state

Slots = dict[str, Any]
"""State of one parameter by name: ``step`` (int), other numbers, and arrays."""

_BLOCK = 32_768
"""Elements worked on at a time: the rule's ten passes over memory then stay in the cache."""

_PLAIN = (dtypes.float32, dtypes.float64)


class Optimizer:
    """Base of all optimizers. A subclass states its defaults, ``_slots`` and ``_update``.

    Args:
        params: what to train: ``model.parameters()``, (name, tensor) pairs, or a list of groups.
        defaults: the options of groups that do not state their own.
        differentiable: PyTorch's; must be False, a step is no operation with a gradient.

    Attributes:
        param_groups: a list of dicts: ``params`` and the options for them; a schedule or a
            person may change ``group["lr"]`` at any time.
        state: for each parameter that was updated its ``step`` and arrays.
        defaults: the options of groups that do not state their own.
    """

    param_groups: list[Group]
    state: dict[Tensor, Slots]

    elementwise: ClassVar[bool] = True
    """Whether each element goes its own way, so that a parameter may be worked on in parts."""

    needs_closure: bool = False
    """Whether ``step`` must be given a closure, because it computes gradients more than once."""

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """Own options: the least value, and what it stays below."""

    def __init__(
        self, params: Iterable[Any], defaults: dict[str, Any], *, differentiable: bool = False
    ) -> None:
        who = type(self).__name__
        if differentiable:
            raise ArgumentError(
                f"{who}: differentiable=True is not possible, a step puts new values into the "
                "parameters and is not recorded",
                hint="write the update with tensors: w2 = w - lr * nbdl.grad(loss, w)",
            )
        self.defaults = plain(who, defaults)
        self.state = {}
        self.param_groups = []
        self._attention = Attention()
        self._check(self.defaults)
        for group in as_groups(params, who):
            self.add_param_group(group)
        check_some_require_grad(self.param_groups, who)

    # ----- the rule -------------------------------------------------------------------------

    def _check(self, options: Mapping[str, Any]) -> None:
        """Raise ArgumentError for options out of range."""
        check_options(type(self).__name__, options, self.ranges)

    def _check_member(self, p: Tensor) -> None:
        """Raise for a parameter that the rule cannot train."""

    @classmethod
    def _slots(cls, options: Mapping[str, Any]) -> dict[str, float]:
        """The arrays a parameter needs, and the number that each starts filled with."""
        return {}

    @classmethod
    def _update(cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        """Write the new value of ``p`` into ``out``.

        ``g`` is the gradient, ``s`` the slots, whose arrays are updated in place (``s["step"]``
        counts from 1), ``h`` the options. ``p`` and ``g`` must not be changed; ``out`` may be
        used as scratch before its last write. All arrays have one dtype, and where the rule is
        elementwise one shape. Numbers in ``s`` are not written here but in ``_apply``, for an
        elementwise rule is called for one part of a parameter after the other.
        """
        raise NotImplementedError

    @classmethod
    def _rows_alone(cls, h: Mapping[str, Any]) -> bool | None:
        """Whether a row without a gradient stays as it is, so that of a sparse gradient only its
        rows need to be looked at; None: a sparse gradient is refused."""
        return None

    @classmethod
    def _update_rows(
        cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]
    ) -> None:
        """As ``_update``, for the rows of a sparse gradient."""
        cls._update(xp, p, g, out, s, h)

    @classmethod
    def _apply(cls, p: Any, g: Any, s: Slots, h: Mapping[str, Any]) -> Any:
        """The new value for ``p``, a fresh array; advances ``s``."""
        if type(g) is Rows:
            return cls._apply_rows(p, g, s, h)
        s["step"] += 1
        if p.dtype not in _PLAIN:
            return cls._apply_otherwise(p, g, s, h)
        if type(p) is not np.ndarray:
            xp = backends.namespace(p)
            out = xp.empty(p.shape, p.dtype)
            cls._update(xp, p, g, out, s, h)
            return out
        out = np.empty(p.shape, p.dtype)
        if p.size <= _BLOCK or not cls.elementwise:
            cls._update(np, p, g, out, s, h)
        else:
            cls._blockwise(p.reshape(-1), g.reshape(-1), out.reshape(-1), s, h)
        return out

    @classmethod
    def _apply_rows(cls, p: Any, g: Rows, s: Slots, h: Mapping[str, Any]) -> Any:
        """The new value for a sparse gradient: ``p`` itself if it may be written into."""
        cls._check_rows(h)
        if not cls._rows_alone(h) or p.dtype not in _PLAIN:
            return cls._apply(p, g.dense(), s, h)
        s["step"] += 1
        g, xp = g.coalesced(), backends.namespace(p)
        out, rows = p if g.in_place else p.copy(), xp.empty(g.values.shape, p.dtype)
        arrays = {name: a for name, a in s.items() if isinstance(a, type(p))}
        part = {**s, **{name: a.take(g.index, 0) for name, a in arrays.items()}}
        cls._update_rows(xp, p.take(g.index, 0), g.values, rows, part, h)
        out[g.index] = rows
        for name, array in arrays.items():
            array[g.index] = part[name]
        return out

    @classmethod
    def _check_rows(cls, h: Mapping[str, Any]) -> None:
        if cls._rows_alone(h) is None:
            raise ArgumentError(
                f"{cls.__name__} got a sparse gradient, but it moves every row at every step",
                hint="SGD, Adagrad and SparseAdam take sparse gradients; or sparse=False in the "
                "embedding",
            )

    @classmethod
    def _blockwise(cls, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        """The rule on one stretch of flat arrays after the other."""
        part: Slots = dict(s)
        arrays = {name: a.reshape(-1) for name, a in s.items() if isinstance(a, np.ndarray)}
        for start in range(0, p.size, _BLOCK):
            at = slice(start, start + _BLOCK)
            for name, array in arrays.items():
                part[name] = array[at]
            cls._update(np, p[at], g[at], out[at], part, h)

    @classmethod
    def _apply_otherwise(cls, p: Any, g: Any, s: Slots, h: Mapping[str, Any]) -> Any:
        """Half precision is computed in float32; complex numbers as pairs of real ones."""
        value = as_working(p)
        out = backends.namespace(p).empty(value.shape, value.dtype)
        cls._update(backends.namespace(p), value, as_working(g), out, s, h)
        return from_working(out, p)

    @classmethod
    def _new_slots(cls, p: Any, h: Mapping[str, Any]) -> Slots:
        """The state before the first step."""
        slots: Slots = {"step": 0}
        like = as_working(p)
        for name, number in cls._slots(h).items():
            slots[name] = backends.namespace(p).full(like.shape, number, like.dtype)
        return slots

    # ----- PyTorch's face -------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        ``closure``, if given, computes the loss and its gradients first; its result is returned.
        Raises, before anything is changed, ShapeError for a gradient of another shape and
        ArgumentError for a sparse one that the rule does not take.
        """
        loss = None if closure is None else self._evaluate(closure)
        worlds = modes.local.state.worlds
        if worlds and worlds[-1].traces:
            worlds[-1].update(self)
            return loss
        state = self.state
        ready = []
        for group in self.param_groups:
            for p in group["params"]:
                grad = p.grad
                if grad is None:
                    continue
                free = type(grad.value) is Rows and is_only_here(p)
                value, g = p.value, grad.value
                if g.shape != value.shape:
                    raise ShapeError(
                        f"a gradient of shape {g.shape} was put on a parameter of shape "
                        f"{value.shape}"
                    )
                if type(g) is Rows:
                    self._check_rows(group)
                    g = g.coalesced().to_be_written(free)
                s = state.get(p)
                if s is None:
                    s = state[p] = self._new_slots(value, group)
                ready.append((p, value, g, s, group))
        apply = self._apply
        before = silence()  # what overflows becomes Inf, and the next loss tells
        try:
            for p, value, g, s, group in ready:
                p.value = apply(value, g, s, group)
        finally:
            restore(before)
        self._attention.after(self, [p for p, *_ in ready])
        return loss

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHook:
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return other ones."""
        return step_hooks.added(self, "before", hook)

    def register_step_post_hook(self, hook: Callable[..., None]) -> RemovableHook:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return step_hooks.added(self, "after", hook)

    def _evaluate(self, closure: Callable[[], Any] | None) -> Any:
        """The loss that ``closure`` returns, gradients recorded meanwhile."""
        if not callable(closure):
            who = type(self).__name__
            got = "none" if closure is None else f"a {type(closure).__name__}"
            raise ArgumentError(
                f"{who}.step takes a closure, a function that computes the loss and its "
                f"gradients, got {got}",
                hint="def closure(): optimizer.zero_grad(); loss = ...; loss.backward(); "
                "return loss",
            )
        with modes.enable_grad():
            return closure()

    def train(self) -> None:
        """Put the parameters where they are trained; nothing to do for most rules."""

    def eval(self) -> None:
        """Put the parameters where they are evaluated; nothing to do for most rules."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with 0."""
        for group in self.param_groups:
            for p in group["params"]:
                if type(p.node) is Leaf:
                    p.node.used = p.node.added = False
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    zeros = backends.library(p.grad.device).zeros_like
                    p.grad = Tensor._wrap(on_values(p.grad.value, zeros))

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Add ``{"params": tensors, "lr": ..., ...}``; what it leaves out is the default.

        Raises ArgumentError for unknown options and for parameters that are there already.
        """
        who = type(self).__name__
        group = plain(who, {**self.defaults, **as_groups([param_group], who)[0]})
        refuse_unknown(who, group, self.defaults)
        self._check(group)
        for p in group["params"]:
            self._check_member(p)
        refuse_half_named(who, [*self.param_groups, group])
        refuse_repeated(who, [*self.param_groups, group])
        self.param_groups.append(group)

    def state_dict(self) -> dict[str, Any]:
        """Copies of state and options: ``{"state": {i: {...}}, "param_groups": [...]}``.

        Parameters are numbered in the order of the groups; PyTorch's names and layout.
        """
        return saved_state(self)

    def live_state(self) -> dict[str, Any]:
        """As ``state_dict``, without the time to copy: the next step changes the arrays."""
        own = type(self)
        if (own.state_dict, own._save_slots) == (Optimizer.state_dict, Optimizer._save_slots):
            return saved_state(self, live=True)
        return self.state_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` of an optimizer of the same groups gave (or PyTorch's).

        Raises ArgumentError, before anything is changed, if groups or shapes differ.
        """
        load_state(self, state_dict)

    def _save_slots(self, p: Tensor, slots: Slots) -> dict[str, Any]:
        """What ``state_dict`` says of one parameter."""
        return save_slots(p, slots)

    def _load_slots(
        self, number: Any, p: Tensor, saved: Mapping[str, Any], h: Mapping[str, Any]
    ) -> Slots:
        """The slots of parameter ``number`` from what was saved of it."""
        fresh = self._new_slots(p.value, h)
        return load_slots(type(self).__name__, number, p, saved, fresh)

    @classmethod
    def parameters_of(cls, model: Any) -> Any:
        """What the constructor takes of a model: parameters to train, or groups of them."""
        return [p for p in model.parameters() if p.requires_grad]

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])

    # ----- the functional face --------------------------------------------------------------

    @classmethod
    def rule(cls, **options: Any) -> Rule:
        """The pure rule with these options: ``AdamW.rule(lr=1e-3)``."""
        return Rule(cls, cls([nothing()], **options).defaults)


def as_working(x: Any) -> Any:
    """``x`` as state is kept and updates are computed: half precision in float32, complex numbers
    as a flat array of pairs of real ones."""
    if x.dtype in dtypes.COMPLEX:
        kind = dtypes.float32 if x.dtype == dtypes.complex64 else dtypes.float64
        return backends.namespace(x).ascontiguousarray(x).reshape(-1).view(kind)
    return x.astype(dtypes.accumulator(x.dtype), copy=False)


def from_working(x: Any, like: Any) -> Any:
    """The contrary, for a value that replaces ``like``."""
    if like.dtype in dtypes.COMPLEX:
        return x.view(like.dtype).reshape(like.shape)
    return backends.namespace(like).asarray(x, like.dtype)
