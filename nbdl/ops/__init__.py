"""Every operation, by family.

The only floor that knows a derivative, a FLOP count or a kernel text. Importing it puts the
declared methods on Tensor and hands core the few operations it needs.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from nbdl.core.needs import rules
from nbdl.core.op import registry
from nbdl.core.tensor import Tensor
from nbdl.ops import (
    activation,
    activation_elu,
    activation_gelu,
    adaptive,
    arithmetic,
    array_api,
    attention,
    batching,
    bessel,
    broadcasting,
    calculus,
    comparison,
    complex_numbers,
    concatenation,
    contraction,
    contrastive,
    conversion,
    convolution_doors,
    creation,
    cross_entropy,
    ctc,
    cumulative,
    diagonals,
    distances,
    dropout,
    einsum,
    embedding,
    exponential,
    fft,
    folding,
    fractional_pooling,
    gamma,
    gathering,
    gaussian,
    grid_sampling,
    gumbel,
    histogram,
    indexing,
    inplace,
    integers,
    joining,
    linalg_determinants,
    linalg_factors,
    linalg_ldl,
    linalg_norms,
    linalg_products,
    linalg_reflections,
    linalg_solving,
    linalg_spectra,
    linear,
    linear_cross_entropy,
    logic,
    loss,
    loss_targets,
    lp_pooling,
    margin_losses,
    masks,
    matrices,
    movement,
    multi_head_attention,
    normalization,
    overlap_losses,
    placing,
    pooling,
    positions,
    powers,
    quantiles,
    random,
    ranges,
    rearrangement,
    rectifier,
    recurrent,
    reduction,
    resampling,
    rounding,
    scatter_reduction,
    searching,
    selection,
    softmax,
    sorting,
    sparse,
    special,
    statistics,
    trigonometry,
    ufuncs,
    unpooling,
    without_nan,
)

ARRAY_FAMILIES: tuple[ModuleType, ...] = (
    array_api,
    conversion,
    creation,
    ranges,
    arithmetic,
    powers,
    exponential,
    trigonometry,
    rounding,
    special,
    gamma,
    bessel,
    gaussian,
    comparison,
    logic,
    selection,
    broadcasting,
    movement,
    concatenation,
    rearrangement,
    diagonals,
    indexing,
    gathering,
    masks,
    reduction,
    cumulative,
    statistics,
    searching,
    sorting,
    contraction,
    einsum,
    calculus,
    complex_numbers,
    distances,
    histogram,
    integers,
    joining,
    placing,
    scatter_reduction,
    without_nan,
    random,
    inplace,
    ufuncs,
)
"""Modules of the array part, whose ``__all__`` are names of ``nbdl`` itself."""

FAMILIES: tuple[ModuleType, ...] = (
    *ARRAY_FAMILIES,
    matrices,
    linalg_solving,
    linalg_factors,
    linalg_spectra,
    linalg_determinants,
    linalg_norms,
    linalg_products,
    linalg_reflections,
    linalg_ldl,
    fft,
    activation,
    activation_elu,
    activation_gelu,
    rectifier,
    softmax,
    linear,
    cross_entropy,
    loss,
    loss_targets,
    convolution_doors,
    embedding,
    sparse,
    dropout,
    attention,
    resampling,
    pooling,
    adaptive,
    normalization,
    recurrent,
    quantiles,
    folding,
    fractional_pooling,
    grid_sampling,
    lp_pooling,
    unpooling,
    ctc,
    margin_losses,
    overlap_losses,
    contrastive,
    linear_cross_entropy,
    gumbel,
    multi_head_attention,
    positions,
)
"""The modules that define operations."""


def _door(module: ModuleType, op_name: str, methods: tuple[str, ...]) -> Callable[..., Any]:
    """The public function of an operation: named as the operation or as its first method."""
    for name in (op_name, *methods):
        door = getattr(module, name, None)
        if callable(door):
            return door
    raise TypeError(f"{module.__name__} has no function for the operation {op_name}")


def methods() -> dict[str, Any]:
    """All that Tensor gets from operations: ``method`` of each, and METHODS of each module."""
    found: dict[str, Any] = {}
    modules = {m.__name__: m for m in FAMILIES}
    for op in registry.values():
        names = (op.method,) if isinstance(op.method, str) else op.method
        if names and op.__module__ in modules:
            door = _door(modules[op.__module__], op.name, names)
            found |= dict.fromkeys(names, door)
    for module in FAMILIES:
        found |= getattr(module, "METHODS", {})
    return found


for _name, _method in methods().items():
    setattr(Tensor, _name, _method)

rules.add = arithmetic.add
rules.ones_like = creation.ones_like
rules.zeros = creation.zeros_of
rules.sum_to = broadcasting.sum_to
rules.cast = conversion.cast
rules.broadcast_to = broadcasting.broadcast_to
rules.batch = batching.default
rules.get_item = indexing.getitem
rules.set_item = indexing.setitem
rules.astensor = conversion.astensor
