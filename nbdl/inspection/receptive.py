"""Receptive fields: which part of the input one position of an output sees.

Size, stride and place follow from those of the layer before by the kernel, stride, dilation and
padding (Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks",
Distill 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

from nbdl.inspection.recording import Step


@dataclass(frozen=True)
class Field:
    """For each axis of space: how many input positions one output position sees, how many lie
    between the centres of two neighbours, and the centre of the first."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    centre: tuple[float, ...]

    def text(self) -> str:
        """'7×7 of the input, every 4×4, first centre at (1.5, 1.5)'."""
        centre = ", ".join(f"{c:g}" for c in self.centre)
        sizes, strides = ("×".join(map(str, some)) for some in (self.size, self.stride))
        return f"{sizes} of the input, every {strides}, first centre at ({centre})"


def receptive_fields(steps: list[Step]) -> dict[int, Field]:
    """The field of each step's output, by the step's identity; none where space has ended."""
    fields: dict[int, Field] = {}
    for step in steps:
        if step.kind == "input" and step.outputs and len(step.outputs[0].shape) in (3, 4, 5):
            axes = len(step.outputs[0].shape) - 2
            fields[id(step)] = Field((1,) * axes, (1,) * axes, (0.0,) * axes)
            continue
        before = [fields[id(source)] for source, _ in step.sources if id(source) in fields]
        if before and step.op is not None:
            found = _after(step, max(before, key=lambda field: field.size))
            if found is not None:
                fields[id(step)] = found
    return fields


def _after(step: Step, field: Field) -> Field | None:
    op, axes = step.op, len(field.size)
    if op is None:
        return None
    shape = step.outputs[0].shape if step.outputs else ()
    window = getattr(op, "window", None)
    if op.name == "convolution":
        window = step.inputs[1].shape[2:]
    if window is not None and len(window) == axes:
        return _slid(field, op, window)
    same = any(spec.shape == shape for spec in step.inputs)
    return field if same and len(shape) == axes + 2 else None


def _slid(field: Field, op: object, window: tuple[int, ...]) -> Field:
    stride, dilation = getattr(op, "stride", (1,)), getattr(op, "dilation", (1,))
    padding = [p[0] if isinstance(p, tuple) else p for p in getattr(op, "padding", (0,))]
    reach = [(k - 1) * d for k, d in zip(window, dilation, strict=True)]
    rows = list(zip(field.size, field.stride, field.centre, reach, stride, padding, strict=True))
    return Field(
        tuple(size + r * jump for size, jump, _, r, _, _ in rows),
        tuple(jump * s for _, jump, _, _, s, _ in rows),
        tuple(centre + (r / 2 - p) * jump for _, jump, centre, r, _, p in rows),
    )
