"""``%%model``: a cell whose last expression is a model; built, checked and shown."""

from __future__ import annotations

import ast
import inspect as python_inspect
import keyword
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from nbdl import dtypes, nn
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.shapes import Spec


class CellNamespace(dict):  # type: ignore[type-arg]
    """The global names of a ``%%model`` cell.

    What the cell defines is kept apart until the cell has succeeded; what it reads comes from
    the user's variables, and then from ``nbdl.nn``.
    """

    def __init__(self, user: dict[str, Any]) -> None:
        super().__init__(__name__=user.get("__name__", "__main__"))
        self.user = user
        self.borrowed: dict[str, Any] = {}

    def __missing__(self, name: str) -> Any:
        if name in self.user:
            return self.user[name]
        if name in nn.__all__:
            return getattr(nn, name)
        if name == "nn":
            return nn
        raise KeyError(name)

    def lend_to_class_bodies(self, code: CodeType) -> None:
        """Copy the outer names that class bodies read: there Python skips ``__missing__``."""
        for inner in (c for c in code.co_consts if isinstance(c, CodeType)):
            if not inner.co_flags & python_inspect.CO_OPTIMIZED:
                for name in inner.co_names:
                    if name not in self and (name in self.user or name in nn.__all__):
                        self.borrowed[name] = self[name] = self.__missing__(name)
            self.lend_to_class_bodies(inner)

    def defined(self) -> dict[str, Any]:
        """What the cell defined."""
        return {
            name: value
            for name, value in self.items()
            if not name.startswith("__")
            and not (name in self.borrowed and self.borrowed[name] is value)
        }


@dataclass(frozen=True)
class Built:
    """A model that was built and shape-checked.

    Attributes:
        model: the module.
        inputs: the Specs it was checked with, by name ("" for the only one), or None when no
            input was given and nothing was checked.
        outputs: the Spec(s) of what it returns.
    """

    model: nn.Module
    inputs: dict[str, Spec] | None
    outputs: Any


def evaluate(body: str, filename: str, namespace: CellNamespace) -> Any:
    """Run a cell's source and return its last expression, or the class or function it ends in.

    ``body`` starts on the line after the magic: an empty line stands for the magic's own, so
    that line numbers are those of the cell.
    """
    __tracebackhide__ = True
    tree = ast.parse("\n" + body, filename)
    if not tree.body:
        raise ArgumentError(
            "the %%model cell is empty",
            hint="end it with a model, such as Sequential(Linear(None, 10))",
        )
    last = tree.body[-1]
    if isinstance(last, ast.Expr):
        tree.body.pop()
        _execute(tree, filename, namespace)
        return eval(compile(ast.Expression(last.value), filename, "eval"), namespace)
    _execute(tree, filename, namespace)
    name = _bound_name(last)
    if name is None:
        raise ArgumentError(
            "the %%model cell does not end with a model",
            hint="its last line must be an expression, a class, or the model's name",
        )
    return namespace[name]


def _execute(tree: ast.Module, filename: str, namespace: CellNamespace) -> None:
    __tracebackhide__ = True
    code = compile(tree, filename, "exec")
    namespace.lend_to_class_bodies(code)
    exec(code, namespace)


def _bound_name(statement: ast.stmt) -> str | None:
    """The name a statement binds: of a class, a function, or a plain assignment."""
    if isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
        return statement.name
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return statement.target.id
    return None


def as_module(thing: Any) -> nn.Module:
    """A module from a module, a Module class without required arguments, or a function."""
    if isinstance(thing, nn.Module):
        return thing
    if callable(thing):
        name = getattr(thing, "__name__", "it")
        required = _required_arguments(thing)
        if required:
            raise ArgumentError(
                f"{name} needs the argument(s) {', '.join(required)} to make a model",
                hint=f"end the cell with a call, such as {name}({required[0]}=...)",
            )
        made = thing()
        if isinstance(made, nn.Module):
            return made
        raise ArgumentError(
            f"{name}() returned {type(made).__name__}, not a model",
            hint="return an nn.Module, such as Sequential(...)",
        )
    raise ArgumentError(
        f"the cell's last value is of type {type(thing).__name__}, not a model",
        hint="end the cell with an nn.Module: Sequential(...), your class, or an instance of it",
    )


def _required_arguments(function: Callable[..., Any]) -> list[str]:
    try:
        parameters = python_inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    fixed = (python_inspect.Parameter.VAR_POSITIONAL, python_inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in fixed]


def parse_input(text: str, batch: int = 1) -> tuple[str, Spec]:
    """``"1,8,8"``, ``"ids=int64[256]"`` or ``"float32[3,32,32]"`` as (name, Spec with a batch).

    Raises ArgumentError for what is none of these.
    """
    name, equals, rest = text.partition("=")
    if not equals:
        name, rest = "", text
    name, rest = name.strip(), rest.strip()
    if name and not name.isidentifier():
        raise ArgumentError(f"--input: {name!r} is not the name of an argument")
    dtype = dtypes.default_float()
    sizes = rest
    if "[" in rest:
        kind, _, sizes = rest.partition("[")
        sizes = sizes.rstrip().removesuffix("]")
        dtype = dtypes.as_dtype(kind.strip())
    try:
        shape = tuple(int(n) for n in sizes.split(",") if n.strip())
    except ValueError:
        shape = (-1,)
    if any(n < 1 for n in shape):
        raise ArgumentError(
            f"--input {text!r} is not a shape",
            hint="the sizes of one example without the batch, such as 1,8,8 or ids=int64[256]",
        )
    return name, Spec((batch, *shape), dtype)


def input_specs(inputs: Any) -> dict[str, Spec] | None:
    """Specs with a batch axis from what ``input=`` takes.

    A shape ``(1, 8, 8)``, a text as ``--input`` takes it, a Spec or tensor (with its batch), or
    several of them in a list, or by name in a dictionary.
    """
    if inputs is None:
        return None
    if isinstance(inputs, dict):
        return {name: _one_spec(value) for name, value in inputs.items()}
    if isinstance(inputs, str):
        return dict([parse_input(inputs)])
    if isinstance(inputs, (Spec, Tensor, np.ndarray)):
        return {"": _one_spec(inputs)}
    if isinstance(inputs, (list, tuple)) and all(isinstance(n, int) for n in inputs):
        return {"": _one_spec(inputs)}
    if isinstance(inputs, (list, tuple)):
        named = [parse_input(v) if isinstance(v, str) else ("", _one_spec(v)) for v in inputs]
        if len(named) == 1:
            return dict(named)
        return {name or str(i): spec for i, (name, spec) in enumerate(named)}
    raise ArgumentError(f"input= cannot be {inputs!r}", hint="a shape such as (1, 8, 8)")


def _one_spec(value: Any) -> Spec:
    if isinstance(value, str):
        return parse_input(value)[1]
    if isinstance(value, Spec):
        return value
    if isinstance(value, Tensor):
        return value.spec
    if isinstance(value, np.ndarray):
        return Spec(value.shape, value.dtype)
    return Spec((1, *value), dtypes.default_float())


def build(thing: Any, inputs: Any, name: str) -> Built:
    """A model from ``thing``, shape-checked with ``inputs`` if given, under ``name``."""
    module = as_module(thing)
    module._name = name
    specs = input_specs(inputs)
    if specs is None:
        return Built(module, None, None)
    positional = [s for n, s in specs.items() if not n or n.isdigit()]
    named = {n: s for n, s in specs.items() if n and not n.isdigit()}
    outputs = nn.build(module, *positional, **named)
    _inputs[module] = specs
    return Built(module, specs, outputs)


_inputs: WeakKeyDictionary[nn.Module, dict[str, Spec]] = WeakKeyDictionary()
sources: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()
"""The text of the cell that defined each model: kept with its runs."""


def known_inputs(module: nn.Module) -> dict[str, Spec] | None:
    """The Specs a model was checked with when it was defined, if it was."""
    return _inputs.get(module)


def check_name(name: str, namespace: dict[str, Any]) -> None:
    """Refuse a model's name that is not one, or that would hide something else."""
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ArgumentError(
            f"{name!r} cannot be the name of a variable",
            hint="letters, digits and _ only, not starting with a digit",
        )
    if name in namespace and not isinstance(namespace[name], nn.Module):
        raise ArgumentError(
            f"{name!r} is already a variable of type {type(namespace[name]).__name__}",
            hint=f"choose another name for the model, or run `del {name}` first",
        )


@dataclass(frozen=True)
class Kept:
    """What ``--keep`` carried over: paths of parameters and buffers."""

    carried: tuple[str, ...]
    new: tuple[str, ...]
    dropped: tuple[str, ...]

    def text(self) -> str:
        """One line for the person."""
        parts = [f"kept {len(self.carried)} of {len(self.carried) + len(self.new)} weights"]
        if self.new:
            parts.append(f"new: {', '.join(self.new)}")
        if self.dropped:
            parts.append(f"dropped: {', '.join(self.dropped)}")
        return "; ".join(parts)


def keep_weights(old: nn.Module, new: nn.Module) -> Kept:
    """Copy the values of every parameter and buffer whose path and shape did not change."""
    before, after = _state(old), _state(new)
    carried = [p for p, x in after.items() if p in before and before[p].shape == x.shape]
    for path in carried:
        after[path].data = before[path].detach()
    return Kept(
        tuple(carried),
        tuple(p for p in after if p not in carried),
        tuple(p for p in before if p not in carried),
    )


def _state(module: nn.Module) -> dict[str, Tensor]:
    tensors = dict(module.named_parameters())
    tensors.update(module.named_buffers())
    return tensors
