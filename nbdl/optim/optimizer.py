"""Optimizer: what every rule of updating parameters shares, with PyTorch's face.

A rule is one method, ``_update``, on the arrays of one parameter. Two faces lead to it:

- ``AdamW(model.parameters(), lr=1e-3)`` with ``step()``, ``zero_grad()``, ``param_groups``;
- ``rule = AdamW.rule(lr=1e-3)`` with ``rule.init(params) -> state`` and
  ``rule.update(grads, state, params) -> (params, state)`` on ``{path: Tensor}``, pure.

A parameter's value is never changed in place, for the tape or a reader may hold it: each step
puts a fresh array into the box. State arrays belong to the optimizer alone and are updated in
place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from nbdl import backends, dtypes
from nbdl.core import modes
from nbdl.core.tensor import Tensor
from nbdl.errors import ShapeError
from nbdl.optim.groups import (
    Group,
    as_groups,
    check_options,
    check_some_require_grad,
    refuse_repeated,
    refuse_unknown,
)
from nbdl.optim.saving import load_state, saved_state

Slots = dict[str, Any]
"""State of one parameter: ``step`` (int) and arrays of the parameter's shape, by name."""

_BLOCK = 32_768
"""Elements worked on at a time: the rule's ten passes over memory then stay in the cache."""

_PLAIN = (dtypes.float32, dtypes.float64)


class Optimizer:
    """Base of all optimizers. A subclass states its defaults, ``_slots`` and ``_update``.

    Attributes:
        param_groups: a list of dicts: ``params`` and the options for them; a schedule or a
            person may change ``group["lr"]`` at any time.
        state: for each parameter that was updated its ``step`` and arrays.
        defaults: the options of groups that do not state their own.
    """

    param_groups: list[Group]
    state: dict[Tensor, Slots]

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.state = {}
        self.param_groups = []
        self._check(defaults)
        for group in as_groups(params, type(self).__name__):
            self.add_param_group(group)
        check_some_require_grad(self.param_groups, type(self).__name__)

    # ----- the rule -------------------------------------------------------------------------

    def _check(self, options: Mapping[str, Any]) -> None:
        """Raise ArgumentError for options out of range."""
        check_options(type(self).__name__, options)

    @classmethod
    def _slots(cls, options: Mapping[str, Any]) -> dict[str, float]:
        """The arrays a parameter needs, and the number that each starts filled with."""
        return {}

    @classmethod
    def _update(cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        """Write the new value of ``p`` into ``out``.

        ``g`` is the gradient, ``s`` the slots, whose arrays are updated in place (``s["step"]``
        counts from 1), ``h`` the options. ``p`` and ``g`` must not be changed; ``out`` may be
        used as scratch before its last write. All arrays have one shape and dtype.
        """
        raise NotImplementedError

    @classmethod
    def _apply(cls, p: Any, g: Any, s: Slots, h: Mapping[str, Any]) -> Any:
        """The new value for ``p``, a fresh array; advances ``s``."""
        s["step"] += 1
        if p.dtype not in _PLAIN:
            return cls._apply_otherwise(p, g, s, h)
        if type(p) is not np.ndarray:
            xp = backends.namespace(p)
            out = xp.empty(p.shape, p.dtype)
            cls._update(xp, p, g, out, s, h)
            return out
        out = np.empty(p.shape, p.dtype)
        if p.size <= _BLOCK:
            cls._update(np, p, g, out, s, h)
        else:
            cls._blockwise(p.reshape(-1), g.reshape(-1), out.reshape(-1), s, h)
        return out

    @classmethod
    def _blockwise(cls, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        """The rule on one stretch of flat arrays after the other."""
        arrays = {name: a.reshape(-1) for name, a in s.items() if name != "step"}
        part: Slots = {"step": s["step"]}
        for start in range(0, p.size, _BLOCK):
            at = slice(start, start + _BLOCK)
            for name, array in arrays.items():
                part[name] = array[at]
            cls._update(np, p[at], g[at], out[at], part, h)

    @classmethod
    def _apply_otherwise(cls, p: Any, g: Any, s: Slots, h: Mapping[str, Any]) -> Any:
        """Half precision is computed in float32; complex numbers as pairs of real ones."""
        xp = backends.namespace(p)
        kind = _working_dtype(p.dtype)
        if p.dtype in dtypes.COMPLEX:
            flat_p, flat_g = (xp.ascontiguousarray(a).reshape(-1).view(kind) for a in (p, g))
            out = xp.empty(flat_p.shape, kind)
            cls._update(xp, flat_p, flat_g, out, s, h)
            return out.view(p.dtype).reshape(p.shape)
        out = xp.empty(p.shape, kind)
        cls._update(xp, p.astype(kind), g.astype(kind), out, s, h)
        return out.astype(p.dtype)

    @classmethod
    def _new_slots(cls, p: Any, h: Mapping[str, Any]) -> Slots:
        slots: Slots = {"step": 0}
        xp = backends.namespace(p)
        shape = (2 * p.size,) if p.dtype in dtypes.COMPLEX else p.shape
        for name, number in cls._slots(h).items():
            slots[name] = xp.full(shape, number, _working_dtype(p.dtype))
        return slots

    # ----- PyTorch's face -------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        ``closure``, if given, computes the loss and its gradients first; its result is returned.
        Raises ShapeError, before anything is changed, for a gradient of another shape.
        """
        loss = None
        if closure is not None:
            with modes.enable_grad():
                loss = closure()
        state = self.state
        ready = []
        for group in self.param_groups:
            for p in group["params"]:
                grad = p.grad
                if grad is None:
                    continue
                value, g = p.value, grad.value
                if g.shape != value.shape:
                    raise ShapeError(
                        f"a gradient of shape {g.shape} was put on a parameter of shape "
                        f"{value.shape}"
                    )
                s = state.get(p)
                if s is None:
                    s = state[p] = self._new_slots(value, group)
                ready.append((p, value, g, s, group))
        apply = self._apply
        for p, value, g, s, group in ready:
            p.value = apply(value, g, s, group)
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with 0."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    xp = backends.namespace(p.grad.value)
                    p.grad = Tensor._wrap(xp.zeros_like(p.grad.value))

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Add ``{"params": tensors, "lr": ..., ...}``; what it leaves out is the default.

        Raises ArgumentError for unknown options and for parameters that are there already.
        """
        group = {**self.defaults, **as_groups([param_group], type(self).__name__)[0]}
        refuse_unknown(type(self).__name__, group, self.defaults)
        self._check(group)
        refuse_repeated(type(self).__name__, [*self.param_groups, group])
        self.param_groups.append(group)

    def state_dict(self) -> dict[str, Any]:
        """Copies of state and options: ``{"state": {i: {...}}, "param_groups": [...]}``.

        Parameters are numbered in the order of the groups; PyTorch's names and layout.
        """
        return saved_state(self)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` of an optimizer of the same groups gave (or PyTorch's).

        Raises ArgumentError, before anything is changed, if groups or shapes differ.
        """
        load_state(self, state_dict)

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
        return Rule(cls, cls([_NOTHING], **options).defaults)


_NOTHING = Tensor(np.zeros(0, np.float32), requires_grad=True)


def _working_dtype(dtype: np.dtype) -> np.dtype:
    """What state is kept and updates are computed in."""
    if dtype in dtypes.COMPLEX:
        return dtypes.float32 if dtype == dtypes.complex64 else dtypes.float64
    return dtypes.accumulator(dtype)


class Rule:
    """An optimizer without parameters: two pure functions on ``{path: Tensor}``.

    Attributes:
        optimizer: the class of optimizer.
        options: learning rate and the rest; copy with changes by ``rule.replace(lr=...)``.
    """

    def __init__(self, optimizer: type[Optimizer], options: Mapping[str, Any]) -> None:
        self.optimizer = optimizer
        self.options = dict(options)

    def replace(self, **options: Any) -> Rule:
        """The same rule with other options."""
        return self.optimizer.rule(**{**self.options, **options})

    def init(self, params: Mapping[str, Tensor]) -> dict[str, Slots]:
        """The state before the first update: ``{path: {"step": 0, name: array, ...}}``."""
        return {path: self.optimizer._new_slots(p.value, self.options)
                for path, p in params.items()}  # fmt: skip

    def update(
        self, grads: Mapping[str, Tensor | None], state: Mapping[str, Slots],
        params: Mapping[str, Tensor],
    ) -> tuple[dict[str, Tensor], dict[str, Slots]]:  # fmt: skip
        """New parameters and new state; nothing that is given is changed.

        A path without a gradient keeps its value and state. Raises ShapeError if a gradient's
        shape is not its parameter's.
        """
        new_params: dict[str, Tensor] = {}
        new_state: dict[str, Slots] = {}
        for path, p in params.items():
            g = grads.get(path)
            if g is None:
                new_params[path], new_state[path] = p, state[path]
                continue
            if g.shape != p.shape:
                raise ShapeError(
                    f"the gradient of {path!r} has shape {g.shape}, the parameter {p.shape}"
                )
            slots = {k: v if k == "step" else v.copy() for k, v in state[path].items()}
            new = self.optimizer._apply(p.value, g.value, slots, self.options)
            new_params[path], new_state[path] = Tensor._wrap(new), slots
        return new_params, new_state

    def __repr__(self) -> str:
        options = ", ".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.optimizer.__name__}.rule({options})"
