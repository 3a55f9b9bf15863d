"""What a model says of the first examples of its validation data, as records with pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nbdl.errors import NbdlError
from nbdl.inspection.records import Sample
from nbdl.inspection.static import formats

TEXT, TAIL = 160, 24
"""Characters of an input that is text, its end; and tokens of an answer that is text."""

LONGEST = 96
"""Pixels of a picture's longer side at most: larger ones are sent with every n-th pixel only."""


def samples_of(run: Any) -> tuple[Sample, ...]:
    """The examples of the last validation of a run; none where its outputs say no answer.

    Args:
        run: anything with ``examples`` (inputs, outputs, targets as arrays, or None) and
            ``classes`` (names, or None), and ``tokenizer`` (of inputs that are text, or None).
    """
    if run.examples is None:
        return ()
    inputs, outputs, targets = run.examples
    if run.tokenizer is not None and inputs.ndim == 2 and inputs.dtype.kind in "iu":
        try:
            return _texts(inputs, outputs, targets, run)
        except NbdlError:  # a model that knows more tokens than the tokenizer
            return ()
    if targets.ndim == 1 and targets.dtype.kind in "iu" and outputs.ndim == 2:
        answers = _classes(outputs, targets, run.classes)
    elif targets.dtype.kind == "f" and targets.size == outputs.size == len(targets):
        pairs = zip(targets.ravel(), outputs.ravel(), strict=True)
        answers = [Sample(formats.value(float(y)), formats.value(float(p))) for y, p in pairs]
    else:
        return ()
    pictures = pictures_of(inputs)
    if pictures is None:
        return tuple(answers)
    return tuple(
        replace(answer, image=pixels(picture))
        for answer, picture in zip(answers, pictures, strict=True)
    )


def _texts(
    inputs: np.ndarray, outputs: np.ndarray, targets: np.ndarray, run: Any
) -> tuple[Sample, ...]:
    """Examples whose inputs are token numbers: (n, length).

    Targets (n,) are classes of the texts; targets (n, length) are tokens, such as the ones that
    follow: of these the last few are compared, and the confidence is the share that is right.
    Outputs: (n, classes), (n, length, tokens).
    """
    decode = run.tokenizer.decode
    if targets.ndim == 1 and outputs.ndim == 2:
        answers = _classes(outputs, targets, run.classes)
    elif targets.shape == inputs.shape and outputs.ndim == 3:
        if outputs.shape[:2] != targets.shape:  # (n, tokens, length), as PyTorch's losses have it
            outputs = outputs.transpose(0, 2, 1)
        said, true = outputs[:, -TAIL:].argmax(-1), targets[:, -TAIL:]
        answers = [
            Sample(decode(y), decode(p), float((p == y).mean()))
            for p, y in zip(said, true, strict=True)
        ]
    else:
        return ()
    texts = [decode(x)[-TEXT:] for x in inputs]
    return tuple(replace(a, text=text) for a, text in zip(answers, texts, strict=True))


def _classes(
    outputs: np.ndarray, targets: np.ndarray, names: Sequence[str] | None
) -> list[Sample]:
    """Answers with their probability; outputs are logits, or logarithms of probabilities."""
    said = outputs.astype(np.float64)
    with np.errstate(all="ignore"):
        shares = np.exp(said - said.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
    best = said.argmax(axis=1)
    sure = shares[np.arange(len(best)), best]

    return [
        Sample(
            class_name(int(y), names), class_name(int(answer), names),
            float(share) if np.isfinite(share) else None, bool(y == answer),
        )
        for y, answer, share in zip(targets, best, sure, strict=True)
    ]  # fmt: skip


def class_name(index: int, names: Sequence[str] | None) -> str:
    """The name of class number ``index``: its number, where the data has no names."""
    return names[index] if names and 0 <= index < len(names) else str(index)


def pictures_of(inputs: np.ndarray) -> np.ndarray | None:
    """Inputs as pictures, (n, height, width, 1 or 3); None where they look like none.

    inputs: (n, channels, height, width), (n, height, width, channels) or (n, height, width).
    """
    if inputs.ndim == 3:
        inputs = inputs[:, None]
    if inputs.ndim != 4 or inputs.dtype.kind not in "fiu":
        return None
    if inputs.shape[1] in (1, 3):
        inputs = inputs.transpose(0, 2, 3, 1)
    if inputs.shape[3] not in (1, 3) or min(inputs.shape[1:3]) < 4:
        return None
    every = -(-max(inputs.shape[1:3]) // LONGEST)
    return inputs[:, ::every, ::every]


def pixels(image: np.ndarray) -> np.ndarray:
    """A picture's numbers as bytes: floats are scaled from their own range to 0 ... 255, whole
    numbers are taken as they are.  (height, width, 1 or 3) -> the same, uint8.
    """
    if image.dtype.kind == "f":
        finite = np.nan_to_num(image, nan=0.0, posinf=0.0, neginf=0.0)
        low, high = float(finite.min()), float(finite.max())
        image = 255 * (finite - low) / ((high - low) or 1.0)
    return np.clip(image, 0, 255).astype(np.uint8)
