"""What is plainly wrong in the layers of a run, in words: the layer, the steps, what to try.

Findings speak only where the case is plain; between lie all healthy networks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl.inspection.records import Finding

RECENT = 16
"""Samples at the end of a run that findings about 'now' are made from."""

MOST = 6
"""So many findings are told."""

VANISHED = 1e-7
VANISHED_BESIDE = 1e-5  # against the layer with the greatest norm
EXPLODED = 1e3
GROWN = 1e3  # now against the start
UPDATE_LARGE, UPDATE_SMALL = 1e-1, 1e-4
"""A step's change over the weights. CS231n's notes (Karpathy) call about 1e-3 usual."""
DEAD = 0.5  # of a ReLU's units
SATURATED = 0.8  # of the outputs of a bounded activation


@dataclass(frozen=True)
class _Norms:
    """Norms of the layers that are trained: (samples, layers) each."""

    layers: list[str]
    steps: np.ndarray
    norms: np.ndarray
    weights: np.ndarray
    updates: np.ndarray

    @classmethod
    def of(cls, gradients: Any, frozen: Collection[str]) -> _Norms:
        table, n = np.asarray(gradients.table()), len(gradients.layers)
        kept = [i for i, layer in enumerate(gradients.layers) if layer not in frozen]
        parts = [table[:, 1 + k * n : 1 + (k + 1) * n][:, kept] for k in range(3)]
        return cls([gradients.layers[i] for i in kept], table[:, 0], *parts)


def findings(gradients: Any, activations: Any = None) -> tuple[Finding, ...]:
    """What is plainly right or wrong in the layers of a run, the worst first.

    Args:
        gradients: ``history.gradients`` of a run.
        activations: ``history.activations``, if there are any.

    Returns:
        Nothing where nothing was sampled.
    """
    frozen = getattr(gradients, "frozen", ())
    part = _Norms.of(gradients, frozen)
    has_looks = activations is not None and len(activations) > 0
    if not len(part.steps) or not part.layers:
        return ()
    broken = _not_finite(part, activations if has_looks else None)
    if broken:
        return (broken,)
    found = [*_sizes(part), *_untouched(part)]
    found += _outputs(activations) if has_looks else []
    found += _updates(part)
    calm = [_frozen(sorted(frozen))] if frozen else []
    if found:
        return tuple([*found, *calm][:MOST])
    low, high = _recent(part.norms).min(), _recent(part.norms).max()
    text = f"Norms lie between {low:.2g} and {high:.2g}."
    return (Finding("good", "Gradients reach every layer.", text), *calm)


def _recent(values: np.ndarray) -> np.ndarray:
    """The median of each layer over the last samples."""
    return np.median(values[-RECENT:], axis=0)


def _when(steps: np.ndarray) -> str:
    """Of which steps a finding about 'now' is."""
    first, last = int(steps[-RECENT:][0]), int(steps[-1])
    return f"Seen at step {last}." if first == last else f"Seen at steps {first} to {last}."


# ----- not finite --------------------------------------------------------------------------------


def _not_finite(part: _Norms, activations: Any) -> Finding | None:
    """Where it began: on the way forward if an output is bad in the first bad step."""
    backward = ~np.isfinite(part.norms)
    row = int(backward.any(axis=1).argmax()) if backward.any() else -1
    step = part.steps[row] if row >= 0 else np.inf
    if activations is not None:
        found = _bad_output(activations, step)
        if found is not None:
            return found
    if row < 0:
        return None
    # Backward runs from the last layer to the first: the last bad one is where it began.
    column = int(np.flatnonzero(backward[row])[-1])
    layer = part.layers[column]
    others = int(backward[row].sum()) - 1
    also = f" {others} other layers are hit in the same step." if others else ""
    return Finding(
        "bad",
        f"The gradient of {layer} became {_kind(part.norms[row, column])} at step {int(step)}.",
        f"It began backward: this is the bad layer nearest to the loss.{also} Train the step again "
        "within nbdl.detect_anomaly() to see the operation, or try a lower learning rate.",
        layer,
    )


def _bad_output(activations: Any, before: float) -> Finding | None:
    """The first layer, in the order of the forward pass, whose output is not finite."""
    means, zeros = activations.part("mean"), activations.part("zeros")
    bad = ~np.isfinite(means) & np.isfinite(zeros)
    if not bad.any():
        return None
    row = int(bad.any(axis=1).argmax())
    step = int(activations.steps[row])
    if step > before:
        return None
    column = int(bad[row].argmax())
    layer = activations.layers[column]
    return Finding(
        "bad",
        f"The output of {layer} became {_kind(means[row, column])} at step {step}.",
        "It began forward: no layer before it is bad. Try a lower learning rate or gradient "
        "clipping; a log or sqrt of what is not positive, or a division by 0, needs an eps.",
        layer,
    )


def _kind(value: float) -> str:
    return "NaN" if np.isnan(value) else "infinite"


# ----- gradients ---------------------------------------------------------------------------------


def _sizes(part: _Norms) -> list[Finding]:
    now = _recent(part.norms)
    zero = np.flatnonzero(now == 0)
    exploding = _exploding(part, now)
    # Beside an exploding layer all others look small; only the absolute limit means something.
    limit = VANISHED if exploding else max(VANISHED, VANISHED_BESIDE * float(now.max()))
    small = (now > 0) & (now < limit)
    vanishing = _vanishing(part, now, int(np.where(small, now, np.inf).argmin()))
    return [
        *([exploding] if exploding else []),
        *([_zero(part, zero)] if len(zero) else []),
        *([vanishing] if small.any() else []),
    ]


def _exploding(part: _Norms, now: np.ndarray) -> Finding | None:
    column = int(now.argmax())
    high = float(now[column])
    start = max(float(np.median(part.norms[:RECENT, column])), 1e-12)
    if high <= EXPLODED and (high <= 1 or high <= GROWN * start):
        return None
    return Finding(
        "warning",
        f"Exploding gradient at {part.layers[column]}.",
        f"Its norm is {high:.2g}; it began at {start:.2g}. {_when(part.steps)} Try gradient "
        "clipping (clip_norm=1.0), a lower learning rate, or normalised inputs.",
        part.layers[column],
    )


def _vanishing(part: _Norms, now: np.ndarray, column: int) -> Finding:
    greatest = int(now.argmax())
    return Finding(
        "warning",
        f"Vanishing gradient at {part.layers[column]}.",
        f"Its norm is {now[column]:.2g}, while that of {part.layers[greatest]} is "
        f"{now[greatest]:.2g}. {_when(part.steps)} Try ReLU or GELU in place of sigmoid or tanh, "
        "a normalisation layer, a residual connection, or another initialisation.",
        part.layers[column],
    )


def _zero(part: _Norms, columns: np.ndarray) -> Finding:
    layer = part.layers[int(columns[0])]
    who = f"{layer} gets" if len(columns) == 1 else f"{layer} and {len(columns) - 1} more get"
    return Finding(
        "warning",
        f"{who} no gradient at all.",
        "It does not learn: its units may be dead (a ReLU that is never positive), or nothing "
        f"in the loss depends on it. {_when(part.steps)}",
        layer,
    )


# ----- updates -----------------------------------------------------------------------------------


def _untouched(part: _Norms) -> Iterator[Finding]:
    """Layers that get a gradient which no optimizer uses; one that has all but vanished is used,
    and its update lost in the rounding of the weight."""
    norms = _recent(part.norms)
    used = norms > VANISHED_BESIDE * norms.max(initial=0.0)
    idle = (part.updates[-RECENT:] == 0).all(axis=0) & used
    moved = (part.updates[-RECENT:] > 0).any()
    columns = np.flatnonzero(idle)
    if not len(columns) or not moved:  # nothing moves: the learning rate is 0 now, by a schedule
        return
    layer = part.layers[int(columns[0])]
    who = f"{layer} is" if len(columns) == 1 else f"{layer} and {len(columns) - 1} more are"
    yield Finding(
        "warning",
        f"{who} never changed in spite of a gradient.",
        f"{_when(part.steps)} Give the optimizer all of model.parameters(); what should stay as "
        "it is can be frozen.",
        layer,
    )


def _updates(part: _Norms) -> Iterator[Finding]:
    # Biases and scales begin at 0 or 1 and may move fast for good reasons: judge the middle layer.
    some = np.unique(np.linspace(0, len(part.steps) - 1, 4 * RECENT).astype(int))
    weights, updates = part.weights[some], part.updates[some]
    kept = (weights > 0).all(axis=0)  # a bias that began at 0 is none to compare with
    if not kept.any():
        return
    middle = np.median(updates[:, kept] / weights[:, kept], axis=1)
    middle = middle[np.isfinite(middle)]
    if not len(middle):
        return
    now = float(np.median(middle[-RECENT:]))
    if now > UPDATE_LARGE:
        text = "A step changes the typical layer by more than a tenth: try a lower learning rate."
        yield Finding("warning", f"Large steps: update / weight is {now:.2g}.",
                      f"{text} {_when(part.steps)}")  # fmt: skip
    # A schedule ends with small steps: only who has made no others learns slowly.
    elif 0 < float(np.quantile(middle, 0.9)) < UPDATE_SMALL and len(middle) >= 3:
        text = "Learning is slow: about 1e-3 is usual. Try a higher learning rate."
        yield Finding("note", f"Tiny steps: update / weight is {now:.2g}.",
                      f"{text} {_when(part.steps)}")  # fmt: skip


def _frozen(layers: list[str]) -> Finding:
    shown = ", ".join(layers[:4]) + (", …" if len(layers) > 4 else "")
    text = f"{shown}: as the run was told, so nothing is said of their gradients."
    title = "1 layer is frozen." if len(layers) == 1 else f"{len(layers)} layers are frozen."
    return Finding("note", title, text, layers[0])


# ----- activations -------------------------------------------------------------------------------


def _outputs(activations: Any) -> Iterator[Finding]:
    """Dead and saturated units; the model's last layer may saturate, it answers."""
    yield from _worst(
        activations, "dead", DEAD, len(activations.layers),
        "{share} of the units of {layer} are dead.",
        "They are 0 for the whole batch and get no gradient. Try a lower learning rate, He "
        "initialisation, LeakyReLU or GELU, or a normalisation layer before it.",
    )  # fmt: skip
    yield from _worst(
        activations, "saturated", SATURATED, len(activations.layers) - 1,
        "{share} of the outputs of {layer} are saturated.",
        "Near its limits an activation passes no gradient. Try a smaller initialisation (Xavier), "
        "normalised inputs, a normalisation layer before it, or ReLU.",
    )  # fmt: skip


def _worst(
    activations: Any, measure: str, limit: float, among: int, title: str, text: str
) -> Iterator[Finding]:
    shares = _recent(activations.part(measure))[:among]
    over = np.flatnonzero(np.nan_to_num(shares) >= limit)
    if not len(over):
        return
    column = int(over[shares[over].argmax()])
    layer = activations.layers[column]
    others = f" The same of {len(over) - 1} more." if len(over) > 1 else ""
    share = f"{100 * shares[column]:.0f} %"
    yield Finding(
        "warning", title.format(share=share, layer=layer),
        f"{text}{others} {_when(activations.steps)}", layer,
    )  # fmt: skip
