"""A module called with other parameters than its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ShapeError, unknown
from nbdl.nn.module import Module
from nbdl.ops.concatenation import stack


def functional_call(
    module: Module, parameters_and_buffers: Mapping[str, Tensor], args: Any = (), kwargs: Any = None
) -> Any:
    """Call ``module`` as if its parameters and buffers were those given, by path.

    With ``vmap`` and ``gradient`` this gives per-sample gradients and ensembles. Names that are
    left out keep their own tensors. Buffers that change (batch norm's statistics) change in the
    tensors given. The module is not for two threads at once meanwhile.

    Args:
        module: any layer or model.
        parameters_and_buffers: tensors by path, as ``dict(module.named_parameters())`` has them.
        args: positional arguments, a tuple, or the only one.
        kwargs: keyword arguments.

    Raises:
        ArgumentError: a path that the module does not have, with the nearest one.
        ShapeError: a tensor of another shape than the parameter it stands for.
    """
    own: dict[str, Tensor] = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    replaced: list[tuple[dict[str, Any], str, Tensor]] = []
    try:
        for path, tensor in parameters_and_buffers.items():
            if path not in own:
                raise unknown("parameter or buffer", path, own)
            if tensor.shape != own[path].shape:
                raise ShapeError(
                    f"functional_call: {path} has shape {own[path].shape}, the tensor given for it "
                    f"{tensor.shape}"
                )
            parent, _, name = path.rpartition(".")
            members = module.get_submodule(parent).__dict__
            replaced.append((members, name, members[name]))
            members[name] = tensor
        return module(*(args if isinstance(args, tuple) else (args,)), **(kwargs or {}))
    finally:
        for members, name, tensor in reversed(replaced):
            members[name] = tensor


def stack_module_state(
    models: Iterable[Module],
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Parameters and buffers of models of one kind, stacked along a new first axis.

    Returns:
        (parameters, buffers) by path, for ``vmap`` over an ensemble with ``functional_call``.
    """
    models = list(models)
    parameters = _stacked([dict(m.named_parameters()) for m in models])
    return (
        {name: p.detach().requires_grad_(True) for name, p in parameters.items()},
        _stacked([dict(m.named_buffers()) for m in models]),
    )


def _stacked(states: list[dict[str, Any]]) -> dict[str, Tensor]:
    for i, state in enumerate(states):
        different = state.keys() ^ states[0].keys()
        if different:
            raise unknown(f"parameter of models[{i}]", sorted(different)[0], states[0])
    return {name: stack([s[name] for s in states]) for name in states[0]} if states else {}
