"""``model.summary()``: the table as Keras prints it."""

from __future__ import annotations

from typing import Any

from nbdl.keras.layers.base import InputLayer, Layer
from nbdl.nn import Parameter


def summary_lines(model: Any, width: int = 80) -> list[str]:
    """The lines of the table; layers that are not built have '?'."""
    rows = [
        (f"{_name(layer)} ({type(layer).__name__})", _shape_text(shape), _count(layer))
        for layer, shape in model._rows()
    ]
    columns = _columns(rows, width)
    lines = [f'Model: "{model.name}"', _rule("┏━┳┓", columns)]
    lines.append(_row("┃", ("Layer (type)", "Output Shape", "Param #"), columns))
    lines.append(_rule("┡━╇┩", columns))
    for i, row in enumerate(rows):
        if i:
            lines.append(_rule("├─┼┤", columns))
        lines.append(_row("│", row, columns))
    lines.append(_rule("└─┴┘", columns))
    return lines + _totals(model)


def _columns(rows: list[tuple[str, str, str]], width: int) -> list[int]:
    """Inner widths: Keras's shares of the line, or what the longest cell needs."""
    shares = (0.45, 0.30, 0.25)
    usual = [int(width * s) for s in shares]
    usual = [usual[0] - 3, usual[1], width - usual[0] - usual[1] - 5]
    needed = [max(len(row[i]) for row in rows) + 2 if rows else 0 for i in range(3)]
    return [max(a, b) for a, b in zip(usual, needed, strict=True)]


def _rule(marks: str, columns: list[int]) -> str:
    left, line, middle, right = tuple(marks)
    return left + middle.join(line * n for n in columns) + right


def _row(bar: str, cells: tuple[str, str, str], columns: list[int]) -> str:
    a, b, c = columns
    return f"{bar} {cells[0]:<{a - 2}} {bar} {cells[1]:<{b - 2}} {bar} {cells[2]:>{c - 2}} {bar}"


def _name(layer: Any) -> str:
    return layer.name if isinstance(layer, Layer) else layer._name


def _shape_text(shape: Any) -> str:
    if shape is None:
        return "?"
    if shape and isinstance(shape[0], tuple):
        return ", ".join(map(_shape_text, shape))
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def _count(layer: Any) -> str:
    if isinstance(layer, Layer) and not layer.built:
        return "0 (unbuilt)"
    return f"{sum(t.size for t in _weights(layer)):,}"


def _weights(layer: Any) -> list[Any]:
    return layer.weights if isinstance(layer, Layer) else [*layer.parameters(), *layer.buffers()]


def _totals(model: Any) -> list[str]:
    weights = [w for layer, _ in model._rows() if not isinstance(layer, InputLayer)
               for w in _weights(layer)]  # fmt: skip
    trained = [w for w in weights if isinstance(w, Parameter) and w.requires_grad]
    rest = [w for w in weights if not (isinstance(w, Parameter) and w.requires_grad)]
    lines = [
        f" {title} params: {sum(w.size for w in part):,} ({_memory(sum(w.nbytes for w in part))})"
        for title, part in (("Total", weights), ("Trainable", trained), ("Non-trainable", rest))
    ]
    bound = getattr(model.optimizer, "bound", None)
    state = [] if bound is None else [
        a for slots in bound.state.values() for name, a in slots.items() if name != "step"
    ]  # fmt: skip
    if state:
        memory = _memory(sum(a.nbytes for a in state))
        lines[0] = _with_state(weights, state)
        lines.append(f" Optimizer params: {sum(a.size for a in state):,} ({memory})")
    return lines


def _with_state(weights: list[Any], state: list[Any]) -> str:
    size = sum(t.size for t in (*weights, *state))
    return f" Total params: {size:,} ({_memory(sum(t.nbytes for t in (*weights, *state)))})"


def _memory(nbytes: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if nbytes < 1024 or unit == "GB":
            break
        nbytes /= 1024
    return f"{nbytes:.2f} {unit}"
