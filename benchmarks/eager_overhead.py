"""What one small operation costs: nbdl beside NumPy and PyTorch.

    python -m benchmarks.eager_overhead [--write]

All tensors are float32 of 4 elements (4×4 for matrices) and require a gradient, so that every
operation is checked and taped. NumPy does the forward part alone. "Forward and backward" walks
back from a given gradient of the output's shape. The target: ``a + b`` costs at most 4 µs more
than NumPy's own add.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.harness import (
    Timings,
    arguments,
    both,
    compare,
    machine,
    measure,
    micro,
    ratio,
    report,
    show,
    table,
)

TARGET = 4e-6
Function = Callable[..., Any]

FORWARD: dict[str, tuple[str, str]] = {
    "a + b": ("a + b", "a + b"),
    "a * b": ("a * b", "a * b"),
    "a / b": ("a / b", "a / b"),
    "a * 2": ("a * 2", "a * 2"),
    "exp": ("xp.exp(a)", "xp.exp(a)"),
    "tanh": ("xp.tanh(a)", "xp.tanh(a)"),
    "relu": ("F.relu(a)", "xp.maximum(a, 0)"),
    "sum": ("a.sum()", "a.sum()"),
    "mean": ("a.mean()", "a.mean()"),
    "reshape": ("a.reshape(2, 2)", "a.reshape(2, 2)"),
    "a[1:]": ("a[1:]", "a[1:]"),
    "m @ m": ("m @ m", "m @ m"),
    "m.T": ("m.T", "m.T"),
    "softmax": ("F.softmax(a, -1)", ""),
    "linear": ("F.linear(m, m, a)", "m @ m.T + a"),
    "mse_loss": ("F.mse_loss(a, b)", ""),
    "cross_entropy": ("F.cross_entropy(m, t)", ""),
}
"""Case -> (expression in nbdl and PyTorch, in NumPy or empty)."""

BACKWARD = ("a + b", "a * b", "exp", "relu", "sum", "a[1:]", "m @ m", "softmax", "linear",
            "mse_loss", "cross_entropy")  # fmt: skip


def _names(peer: str) -> dict[str, Any]:
    """What the expressions speak of."""
    a, b = np.array([1, 2, 3, 4], np.float32), np.array([2, 3, 4, 5], np.float32)
    m, t = (np.arange(16, dtype=np.float32) / 16).reshape(4, 4), np.array([0, 1, 2, 3])
    if peer == "numpy":
        return {"xp": np, "a": a, "b": b, "m": m}
    if peer == "torch":
        import torch as xp
        import torch.nn.functional as F

        xp.set_num_threads(1)
    else:
        import nbdl as xp
        import nbdl.nn.functional as F
    leaves = {k: xp.asarray(v).requires_grad_() for k, v in (("a", a), ("b", b), ("m", m))}
    return {"xp": xp, "F": F, "t": xp.asarray(t), **leaves}


def worker(peer: str) -> Timings:
    """All cases of one framework, in this process."""
    names = _names(peer)
    found: Timings = {}
    for case, (text, in_numpy) in FORWARD.items():
        source = in_numpy if peer == "numpy" else text
        if source:
            found[case] = measure(eval(f"lambda: {source}", names))
    if peer == "numpy":
        return found
    for case in BACKWARD:
        forward = eval(f"lambda: {FORWARD[case][0]}", names)
        found[f"{case}, backward"] = measure(_both_ways(forward, names))
    return found


def _both_ways(forward: Callable[[], Any], names: dict[str, Any]) -> Callable[[], None]:
    leaves = [names[k] for k in "abm"]
    gradient = names["xp"].ones_like(forward().detach())

    def call() -> None:
        for x in leaves:
            x.grad = None
        forward().backward(gradient)

    return call


def tables(found: dict[str, Timings], how: str) -> str:
    """The tables and what they say of the target."""
    ours, torch, numpy = found["nbdl"], found["torch"], found["numpy"]
    rows, back = [], []
    for case in FORWARD:
        mine = ours[case]
        own = numpy.get(case)
        more = micro(mine.median - own.median) if own else "–"
        rows.append((f"`{case}`", both(own) if own else "–", both(mine), more,
                     both(torch[case]), ratio(mine, torch[case])))  # fmt: skip
    for case in BACKWARD:
        mine, peer = ours[f"{case}, backward"], torch[f"{case}, backward"]
        back.append((f"`{case}`", both(mine), both(peer), ratio(mine, peer)))
    more = ours["a + b"].median - numpy["a + b"].median
    verdict = "met" if more <= TARGET else "missed"
    forward = table(
        ("forward, µs", "NumPy", "nbdl", "nbdl − NumPy", "PyTorch", "nbdl / PyTorch"), rows
    )
    backward = table(("forward and backward, µs", "nbdl", "PyTorch", "nbdl / PyTorch"), back)
    return (
        f"`a + b` costs {micro(more)} µs more than NumPy's add; the target of at most "
        f"{micro(TARGET)} µs is {verdict}.\n\n{forward}\n\n{backward}\n\n{how}"
    )


def main(argv: list[str] | None = None) -> None:
    """Measure and show."""
    options = arguments(__doc__, rounds=7).parse_args(argv)
    if options.worker:
        report(worker(options.worker))
        return
    peers = ("numpy", "nbdl", "torch")
    found = compare("benchmarks.eager_overhead", peers, options.rounds, options.threads)
    how = machine("numpy", "nbdl", "torch", rounds=options.rounds, threads=options.threads)
    show("eager_overhead", tables(found, how), options.write)


if __name__ == "__main__":
    main()
