"""A module's state as a flat dictionary of tensors by path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from nbdl.core.needs import rules
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, did_you_mean
from nbdl.nn.parameter import Unsized

if TYPE_CHECKING:
    from nbdl.nn.module import Module


class LoadResult(NamedTuple):
    """What ``load_state_dict(strict=False)`` passed over."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"LoadResult(missing={self.missing_keys}, unexpected={self.unexpected_keys})"


def members(module: Module, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """``(path, tensor)`` of all parameters and persistent buffers; shared ones at every path."""
    own = {**module._parameters}
    own.update((k, v) for k, v in module._buffers.items() if module._buffer_names[k])
    for name, value in own.items():
        if value is not None:
            yield prefix + name, value
    for name, child in module._modules.items():
        yield from members(child, f"{prefix}{name}.")


keepers: WeakKeyDictionary[Module, Callable[[], AbstractContextManager[None]]] = (
    WeakKeyDictionary()
)
"""Models that are changed step by step in a thread; each with what holds it between two steps."""


def at_rest(module: Module) -> AbstractContextManager[None]:
    """The module stands still for the time of the block, if a thread is changing it."""
    keeper = keepers.get(module)
    return nullcontext() if keeper is None else keeper()


def state_dict(module: Module, prefix: str, keep_vars: bool) -> dict[str, Tensor]:
    """Parameters and persistent buffers by path."""
    found = {}
    with at_rest(module):
        for path, value in members(module, prefix):
            if type(value) is Unsized:
                raise value.refuse(path)
            found[path] = value if keep_vars else value.detach()
    return found


def load_state_dict(
    module: Module, given: Mapping[str, Any], strict: bool, assign: bool
) -> LoadResult:
    """Check everything, then copy: a state that does not fit changes nothing."""
    if not isinstance(given, Mapping):
        raise ArgumentError(
            f"load_state_dict needs a dictionary of tensors by name, got {type(given).__name__}",
            hint="model.state_dict() makes one; nbdl.load(path) reads one",
        )
    own = dict(members(module))
    for path, value in own.items():
        if type(value) is Unsized:
            raise value.refuse(path)
    values = {path: _own(given[path]) for path in own if path in given}
    missing = [path for path in own if path not in given]
    unexpected = [path for path in given if path not in own]
    wrong = [path for path, v in values.items() if v.shape != own[path].shape]
    if wrong or (strict and (missing or unexpected)):
        raise _mismatch(module, own, values, wrong, missing, unexpected, strict)
    with at_rest(module):
        for path, value in values.items():
            target = own[path]
            value = value.detach().to(target.device)
            target.value = (value if assign else value.to(target.dtype)).value
    return LoadResult(missing, unexpected)


def _own(value: Any) -> Tensor:
    """``value`` as a tensor; an array that its owner may change is copied."""
    if type(value) is np.ndarray and value.flags.writeable:
        value = value.copy()
    return rules.astensor(value)


def _mismatch(
    module: Module,
    own: Mapping[str, Any],
    values: Mapping[str, Tensor],
    wrong: list[str],
    missing: list[str],
    unexpected: list[str],
    strict: bool,
) -> ArgumentError:
    """One error that names every mismatch."""
    lines = [f"the state does not fit this {type(module).__name__}:"]
    for path in wrong:
        lines.append(
            f"  {path}: the model has shape {own[path].shape}, the state {values[path].shape}"
        )
    if strict:
        lines += [f"  {path}: missing from the state" for path in missing]
        for path in unexpected:
            lines.append(f"  {path}: not in the model{did_you_mean(path, missing)}")
    hint = "load it into a model of the same architecture"
    if strict and not wrong:
        hint += "; strict=False loads what fits by name"
    return ArgumentError("\n".join(lines), hint=hint)
