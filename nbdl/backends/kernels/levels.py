"""Which loop each value of a kernel is computed in, as small pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbdl.backends.kernels.program import Kernel


def dependencies(kernel: Kernel) -> list[frozenset[int]]:
    """For each instruction the axes along which its value (for a store: its place) changes."""
    inner = frozenset(range(kernel.outer, kernel.axes))
    found: list[frozenset[int]] = []
    for step in kernel.code:
        axes = frozenset().union(*(found[arg] for arg in step.args))
        if step.name == "load" or step.name == "store":
            axes |= moving(kernel, step.attribute)
        elif step.name == "load_at":
            number, axis = step.attribute
            axes |= moving(kernel, number) - {axis}
        elif step.name == "axis":
            axes |= {step.attribute}
        elif step.name == "reduce":
            axes -= inner
        found.append(axes)
    return found


def moving(kernel: Kernel, array: int) -> frozenset[int]:
    """The axes along which an array moves."""
    letters = kernel.arrays[array].axes
    return frozenset(axis for axis, letter in enumerate(letters) if letter != "0")


def stages(kernel: Kernel) -> list[int]:
    """For each instruction the first stage in which its arguments are ready.

    That of a reduction's result is one more than that of its argument.
    """
    found: list[int] = []
    for step in kernel.code:
        stage = max((found[arg] for arg in step.args), default=0)
        found.append(stage + (step.name == "reduce"))
    return found


def is_full(kernel: Kernel, axes: frozenset[int]) -> bool:
    """Whether a value that changes along ``axes`` is of the full level."""
    return any(axis >= kernel.outer for axis in axes)


def needed(
    kernel: Kernel, roots: list[int], depends: list[frozenset[int]], also: int | None = None
) -> list[int]:
    """The full-level instructions that ``roots`` are made of, in order, roots among them.

    The walk ends at values of the outer level, which are ready before; but not at those that
    change along the axis ``also``.
    """
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        place = waiting.pop()
        ready = not is_full(kernel, depends[place]) and also not in depends[place]
        if place not in found and not ready:
            found.add(place)
            waiting.extend(kernel.code[place].args)
    return sorted(found)
