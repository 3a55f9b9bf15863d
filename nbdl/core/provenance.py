"""Where a tensor comes from: the operation, the layer, and the lines of the cell that called it.

A layer call notes from where it was made, and an operation keeps the layer it was in; so it costs
a fraction of a microsecond a layer, and nothing an operation. Lines are worked out when asked.
"""

from __future__ import annotations

import linecache
import os
from types import FrameType
from typing import Any, NamedTuple

from nbdl import errors
from nbdl.core.lines import Line, calls_of
from nbdl.core.modes import Scope
from nbdl.core.tape import Node, Pick
from nbdl.core.tensor import Tensor

_AFTER = 8
"""So many operations outside of layers are looked through to find the layer before them."""


class MadeBy(NamedTuple):
    """Where a tensor comes from; as text, one sentence.

    Attributes:
        op: the operation that made it, such as ``"Linear"``; "" if that was not recorded.
        layer: path and type of the layer it was in, such as ``"lenet.3 (Conv2d)"``; or of the
            layer whose output it was computed from, outside of layers.
        inside: whether the operation was in that layer.
        calls: (file, line) of the user's code that called the layer, outermost first.
        source: (file, line) where the layer was constructed, or None.
    """

    op: str
    layer: str
    inside: bool
    calls: tuple[Line, ...]
    source: Line | None

    def __str__(self) -> str:
        words = [self.op] if self.op else []
        if self.layer:
            words.append(("in layer " if self.inside else "after layer ") + self.layer)
        text = " ".join(words)
        if self.calls:
            text += ", called at " + " → ".join(map(_words, self.calls))
        if self.source:
            text += f", made at {_words(self.source)}"
        return text


def _words(line: Line) -> str:
    """``line 3: `text```, with the file's name where it is one."""
    filename, number = line
    text = linecache.getline(filename, number).strip()
    name = f" of {os.path.basename(filename)}" if os.path.exists(filename) else ""
    return f"line {number}{name}" + (f": `{text}`" if text else "")


def made_by(x: Tensor) -> MadeBy | None:
    """Where a tensor comes from, or None for one that the user made."""
    node = _node(x.node)
    if node is None:
        scope = getattr(x, "made", None)
        return None if scope is None else _described("", scope, True)
    op, inside = node.op.title, node.scope is not None
    line = (node.extra or {}).get("line")
    at: Node | None = node
    for _ in range(_AFTER):
        if at is None or at.scope is not None:
            break
        at = _node(next((e for e in at.edges if e is not None), None))
    return _described(op, None if at is None else at.scope, inside, line)


def _node(node: Any) -> Node | None:
    if type(node) is Pick:
        node = node.edges[0]
    return node if type(node) is Node else None


def _described(op: str, scope: Scope | None, inside: bool, line: Line | None = None) -> MadeBy:
    if scope is None:
        return MadeBy(op, "", False, () if line is None else (line,), None)
    calls = calls_of(scope)
    if line is not None and line not in calls:
        calls = (*calls, line)
    return MadeBy(op, words_of(scope), inside, calls, scope.layer._source)


def words_of(scope: Scope) -> str:
    """Path and type of the layer."""
    return f"{scope.path()} ({type(scope.layer).__name__})".lstrip()


def name_layer(error: errors.NbdlError, node: Node) -> None:
    """Tell an error in backward of which layer's operation the gradient was."""
    if node.scope is not None and error.layer is None:
        error.layer = words_of(node.scope)
        error.source = node.scope.layer._source
        for line in calls_of(node.scope)[-1:]:
            error.add_note(f"in the gradient of {node.op.title}, called at {_words(line)}")


def origins(frame: FrameType) -> list[str]:
    """Of a function that raises: which of its arguments are outputs of layers, and of which."""
    code, held = frame.f_code, frame.f_locals
    notes = []
    for name in code.co_varnames[: code.co_argcount]:
        x: Any = held.get(name)
        made = made_by(x) if isinstance(x, Tensor) else None
        if made is not None and made.layer:
            where = made._replace(source=None)
            notes.append(f"{name}, of shape {tuple(x.shape)}, comes from {where}")
    return notes


errors.origins = origins
