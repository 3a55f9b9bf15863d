"""``%%model``: a cell whose last expression is a model; built, checked and shown."""

from __future__ import annotations

import ast
import builtins
import inspect as python_inspect
import keyword
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType
from typing import Any
from weakref import WeakKeyDictionary

from nbdl import nn
from nbdl.errors import ArgumentError
from nbdl.nn.inferred import check_arguments
from nbdl.shapes import Spec


class CellNamespace(dict):
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

    def hand_over(self) -> dict[str, Any]:
        """What the cell defined, which belongs to the user's variables from now on: functions
        of the cell find it there, and see it when it is changed."""
        defined = self.defined()
        for name in [name for name in self if not name.startswith("__")]:
            del self[name]
        return defined

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


def on_its_lines(cell: str, transformed: str) -> str:
    """A cell's body as IPython has transformed it, moved to the lines it stands on.

    The first line is the magic's own; IPython drops empty lines at the beginning.
    """
    text = cell.lstrip()
    return "\n" * (1 + cell[: len(cell) - len(text)].count("\n")) + transformed


def evaluate(body: str, filename: str, namespace: CellNamespace) -> Any:
    """Run a cell's source and return its last expression, or the class or function it ends in."""
    __tracebackhide__ = True
    tree = ast.parse(body, filename)
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


def build(module: nn.Module, inputs: dict[str, Spec] | None, name: str) -> Built:
    """``module``, shape-checked with ``inputs`` if given, under ``name``."""
    before = module._name
    module._name = name
    if inputs is None:
        return Built(module, None, None)
    positional, named = _sorted(inputs)
    try:
        outputs = nn.build(module, *positional, **named)
    except BaseException:
        module._name = before
        raise
    _inputs[module] = inputs
    return Built(module, inputs, outputs)


def check_inputs(module: nn.Module, inputs: dict[str, Spec] | None) -> None:
    """Refuse inputs that the model's ``forward`` does not take, before it is called."""
    if inputs is not None:
        check_arguments(module, *_sorted(inputs))


def _sorted(inputs: dict[str, Spec]) -> tuple[list[Spec], dict[str, Spec]]:
    """Inputs without a name, and those with one."""
    positional = [spec for name, spec in inputs.items() if not name or name.isdigit()]
    return positional, {n: spec for n, spec in inputs.items() if n and not n.isdigit()}


_inputs: WeakKeyDictionary[nn.Module, dict[str, Spec]] = WeakKeyDictionary()
def known_inputs(module: nn.Module) -> dict[str, Spec] | None:
    """The Specs a model was checked with when it was defined, if it was."""
    return _inputs.get(module)


def check_variable(name: str) -> None:
    """Refuse what cannot be the name of a variable."""
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ArgumentError(
            f"{str(name)!r} cannot be the name of a variable",
            hint="letters, digits and _ only, not starting with a digit",
        )


def check_name(name: str, namespace: dict[str, Any]) -> None:
    """Refuse a model's name that is not one, or that would hide something else."""
    check_variable(name)
    owner = "Python" if hasattr(builtins, name) else "nbdl.nn" if name in nn.__all__ else None
    if owner is not None:
        raise ArgumentError(
            f"{str(name)!r} is a name of {owner}, which the model would hide",
            hint="choose another name for the model",
        )
    if name in namespace and not isinstance(namespace[name], nn.Module):
        raise ArgumentError(
            f"{str(name)!r} is already a variable of type {type(namespace[name]).__name__}",
            hint=f"choose another name for the model, or run `del {name}` first",
        )
