"""Carrying what an older model has learned into an edited one: layers are found again by name, and
where their numbers have shifted, by the order of their kinds and shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.nn.module import Module
from nbdl.nn.parameter import Unsized
from nbdl.nn.state import at_rest
from nbdl.shapes import Shape

_NAMED, _PLACED, _SAME_PLACE = 1_000_000, 1_000, 1
"""What finding a layer again is worth: under its name; by kind and shapes; both, where the name is
a place in a sequence, which says little after an edit."""


@dataclass(frozen=True)
class Layer:
    """A layer that holds tensors itself.

    Attributes:
        path: where it lies in the model.
        kind: the name of its class; "" where only its tensors are known.
        shapes: of its parameters and buffers by name; None where one is not known yet.
    """

    path: str
    kind: str
    shapes: Mapping[str, Shape | None]

    def full(self, name: str) -> str:
        """The path of one of its tensors."""
        return f"{self.path}.{name}" if self.path else name

    @property
    def is_named(self) -> bool:
        """Whether no part of its path is only a number."""
        return not any(part.isdigit() for part in self.path.split("."))


@dataclass(frozen=True)
class Found:
    """What became of one layer in an edit.

    Attributes:
        now, before: the layer in the edited and in the older model; None where it has none.
        carried: names of the tensors that were carried over.
    """

    now: Layer | None
    before: Layer | None
    carried: tuple[str, ...] = ()


@dataclass(frozen=True)
class Carried:
    """What ``carry`` has found, in the order of the edited model, dropped layers last.

    Attributes:
        cast: paths whose dtype differs: (dtype before, dtype now).
    """

    layers: tuple[Found, ...]
    cast: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def pairs(self) -> dict[str, str]:
        """Path of each tensor that was carried over: its path in the older model."""
        return {
            f.now.full(name): f.before.full(name)
            for f in self.layers
            if f.now and f.before
            for name in f.carried
        }

    @property
    def resized(self) -> list[str]:
        """Paths of tensors that are in both models, and now of another shape."""
        return [
            f.now.full(name)
            for f in self.layers if f.now and f.before
            for name in f.now.shapes if name in f.before.shapes and name not in f.carried
        ]  # fmt: skip

    @property
    def new(self) -> list[str]:
        """Paths of tensors that the older model has not."""
        return [
            f.now.full(name)
            for f in self.layers if f.now
            for name in f.now.shapes if f.before is None or name not in f.before.shapes
        ]  # fmt: skip

    @property
    def dropped(self) -> list[str]:
        """Paths, in the older model, of tensors that the edited one has not."""
        return [
            f.before.full(name)
            for f in self.layers if f.before
            for name in f.before.shapes if f.now is None or name not in f.now.shapes
        ]  # fmt: skip


def layers_of(model: Module) -> list[Layer]:
    """The layers of a model that hold tensors themselves; a shared one at its first place."""
    seen: set[int] = set()
    found = []
    for path, module in model.named_modules():
        own = {
            name: t for name, t in (module._parameters | module._buffers).items()
            if t is not None and id(t) not in seen
        }  # fmt: skip
        seen.update(map(id, own.values()))
        if own:
            shapes = {name: None if type(t) is Unsized else t.shape for name, t in own.items()}
            found.append(Layer(path, type(module).__name__, shapes))
    return found


def layers_in(tensors: Mapping[str, Any]) -> list[Layer]:
    """The layers that tensors by path belong to, where the model itself is not there."""
    found: dict[str, dict[str, Shape | None]] = {}
    for full, t in tensors.items():
        path, _, name = full.rpartition(".")
        found.setdefault(path, {})[name] = tuple(t.shape)
    return [Layer(path, "", shapes) for path, shapes in found.items()]


def carry(
    old: Module | Mapping[str, Any], new: Module, layers: Sequence[Layer] | None = None
) -> Carried:
    """Copy the values of each parameter and buffer of ``old`` that ``new`` still has.

    A layer is found again under its name; one whose number has shifted, by its kind and shapes in
    the order of the layers (their longest common subsequence). Of one whose sizes have changed,
    tensors with the same shape as before are carried. Values are cast to the new dtype.

    Args:
        old: the older model, which stays as it is, or tensors by path.
        new: the edited one.
        layers: of the older model, where its tensors alone are given and more is known.
    """
    if isinstance(old, Module):
        with at_rest(old):
            layers, before = layers_of(old), _tensors(old)
    else:
        layers, before = layers_in(old) if layers is None else layers, dict(old)
    found, after = match(layers, layers_of(new)), _tensors(new)
    cast = {}
    with at_rest(new):
        for path, source in found.pairs.items():
            target, value = after[path], before[source]
            value = value.detach() if isinstance(value, Tensor) else Tensor(value)
            if value.dtype != target.dtype:
                cast[path] = (str(value.dtype), str(target.dtype))
            target.data = value.to(target.dtype).to(target.device)
    return Carried(found.layers, cast)


def _tensors(module: Module) -> dict[str, Any]:
    """Parameters and buffers by path, those whose sizes are not known yet left out."""
    return {
        f"{path}.{name}" if path else name: t
        for path, part in module.named_modules()
        for name, t in (part._parameters | part._buffers).items()
        if isinstance(t, Tensor)
    }


# ----- matching ---------------------------------------------------------------------------------


def match(old: Sequence[Layer], new: Sequence[Layer]) -> Carried:
    """Which layer of an edited model is which of the older one."""
    partner = dict(_in_order(old, new))  # place in new -> place in old
    left = {layer.path: i for i, layer in enumerate(old) if i not in partner.values()}
    for j, layer in enumerate(new):
        i = left.get(layer.path)
        if j not in partner and i is not None and _is_kind(old[i], layer):
            partner[j] = left.pop(layer.path)
    found = [
        Found(layer, old[partner[j]], _alike(old[partner[j]], layer)) if j in partner
        else Found(layer, None)
        for j, layer in enumerate(new)
    ]  # fmt: skip
    gone = (Found(None, layer) for i, layer in enumerate(old) if i not in partner.values())
    return Carried((*found, *gone))


def _is_kind(old: Layer, new: Layer) -> bool:
    return not old.kind or old.kind == new.kind


def _alike(old: Layer, new: Layer) -> tuple[str, ...]:
    """The names of the tensors that have one shape in both."""
    return tuple(n for n, shape in new.shapes.items() if shape and old.shapes.get(n) == shape)


def _worth(old: Layer, new: Layer) -> int:
    """What it is worth to say that a layer is the other; 0 if it cannot be."""
    if old.shapes != new.shapes or None in new.shapes.values() or not _is_kind(old, new):
        return 0
    if old.path != new.path:
        return _PLACED
    return _NAMED if new.is_named else _PLACED + _SAME_PLACE


def _in_order(old: Sequence[Layer], new: Sequence[Layer]) -> Iterable[tuple[int, int]]:
    """Pairs (place in new, place in old) in the same order in both, worth most in all."""
    start = 0  # a common beginning need not be thought about
    while start < min(len(old), len(new)) and _is_same(old[start], new[start]):
        yield start, start
        start += 1
    n, m = len(old), len(new)
    best = [[0] * (m + 1) for _ in range(n + 1)]
    for i in range(n - 1, start - 1, -1):
        for j in range(m - 1, start - 1, -1):
            worth = _worth(old[i], new[j])
            best[i][j] = max(best[i + 1][j], best[i][j + 1], worth and worth + best[i + 1][j + 1])
    i = j = start
    while i < n and j < m:
        worth = _worth(old[i], new[j])
        if worth and best[i][j] == worth + best[i + 1][j + 1]:
            yield j, i
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1


def _is_same(old: Layer, new: Layer) -> bool:
    return old.path == new.path and bool(_worth(old, new))
