"""Every operation, by family.

The only floor that knows a derivative, a FLOP count or a kernel text. Importing it puts the
declared methods on Tensor and hands core the few operations it needs.
"""

from __future__ import annotations

from types import ModuleType

from nbdl.core.op import registry
from nbdl.core.tensor import Tensor, rules
from nbdl.ops import (
    activation,
    arithmetic,
    broadcasting,
    contraction,
    conversion,
    creation,
    indexing,
    movement,
    random,
)

FAMILIES: tuple[ModuleType, ...] = (
    conversion,
    creation,
    arithmetic,
    broadcasting,
    movement,
    contraction,
    indexing,
    activation,
    random,
)
"""The modules that define operations, in the order of their imports."""


def _door(module: ModuleType, op_name: str, methods: tuple[str, ...]) -> object:
    """The public function of an operation: named as the operation or as its first method."""
    for name in (op_name, *methods):
        door = getattr(module, name, None)
        if callable(door):
            return door
    raise TypeError(f"{module.__name__} has no function for the operation {op_name}")


def _put_methods_on_tensor() -> None:
    """One visible loop: what operations declare in ``method`` and modules in METHODS."""
    modules = {m.__name__: m for m in FAMILIES}
    for op in registry.values():
        methods = (op.method,) if isinstance(op.method, str) else op.method
        if methods and op.__module__ in modules:
            door = _door(modules[op.__module__], op.name, methods)
            for method in methods:
                setattr(Tensor, method, door)
    for module in FAMILIES:
        for method, door in getattr(module, "METHODS", {}).items():
            setattr(Tensor, method, door)


_put_methods_on_tensor()

rules.add = arithmetic.add
rules.ones_like = creation.ones_like
rules.zeros = creation.zeros_of
rules.sum_to = broadcasting.sum_to
rules.cast = conversion.cast
rules.set_item = indexing.setitem
rules.astensor = conversion.astensor
