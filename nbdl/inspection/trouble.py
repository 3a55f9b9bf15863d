"""An error in words for the person: which layer, which line, what was there, what to try."""

from __future__ import annotations

import ast
import linecache
import os
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any

from nbdl.core.op import Op
from nbdl.core.tensor import Tensor
from nbdl.errors import NbdlError
from nbdl.inspection.recording import Call, Recorder, Step
from nbdl.inspection.records import GraphRecord, SourceLine
from nbdl.inspection.wire import clean
from nbdl.nn import Module

_PACKAGE = str(Path(__file__).resolve().parent.parent)
_LIBRARIES = tuple(
    folder + os.sep
    for folder in (_PACKAGE, sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
)
_NOT_A_FILE = re.compile(r"ipykernel_\d+|^<ipython-input|^<stdin>|^<string>")


@dataclass(frozen=True)
class Trouble:
    """What went wrong, and where.

    Attributes:
        kind: the error's class: ShapeError, ArgumentError, …
        message: what was asked, what was given.
        hint: what to try; "" when there is nothing to say.
        layer: ``"3 (Conv2d)"`` of ``model``; "" when no layer was being called.
        model: name of the outermost layer.
        source: the line to change, or None when it is not known.
        start, end: the part of ``source.text`` that is meant.
        shapes: outputs of the layers before, in words: ``"Flatten 6: 1×256"``.
    """

    kind: str
    message: str
    hint: str = ""
    layer: str = ""
    model: str = ""
    source: SourceLine | None = None
    start: int = 0
    end: int = 0
    shapes: tuple[str, ...] = ()


def trouble_of(
    error: NbdlError,
    source: str | None = None,
    filename: str | None = None,
    record: GraphRecord | None = None,
) -> Trouble:
    """An error as a Trouble.

    Args:
        error: as it was caught, with its traceback.
        source: text of the cell that was run, if there was one.
        filename: the name under which that cell was compiled.
        record: the graph up to the failure, for the shapes that led there.
    """
    layers = _layers(error.__traceback__)
    place = _place(error, layers)
    found = None
    start = end = 0
    if place is not None:
        lines = source.splitlines() if source and place.filename == filename else None
        found = located((place.filename, place.line), lines)
        start, end = _part(place, found, lines, layers)
    model, _, path = (error.layer or "").partition(".")
    if error.layer and (not path or "(" in model):
        model, path = "", error.layer
    notes = getattr(error, "__notes__", ())
    return Trouble(
        type(error).__name__, "\n".join((error.message, *notes)), error.hint or "", path, model,
        found, start, end, _shapes_before(record),
    )  # fmt: skip


def trouble_text(trouble: Trouble) -> str:
    """A Trouble as lines of text, with the part of the source line that is meant underlined."""
    where = [f"in layer {trouble.layer}"] if trouble.layer else []
    if trouble.model:
        where.append(f"of {trouble.model}")
    if trouble.source is not None:
        where.append(f"({trouble.source.file}, line {trouble.source.line})")
    lines = [" ".join([trouble.kind, *where])]
    if trouble.source is not None and trouble.source.text:
        number = str(trouble.source.line)
        lines.append(f"  {number} | {trouble.source.text}")
        if trouble.end > trouble.start:
            marks = " " * trouble.start + "^" * (trouble.end - trouble.start)
            lines.append(f"  {' ' * len(number)} | {marks}")
    lines.append(trouble.message)
    if trouble.hint:
        lines.append(f"Try: {trouble.hint}")
    if trouble.shapes:
        lines.append("Before it: " + " → ".join(trouble.shapes))
    return "\n".join(lines)


# ----- where ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """A line, and the columns of an expression in it where Python knows them."""

    filename: str
    line: int
    columns: tuple[int, int] | None = None


def _frames(traceback: TracebackType | None) -> Iterator[tuple[FrameType, TracebackType]]:
    while traceback is not None:
        yield traceback.tb_frame, traceback
        traceback = traceback.tb_next


def _layers(traceback: TracebackType | None) -> list[Module]:
    """The layers that were being called, outermost first."""
    return [
        frame.f_locals["self"]
        for frame, _ in _frames(traceback)
        if frame.f_code is Module.__call__.__code__
    ]


def _place(error: NbdlError, layers: list[Module]) -> _Place | None:
    """In a user's own ``forward`` the line that failed; else where the layer was constructed;
    outside of layers the innermost line that is the user's own."""
    if layers and not type(layers[-1]).__module__.startswith("nbdl."):
        code = getattr(type(layers[-1]).forward, "__code__", None)
        for frame, entry in reversed(list(_frames(error.__traceback__))):
            if frame.f_code is code:
                columns = _columns(frame.f_code, entry)
                return _Place(frame.f_code.co_filename, entry.tb_lineno, columns)
    if error.source is not None:
        return _Place(*error.source)
    for frame, entry in reversed(list(_frames(error.__traceback__))):
        filename = frame.f_code.co_filename
        if _is_own(filename) and linecache.getline(filename, entry.tb_lineno):
            return _Place(filename, entry.tb_lineno, _columns(frame.f_code, entry))
    return None


def _is_own(filename: str) -> bool:
    """Whether a file is the user's own, and not part of a library."""
    installed = re.search(r"[/\\](site|dist)-packages[/\\]", filename)
    return not installed and not filename.startswith(_LIBRARIES)


def _columns(code: CodeType, entry: TracebackType) -> tuple[int, int] | None:
    """Columns of the expression that was being evaluated, if it lies on one line."""
    positions = list(code.co_positions())[entry.tb_lasti // 2]
    first, last, start, end = positions
    return (start, end) if first == last and start is not None and end is not None else None


def located(place: tuple[str, int] | None, lines: list[str] | None = None) -> SourceLine | None:
    """A filename and line as a person knows them, with the line's text.

    Args:
        place: as ``Module._source`` keeps it.
        lines: of the file, where the caller has them; else the line cache is asked, which
            knows notebook cells too.
    """
    if place is None:
        return None
    filename, line = place
    if lines is not None:
        text = lines[line - 1] if 0 < line <= len(lines) else ""
    else:
        text = linecache.getline(filename, line)
    name = "cell" if _NOT_A_FILE.search(filename) else Path(filename).name
    return SourceLine(clean(name), line, clean(text.strip()))


def _part(
    place: _Place, found: SourceLine | None, lines: list[str] | None, layers: list[Module]
) -> tuple[int, int]:
    """Which part of the stripped line to underline."""
    if found is None or not found.text:
        return 0, 0
    lines = lines if lines is not None else linecache.getlines(place.filename)
    whole = lines[place.line - 1] if 0 < place.line <= len(lines) else ""
    indent = len(whole) - len(whole.lstrip())
    columns = place.columns or _call_columns(lines, place.line, layers)
    if columns is None:
        return 0, len(found.text)
    # Python counts columns in bytes of UTF-8.
    start, end = (len(whole.encode()[:column].decode(errors="ignore")) for column in columns)
    return max(start - indent, 0), min(end - indent, len(found.text))


def _call_columns(lines: list[str], line: int, layers: list[Module]) -> tuple[int, int] | None:
    """Columns of the call that constructs the innermost layer, such as ``Linear(500, 10)``."""
    if not layers:
        return None
    kind, name = type(layers[-1]).__name__, layers[-1]._name.rpartition(".")[2]
    body = "\n".join("" if text.startswith("%%") else text.rstrip("\n") for text in lines)
    try:
        tree = ast.parse(body)
    except (SyntaxError, ValueError):
        return None
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    fitting = [
        node for node in calls if node.lineno == node.end_lineno == line and _called(node) == kind
    ]
    if name.isdigit() and len(fitting) > 1:
        inside = {id(call.args[int(name)]) for call in calls if len(call.args) > int(name)}
        fitting = [node for node in fitting if id(node) in inside] or fitting
    if not fitting:
        return None
    return fitting[0].col_offset, fitting[0].end_col_offset or fitting[0].col_offset


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _shapes_before(record: GraphRecord | None) -> tuple[str, ...]:
    """The last few operations before the failure, with the shapes they made."""
    if record is None:
        return ()
    done = [n for n in record.nodes if n.kind in ("op", "input") and n.outputs and not n.status]
    return tuple(
        f"{node.type or node.label} {'×'.join(map(str, node.outputs[0].shape)) or 'scalar'}"
        for node in done[-4:]
    )


# ----- the failed operation as part of the graph --------------------------------------------


def failed_step(recorder: Recorder, error: NbdlError) -> None:
    """Add what failed to what a recorder saw: the operation, in the layer that called it."""
    call = recorder.calls.root
    for layer in _layers(error.__traceback__):
        last = call.members[-1] if call.members else None
        if isinstance(last, Call) and last.layer is layer:
            call = last
            continue
        inner = Call(layer, call)
        call.members.append(inner)
        call = inner
    call.failed = error.message
    op, name, tensors = _operation(error)
    step = Step("op", name if op is None else "", op=op, failed=error.message)
    step.inputs = tuple(x.spec for x in tensors)
    sources = [recorder.source(x) for x in tensors]
    step.sources = [source for source in sources if source is not None]
    call.members.append(step)
    recorder.steps.append(step)


def _operation(error: NbdlError) -> tuple[Op | None, str, list[Tensor]]:
    """The operation that refused its inputs, or the function that did before it was called."""
    name, tensors = "", []
    inside = False
    for frame, _ in _frames(error.__traceback__):
        code, held = frame.f_code, frame.f_locals
        if code is Module.__call__.__code__:
            inside, name = False, ""
            tensors = [x for x in held.get("args", ()) if isinstance(x, Tensor)]
        elif code is Op.__call__.__code__:
            return held["self"], "", list(held["inputs"])
        elif not inside and code.co_filename.startswith(f"{_PACKAGE}/ops"):
            inside, name = True, code.co_name
            tensors = [x for x in _arguments(code, held) if isinstance(x, Tensor)] or tensors
    return None, name or "forward", tensors


def _arguments(code: CodeType, held: dict[str, Any]) -> list[Any]:
    return [held.get(name) for name in code.co_varnames[: code.co_argcount]]
