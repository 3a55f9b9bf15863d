"""Sums of products by letters: einsum, and the products it generalizes."""

from __future__ import annotations

import builtins
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import opt_einsum

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.arithmetic import conj
from nbdl.ops.broadcasting import broadcast_to, sum
from nbdl.ops.contraction import matmul
from nbdl.ops.conversion import astensor, promote, promote_all
from nbdl.ops.diagonals import diagonal
from nbdl.ops.movement import permute_dims, reshape
from nbdl.shapes import broadcast_shapes, normalize_axis

__all__ = [
    "einsum",
    "tensordot",
    "outer",
    "inner",
    "vecdot",
    "dot",
    "bmm",
    "mm",
    "mv",
    "addmm",
    "addmv",
    "addbmm",
    "addr",
    "vdot",
    "baddbmm",
    "kron",
]

# Everything here is made of transposes, reshapes, sums and batched matrix products, so that
# gradients, half precision and devices need no words of their own.

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def einsum(equation: str, /, *operands: Any) -> Tensor:
    """A sum of products by letters, such as ``einsum("bij,bjk->bik", x, y)``.

    A letter is an axis; equal letters have equal sizes (or 1) and are multiplied together;
    letters that are missing after ``->`` are summed over. Without ``->`` letters that come once
    are kept, in alphabetical order. ``...`` stands for leading axes that broadcast. The order of
    the products is opt_einsum's (Smith and Gray, JOSS 2018).

    Raises:
        ArgumentError: an equation that cannot be read, or the wrong number of operands.
        ShapeError: a letter with two sizes.
    """
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    tensors = list(promote_all(*operands))
    terms, output = _parsed(equation, tensors)
    sizes = _sizes(equation, terms, tensors)
    pairs = [_simplified(x, term, sizes) for x, term in zip(tensors, terms, strict=True)]
    for pick in _path(pairs, output, sizes):
        chosen = [pairs.pop(i) for i in sorted(pick, reverse=True)]
        rest = {c for _, term in pairs for c in term} | set(output)
        while len(chosen) > 1:
            (x, a), (y, b) = chosen.pop(), chosen.pop()
            later = rest | {c for _, term in chosen for c in term}
            chosen.append(_product(x, a, y, b, later))
        pairs.append(chosen[0])
    x, term = pairs[0]
    return _arranged(*_summed(x, term, set(output)), output, sizes)


def _parsed(equation: str, tensors: list[Tensor]) -> tuple[list[str], str]:
    """Letters of each operand and of the output; ``...`` replaced by letters of its own."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(tensors):
        raise ArgumentError(
            f"einsum {equation!r} names {len(terms)} operands, got {len(tensors)}",
            hint="one group of letters for each operand, separated by commas",
        )
    used = {c for c in text if c.isalpha()}
    for c in text.replace("->", "").replace(",", "").replace("...", ""):
        if c not in _LETTERS:
            raise ArgumentError(f"einsum {equation!r}: {c!r} is not a letter")
    free = [c for c in reversed(_LETTERS) if c not in used]
    ranks = [
        x.ndim - len(t.replace("...", "")) for x, t in zip(tensors, terms, strict=True)
    ]
    most = builtins.max([r for r, t in zip(ranks, terms, strict=True) if "..." in t] or [0])
    dots = "".join(free[: builtins.max(most, 0)])
    result = []
    for i, (term, rank) in enumerate(zip(terms, ranks, strict=True)):
        if rank < 0 or (rank and "..." not in term):
            raise ShapeError(
                f"einsum {equation!r}: operand {i} of shape {tensors[i].shape} has "
                f"{tensors[i].ndim} axes, its letters {term!r} name {tensors[i].ndim - rank}"
            )
        result.append(term.replace("...", dots[len(dots) - rank :] if rank else ""))
    if arrow:
        return result, _checked_output(equation, right.replace("...", dots), result)
    counts = Counter("".join(t.replace("...", "") for t in terms))
    kept = "".join(sorted(c for c in counts if counts[c] == 1))
    return result, dots + kept


def _checked_output(equation: str, output: str, terms: list[str]) -> str:
    for c in output:
        if output.count(c) > 1 or not builtins.any(c in t for t in terms):
            raise ArgumentError(
                f"einsum {equation!r}: letter {c!r} after -> must come once, and in an operand"
            )
    return output


def _sizes(equation: str, terms: list[str], tensors: list[Tensor]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for i, (term, x) in enumerate(zip(terms, tensors, strict=True)):
        for c, n in zip(term, x.shape, strict=True):
            before = sizes.setdefault(c, n)
            if before == 1:
                sizes[c] = n
            elif n not in (1, before):
                raise ShapeError(
                    f"einsum {equation!r}: letter {c!r} has size {before} and, in operand {i} of "
                    f"shape {x.shape}, size {n}"
                )
    return sizes


def _simplified(x: Tensor, term: str, sizes: dict[str, int]) -> tuple[Tensor, str]:
    """A letter that repeats becomes a diagonal; axes of size 1 where others are larger go."""
    for c in dict.fromkeys(term):
        while term.count(c) > 1:
            i = term.index(c)
            j = term.index(c, i + 1)
            if x.shape[i] != x.shape[j]:
                n = sizes[c]
                x = broadcast_to(x, tuple(n if k in (i, j) else m for k, m in enumerate(x.shape)))
            x = diagonal(x, 0, i, j)
            term = term[:i] + term[i + 1 : j] + term[j + 1 :] + c
    keep = [i for i, c in enumerate(term) if x.shape[i] == sizes[c]]
    if len(keep) < len(term):
        x = reshape(x, tuple(x.shape[i] for i in keep))
        term = "".join(term[i] for i in keep)
    return x, term


def _path(
    pairs: list[tuple[Tensor, str]], output: str, sizes: dict[str, int]
) -> list[tuple[int, ...]]:
    """Which operands to multiply first: opt_einsum's choice when there is one."""
    if len(pairs) < 2:
        return []
    if len(pairs) == 2:
        return [(0, 1)]
    present = {c for _, t in pairs for c in t}
    equation = ",".join(t for _, t in pairs) + "->" + "".join(c for c in output if c in present)
    shapes = [tuple(sizes[c] for c in t) for _, t in pairs]
    path, _ = opt_einsum.contract_path(equation, *shapes, shapes=True)
    return [tuple(p) for p in path]


def _summed(x: Tensor, term: str, wanted: set[str]) -> tuple[Tensor, str]:
    """Letters that nobody wants any more summed over."""
    axes = [i for i, c in enumerate(term) if c not in wanted]
    if not axes:
        return x, term
    return sum(x, axes, dtype=x.dtype), "".join(c for c in term if c in wanted)


def _product(x: Tensor, a: str, y: Tensor, b: str, later: set[str]) -> tuple[Tensor, str]:
    """Two operands multiplied by one batched matrix product."""
    x, a = _summed(x, a, later | set(b))
    y, b = _summed(y, b, later | set(a))
    shared = [c for c in a if c in b]
    batch = [c for c in shared if c in later]
    inner = [c for c in shared if c not in later]
    rows = [c for c in a if c not in shared]
    columns = [c for c in b if c not in shared]
    size = dict(zip(a + b, x.shape + y.shape, strict=True))

    def matrices(t: Tensor, term: str, first: list[str], second: list[str]) -> Tensor:
        t = permute_dims(t, [term.index(c) for c in (*batch, *first, *second)])
        n, m = math.prod(size[c] for c in first), math.prod(size[c] for c in second)
        return reshape(t, (*(size[c] for c in batch), n, m))

    z = matmul(matrices(x, a, rows, inner), matrices(y, b, inner, columns))
    term = "".join((*batch, *rows, *columns))
    return reshape(z, tuple(size[c] for c in term)), term


def _arranged(x: Tensor, term: str, output: str, sizes: dict[str, int]) -> Tensor:
    """Axes in the order of the output; letters lost as size 1 come back."""
    x = permute_dims(x, [term.index(c) for c in output if c in term])
    return reshape(x, tuple(sizes[c] for c in output))


# ----- products by name -----------------------------------------------------------------------


def tensordot(x: Any, y: Any, /, *, axes: int | Sequence[Sequence[int]] = 2) -> Tensor:
    """Products summed over several axes at once.

    ``axes``: a number n pairs the last n axes of x with the first n of y; two lists name the
    axes of each.  x: (A, B, C), y: (B, C, D), axes=2 -> z: (A, D).
    """
    x, y = promote(x, y)
    if isinstance(axes, int):
        if not 0 <= axes <= builtins.min(x.ndim, y.ndim):
            raise ArgumentError(
                f"tensordot: axes={axes} is out of range for x {x.shape} and y {y.shape}"
            )
        left, right = list(range(x.ndim - axes, x.ndim)), list(range(axes))
    else:
        left = [normalize_axis(a, x.ndim, "axes[0]") for a in _listed(axes[0])]
        right = [normalize_axis(a, y.ndim, "axes[1]") for a in _listed(axes[1])]
    if [x.shape[a] for a in left] != [y.shape[a] for a in right]:
        raise ShapeError(
            f"tensordot: axes {left} of x {x.shape} and axes {right} of y {y.shape} have "
            "different sizes"
        )
    rows = [i for i in range(x.ndim) if i not in left]
    columns = [i for i in range(y.ndim) if i not in right]
    inner = math.prod(x.shape[a] for a in left)
    n, m = math.prod(x.shape[i] for i in rows), math.prod(y.shape[i] for i in columns)
    z = matmul(
        reshape(permute_dims(x, (*rows, *left)), (n, inner)),
        reshape(permute_dims(y, (*right, *columns)), (inner, m)),
    )
    return reshape(z, (*(x.shape[i] for i in rows), *(y.shape[i] for i in columns)))


def _listed(axes: Any) -> Sequence[int]:
    return axes if isinstance(axes, (tuple, list)) else (axes,)


def _rank(name: str, argument: str, x: Tensor, rank: int) -> None:
    if x.ndim != rank:
        raise ShapeError(
            f"{name} needs {argument} with {rank} axes, got shape {x.shape}",
            hint="matmul broadcasts over any number of leading axes",
        )


def outer(x: Any, y: Any, /) -> Tensor:
    """All products of two vectors.  x: (n,), y: (m,) -> z: (n, m)."""
    x, y = promote(x, y)
    _rank("outer", "x", x, 1)
    _rank("outer", "y", y, 1)
    return reshape(x, (x.size, 1)) * reshape(y, (1, y.size))


def inner(x: Any, y: Any, /) -> Tensor:
    """Products summed over the last axes.  x: (..., n), y: (..., n) -> z: both leading shapes."""
    x, y = promote(x, y)
    if x.ndim == 0 or y.ndim == 0:
        return x * y
    return tensordot(x, y, axes=((-1,), (-1,)))


def vecdot(x: Any, y: Any, /, *, axis: int = -1) -> Tensor:
    """Inner products of vectors along ``axis``, x conjugated.

    x, y: broadcasting, equal along the axis -> z: without it. Raises ShapeError.
    """
    x, y = promote(x, y)
    if not x.ndim or not y.ndim:
        raise ShapeError(f"vecdot needs vectors, got x {x.shape} and y {y.shape}")
    back = normalize_axis(axis, builtins.min(x.ndim, y.ndim)) - builtins.min(x.ndim, y.ndim)
    if x.shape[back] != y.shape[back]:
        raise ShapeError(
            f"vecdot along axis {axis}: x {x.shape} and y {y.shape} have sizes {x.shape[back]} "
            f"and {y.shape[back]}"
        )
    broadcast_shapes(x.shape, y.shape, what="vecdot: x and y")
    return sum(conj(x) * y, back, dtype=x.dtype)


def dot(x: Any, y: Any, /) -> Tensor:
    """Inner product of two vectors.  x: (n,), y: (n,) -> z: ()."""
    x, y = promote(x, y)
    _rank("dot", "x", x, 1)
    _rank("dot", "y", y, 1)
    if x.shape != y.shape:
        raise ShapeError(f"dot needs vectors of one length, got x {x.shape} and y {y.shape}")
    return matmul(x, y)


def mm(x: Any, y: Any, /) -> Tensor:
    """Product of two matrices.  x: (n, k), y: (k, m) -> z: (n, m)."""
    x, y = promote(x, y)
    _rank("mm", "x", x, 2)
    _rank("mm", "y", y, 2)
    return matmul(x, y)


def mv(x: Any, y: Any, /) -> Tensor:
    """Product of a matrix and a vector.  x: (n, k), y: (k,) -> z: (n,)."""
    x, y = promote(x, y)
    _rank("mv", "x", x, 2)
    _rank("mv", "y", y, 1)
    return matmul(x, y)


def bmm(x: Any, y: Any, /) -> Tensor:
    """Products of two stacks of matrices.  x: (b, n, k), y: (b, k, m) -> z: (b, n, m)."""
    x, y = promote(x, y)
    _rank("bmm", "x", x, 3)
    _rank("bmm", "y", y, 3)
    if x.shape[0] != y.shape[0]:
        raise ShapeError(f"bmm: x {x.shape} and y {y.shape} need equally many matrices")
    return matmul(x, y)


def addmm(bias: Any, x: Any, y: Any, /, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * bias + alpha * (x @ y).  bias: broadcasts to (n, m), x: (n, k), y: (k, m)."""
    return _added(bias, mm(x, y), beta, alpha)


def baddbmm(bias: Any, x: Any, y: Any, /, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * bias + alpha * (x @ y) for stacks of matrices: see ``bmm``."""
    return _added(bias, bmm(x, y), beta, alpha)


def addbmm(bias: Any, x: Any, y: Any, /, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * bias + alpha * (the sum of the products x @ y): see ``bmm``.  -> z: (n, m)."""
    return _added(bias, sum(bmm(x, y), 0), beta, alpha)


def addmv(bias: Any, x: Any, y: Any, /, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * bias + alpha * (x @ y).  bias: broadcasts to (n,), x: (n, k), y: (k,)."""
    return _added(bias, mv(x, y), beta, alpha)


def addr(bias: Any, x: Any, y: Any, /, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * bias + alpha * (x yᵀ).  bias: broadcasts to (n, m), x: (n,), y: (m,)."""
    return _added(bias, outer(x, y), beta, alpha)


def vdot(x: Any, y: Any, /) -> Tensor:
    """Inner product of two vectors, the first one conjugated.  x: (n,), y: (n,) -> z: ()."""
    x, y = promote(x, y)
    return dot(conj(x), y)


def _added(bias: Any, z: Tensor, beta: float, alpha: float) -> Tensor:
    z = z if alpha == 1 else z * alpha
    if beta == 0:  # the bias is not looked at: its NaN does no harm
        return z
    bias = astensor(bias)
    return broadcast_to(bias if beta == 1 else bias * beta, z.shape) + z


def kron(x: Any, y: Any, /) -> Tensor:
    """Kronecker product: each element of x times all of y.  x: (A, B), y: (C, D) -> (AC, BD)."""
    x, y = promote(x, y)
    rank = builtins.max(x.ndim, y.ndim)
    a = (1,) * (rank - x.ndim) + x.shape
    b = (1,) * (rank - y.ndim) + y.shape
    x = reshape(x, tuple(n for s in a for n in (s, 1)))
    y = reshape(y, tuple(n for s in b for n in (1, s)))
    return reshape(x * y, tuple(n * m for n, m in zip(a, b, strict=True)))


METHODS = {"dot": dot, "outer": outer, "vecdot": vecdot, "bmm": bmm, "mm": mm, "mv": mv}
