"""The 60 commonest operations, eager, forward and backward: nbdl beside PyTorch.

    python -m benchmarks.ops [--write] [--only softmax]

Float32, small (64 elements), medium (65,536) and large (about a million). Every tensor of floats
requires a gradient, so forward tapes; backward walks back from a given gradient of the output's
shape, again and again over one graph. The table says PyTorch's time and nbdl's as a multiple of
it; each size has its geometric mean and its ten worst.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.harness import (
    Timings,
    arguments,
    compare,
    geometric_mean,
    machine,
    measure,
    micro,
    report,
    show,
    table,
)

SIZES = ("small", "medium", "large")
BUDGET = 0.03


@dataclass(frozen=True)
class Case:
    """One operation.

    Attributes:
        text: an expression in the names of ``_names``; ``torch``: PyTorch's where it differs.
        shapes: for each size the shapes of x, y, w, ... that the expression speaks of.
        backward: whether it has a gradient.
        positive: values from 0.5 to 1.5; others are normally distributed.
    """

    text: str
    shapes: tuple[dict[str, tuple[int, ...]], ...]
    torch: str = ""
    backward: bool = True
    positive: bool = False


def _grow(*names: str, **others: Callable[[int, int], tuple[int, ...]]) -> tuple[Any, ...]:
    """Matrices of the three sizes; ``others`` give a shape from (rows, columns)."""
    return tuple(
        {**{name: (n, m) for name in names}, **{k: f(n, m) for k, f in others.items()}}
        for n, m in ((8, 8), (256, 256), (2048, 512))
    )


def _images(*kernel: int, groups: bool = False) -> tuple[dict[str, tuple[int, ...]], ...]:
    """x: (batch, channels, height, width) and, for convolutions, w: (out, in, *kernel)."""
    sizes = ((1, 4, 4, 4), (8, 8, 32, 32), (16, 16, 64, 64))
    return tuple(
        {"x": s, **({"w": (s[1], 1 if groups else s[1], *kernel)} if kernel else {})}
        for s in sizes
    )


_X, _XY = _grow("x"), _grow("x", "y")
_COLUMNS = _grow("x", g=lambda n, m: (m,), b=lambda n, m: (m,))
_SQUARE = tuple({"x": (n, n), "y": (n, n)} for n in (8, 256, 1024))
_BATCHED = tuple({"x": (b, n, n), "y": (b, n, n)} for b, n in ((1, 8), (16, 64), (64, 128)))
_LINEAR = tuple(
    {"x": (n, k), "w": (m, k), "b": (m,)}
    for n, k, m in ((8, 8, 8), (128, 256, 256), (512, 1024, 1024))
)
_HEADS = tuple(
    {"q": (b, h, t, 32), "k": (b, h, t, 32), "v": (b, h, t, 32)}
    for b, h, t in ((1, 1, 2), (4, 4, 64), (8, 8, 256))
)

CASES: dict[str, Case] = {
    # arithmetic
    "add": Case("x + y", _XY),
    "add, broadcast": Case("x + b", _COLUMNS),
    "add, scalar": Case("x + 1.5", _X),
    "subtract": Case("x - y", _XY),
    "multiply": Case("x * y", _XY),
    "divide": Case("x / y", _XY, positive=True),
    "negative": Case("-x", _X),
    "square": Case("x ** 2", _X),
    "sqrt": Case("xp.sqrt(x)", _X, positive=True),
    "exp": Case("xp.exp(x)", _X),
    "log": Case("xp.log(x)", _X, positive=True),
    "abs": Case("xp.abs(x)", _X),
    "maximum": Case("xp.maximum(x, y)", _XY),
    "clip": Case("xp.clip(x, -1, 1)", _X),
    "where": Case("xp.where(x > 0, x, y)", _XY),
    # activations
    "relu": Case("F.relu(x)", _X),
    "leaky_relu": Case("F.leaky_relu(x)", _X),
    "sigmoid": Case("F.sigmoid(x)", _X),
    "tanh": Case("xp.tanh(x)", _X),
    "gelu": Case("F.gelu(x)", _X),
    "silu": Case("F.silu(x)", _X),
    "elu": Case("F.elu(x)", _X),
    "softplus": Case("F.softplus(x)", _X),
    "softmax": Case("F.softmax(x, -1)", _X),
    "log_softmax": Case("F.log_softmax(x, -1)", _X),
    # reductions and order
    "sum": Case("xp.sum(x)", _X),
    "sum, axis 0": Case("xp.sum(x, 0)", _X),
    "mean, axis -1": Case("xp.mean(x, -1)", _X),
    "max, axis -1": Case("xp.amax(x, -1)", _X),
    "var, axis -1": Case("xp.var(x, -1)", _X),
    "logsumexp": Case("xp.logsumexp(x, -1)", _X),
    "norm": Case("xp.norm(x)", _X),
    "cumsum": Case("xp.cumsum(x, 0)", _X),
    "argmax": Case("xp.argmax(x, -1)", _X, backward=False),
    "sort": Case("xp.sort(x)", _X, torch="xp.sort(x)[0]"),
    # shapes and places
    "transpose": Case("x.T.reshape(-1)", _X),
    "concat": Case("xp.concat((x, y), 0)", _XY),
    "stack": Case("xp.stack((x, y))", _XY),
    "slice": Case("x[1:, ::2]", _X),
    "rows by index": Case("x[rows]", _X),
    "gather": Case("xp.take_along_axis(x, order, 1)", _X, torch="xp.gather(x, 1, order)"),
    "pad": Case("F.pad(x, (1, 1))", _X),
    "flip": Case("xp.flip(x, (0,))", _X),
    "tril": Case("xp.tril(x)", _X),
    "broadcast_to": Case("xp.broadcast_to(b, x.shape)", _COLUMNS),
    # products
    "matmul": Case("x @ y", _SQUARE),
    "matmul, batched": Case("x @ y", _BATCHED),
    "linear": Case("F.linear(x, w, b)", _LINEAR),
    "einsum": Case("xp.einsum('ij,kj->ik', x, y)", _SQUARE),
    # layers and losses
    "conv2d": Case("F.conv2d(x, w, padding=1)", _images(3, 3)),
    "conv2d, depthwise": Case(
        "F.conv2d(x, w, padding=1, groups=w.shape[0])", _images(3, 3, groups=True)
    ),
    "max_pool2d": Case("F.max_pool2d(x, 2)", _images()),
    "avg_pool2d": Case("F.avg_pool2d(x, 2)", _images()),
    "batch_norm": Case("F.batch_norm(x, None, None, g, b, training=True)", _COLUMNS),
    "layer_norm": Case("F.layer_norm(x, b.shape, g, b)", _COLUMNS),
    "embedding": Case("F.embedding(rows, x)", _X),
    "dropout": Case("F.dropout(x, 0.5, training=True)", _X),
    "attention": Case("F.scaled_dot_product_attention(q, k, v)", _HEADS),
    "mse_loss": Case("F.mse_loss(x, y)", _XY),
    "cross_entropy": Case("F.cross_entropy(x, labels)", _X),
}


def _names(case: Case, size: int, peer: str) -> tuple[dict[str, Any], list[Any]]:
    """What a case's expression speaks of, and the tensors that want a gradient."""
    if peer == "torch":
        import torch as xp
        import torch.nn.functional as F
    else:
        import nbdl as xp
        import nbdl.nn.functional as F
    random = np.random.default_rng(0)
    leaves = {
        name: xp.asarray(_values(random, shape, case.positive)).requires_grad_()
        for name, shape in case.shapes[size].items()
    }
    names: dict[str, Any] = {"xp": xp, "F": F, **leaves}
    shape = case.shapes[size].get("x", (1,))
    n, m = shape[0], shape[-1]
    names["rows"] = xp.asarray(random.integers(0, n, n))
    names["labels"] = xp.asarray(random.integers(0, m, n))
    if "order" in case.text:
        names["order"] = xp.asarray(random.integers(0, m, shape))
    return names, list(leaves.values())


def _values(random: np.random.Generator, shape: tuple[int, ...], positive: bool) -> np.ndarray:
    if positive:
        return random.random(shape, np.float32) + np.float32(0.5)
    return random.standard_normal(shape, np.float32)


def worker(peer: str, threads: int, only: str) -> Timings:
    """All cases of one framework, in this process: ``"softmax/large/forward"`` -> Timing."""
    if peer == "torch":
        import torch

        torch.set_num_threads(threads)
    found: Timings = {}
    for name, case in CASES.items():
        if only not in name:
            continue
        for size, label in enumerate(SIZES):
            names, leaves = _names(case, size, peer)
            source = case.torch if peer == "torch" and case.torch else case.text
            forward = eval(f"lambda: {source}", names)
            found[f"{name}/{label}/forward"] = measure(forward, BUDGET)
            if case.backward:
                found[f"{name}/{label}/backward"] = measure(_back(forward(), leaves, peer), BUDGET)
    return found


def _back(y: Any, leaves: list[Any], peer: str) -> Callable[[], Any]:
    """A walk back from ``y`` to the leaves it depends on, whose graph stays."""
    if peer == "torch":
        from torch import ones_like
        from torch.autograd import grad
    else:
        from nbdl import grad, ones_like
    gradient = ones_like(y)
    used = [
        x for x, g in zip(
            leaves, grad(y, leaves, gradient, retain_graph=True, allow_unused=True), strict=True
        ) if g is not None
    ]  # fmt: skip
    return lambda: grad(y, used, gradient, retain_graph=True)


def ratios(ours: Timings, peer: Timings) -> dict[str, tuple[float, float]]:
    """Case -> ours as a multiple of the peer's: of the medians, and of the minima."""
    return {
        key: (ours[key].median / peer[key].median, ours[key].minimum / peer[key].minimum)
        for key in ours
    }


def summary(found: Mapping[str, tuple[float, float]]) -> str:
    """Geometric means by size and direction."""
    rows = []
    for size in SIZES:
        parts = []
        for direction in ("forward", "backward", ""):
            chosen = [v for k, v in found.items() if f"/{size}/{direction}" in k]
            means = (geometric_mean(v[i] for v in chosen) for i in (0, 1))
            parts.append("{:.2f} ({:.2f})".format(*means))
        worst = max(v[0] for k, v in found.items() if f"/{size}/" in k)
        over = sum(v[0] > 2 for k, v in found.items() if f"/{size}/" in k)
        rows.append((size, *parts, f"{worst:.1f}", str(over)))
    head = ("geometric mean of nbdl / PyTorch", "forward", "backward", "both", "worst", "above 2")
    return table(head, rows)


def worst(found: Mapping[str, tuple[float, float]], ours: Timings, peer: Timings) -> str:
    """The ten worst of each size."""
    parts = []
    for size in SIZES:
        chosen = sorted((k for k in found if f"/{size}/" in k), key=lambda k: -found[k][0])[:10]
        rows = [
            (k.replace(f"/{size}/", ", "), micro(ours[k].median), micro(peer[k].median),
             "{:.2f} ({:.2f})".format(*found[k])) for k in chosen
        ]  # fmt: skip
        parts.append(table((f"ten worst, {size}", "nbdl, µs", "PyTorch, µs", "ratio"), rows))
    return "\n\n".join(parts)


def everything(found: Mapping[str, tuple[float, float]], peer: Timings) -> str:
    """One row an operation: PyTorch's median and the ratio, by size and direction."""
    rows = []
    for name in dict.fromkeys(k.split("/")[0] for k in found):
        keys = [f"{name}/{size}/{way}" for size in SIZES for way in ("forward", "backward")]
        rows.append((name, *(_entry(k, found, peer) for k in keys)))
    head = ("PyTorch's µs: nbdl's multiple", *(f"{s}, {w}" for s in SIZES for w in ("fw", "bw")))
    return table(head, rows)


def _entry(key: str, found: Mapping[str, tuple[float, float]], peer: Timings) -> str:
    return f"{micro(peer[key].median)}: {found[key][0]:.2f}" if key in found else "–"


def main(argv: list[str] | None = None) -> None:
    """Measure and show."""
    parser = arguments(__doc__, rounds=5)
    parser.add_argument("--only", default="", help="operations whose name contains this")
    options = parser.parse_args(argv)
    if options.worker:
        report(worker(options.worker, options.threads, options.only))
        return
    more = ["--threads", str(options.threads), "--only", options.only]
    measured = compare("benchmarks.ops", ("nbdl", "torch"), options.rounds, options.threads, more)
    ours, peer = measured["nbdl"], measured["torch"]
    found = ratios(ours, peer)
    how = machine("numpy", "nbdl", "torch", rounds=options.rounds, threads=options.threads)
    parts = (summary(found), worst(found, ours, peer), everything(found, peer), how)
    show("ops", "\n\n".join(parts), options.write)


if __name__ == "__main__":
    main()
