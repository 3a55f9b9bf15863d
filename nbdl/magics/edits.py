"""``%%model NAME --keep``: what an edited model takes over, and what is said of it: which layers
were carried over, from where, which are new."""

from __future__ import annotations

from html import escape
from typing import Any

from nbdl import nn, training
from nbdl.magics import show
from nbdl.nn.carrying import Carried, Found, Layer
from nbdl.training.active import run_of

_ROWS = 24
"""So many changed layers are listed."""

_STYLE = "text-align:left;padding:1px 12px 1px 0"


def keep(shell: Any, old: nn.Module | None, new: nn.Module) -> None:
    """Carry over what a model has learned, and say so."""
    if old is None:
        training.goes_on(new)
        return
    run = run_of(old)
    note = "" if run is None else (
        f"run {run.id} goes on training the model as it was; once it is stopped, --resume "
        "goes on with this one"
    )  # fmt: skip
    show.report(shell, Report(training.carry_over(old, new), note))


class Report:
    """A table of what became of each layer; text in a terminal.

    Args:
        carried: what was found.
        note: a sentence to add, or "".
    """

    def __init__(self, carried: Carried, note: str = "") -> None:
        self.carried, self.note = carried, note

    def title(self) -> str:
        """The counts."""
        found = self.carried
        pairs = found.pairs
        moved = sum(now != before for now, before in pairs.items())
        total = len(pairs) + len(found.resized) + len(found.new)
        counts = ((moved, "found under another name"), (len(found.resized), "of another shape"),
                  (len(found.new), "new"), (len(found.dropped), "dropped"))  # fmt: skip
        parts = [f"kept {len(pairs)} of {total} weights"]
        return "; ".join(parts + [f"{count} {what}" for count, what in counts if count])

    def rows(self) -> list[tuple[str, str]]:
        """(layer, what became of it): those that are as before together, then each other one."""
        cast = self.carried.cast
        same = [f.now for f in self.carried.layers if f.now and not changes(f, cast)]
        changed = [f for f in self.carried.layers if changes(f, cast)]
        rows = [(_listed(same), "as before")] if same else []
        rows += [(_named(f.now or f.before), changes(f, cast)) for f in changed[:_ROWS]]
        if len(changed) > _ROWS:
            rows.append((f"and {len(changed) - _ROWS} more", ""))
        return rows

    def text(self) -> str:
        """The table as text."""
        rows = self.rows()
        width = max((len(layer) for layer, _ in rows), default=0)
        lines = [f"  {layer:<{width}}  {what}".rstrip() for layer, what in rows]
        return "\n".join([self.title(), *lines, *([self.note] if self.note else [])])

    def html(self) -> str:
        """The table for a notebook."""
        rows = "".join(
            f'<tr><td style="{_STYLE}"><code>{escape(layer)}</code></td>'
            f'<td style="{_STYLE}">{escape(what)}</td></tr>'
            for layer, what in self.rows()
        )
        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        return f"<table><caption>{escape(self.title())}</caption>{rows}</table>{note}"

    def mime_bundle(self) -> dict[str, Any]:
        """As an output of a cell."""
        return {"text/html": self.html(), "text/plain": self.text()}


def changes(found: Found, cast: Any) -> str:
    """What became of a layer in words; "" where it is as before."""
    now, before = found.now, found.before
    if now is None:
        return "dropped"
    if before is None:
        unknown = None in now.shapes.values()
        return "new; its sizes are not known yet: give --input" if unknown else "new"
    said = [] if now.path == before.path else [f"from {before.path or 'the whole'}"]
    said += [_fresh(name, now, before) for name in now.shapes if name not in found.carried]
    said += [f"{name} is not there any more" for name in before.shapes if name not in now.shapes]
    dtypes = {cast[path] for name in found.carried if (path := now.full(name)) in cast}
    said += [f"cast from {old} to {new}" for old, new in sorted(dtypes)]
    return ", ".join(said)


def _fresh(name: str, now: Layer, before: Layer) -> str:
    """Of a tensor that was not carried over in a layer that was."""
    if name not in before.shapes:
        return f"{name} new"
    return f"{name} new: {_shape(now.shapes[name])}, it was {_shape(before.shapes[name])}"


def _shape(shape: Any) -> str:
    return "not known yet" if shape is None else str(list(shape))


def _named(layer: Layer | None) -> str:
    assert layer is not None
    return f"{layer.path} {layer.kind}".strip()


def _listed(layers: list[Layer]) -> str:
    if len(layers) <= 6:
        return ", ".join(map(_named, layers))
    return f"{_named(layers[0])} and {len(layers) - 1} more layers"
