"""The ways to train that are compared, each in a process of its own."""

from __future__ import annotations

from benchmarks.contenders.training import Training
from benchmarks.models import EXAMPLES

FIT, NBDL, NBDL_EAGER = "nbdl, fit", "nbdl", "nbdl eager"
TORCH, CHANNELS_LAST, TORCH_COMPILE = "PyTorch", "channels_last", "torch.compile"
OURS, PEERS = (FIT, NBDL, NBDL_EAGER), (TORCH, CHANNELS_LAST, TORCH_COMPILE)
COMPILED = (NBDL, TORCH_COMPILE)


def training(way: str, model: str, threads: int, small: bool = False) -> Training:
    """An example to be trained in one way; nothing is imported or computed yet."""
    if way == FIT:
        from benchmarks.contenders.with_fit import WithFit

        return WithFit(EXAMPLES[model], small)
    if way in OURS:
        from benchmarks.contenders.with_nbdl import WithNbdl

        return WithNbdl(EXAMPLES[model], small, compiled=way == NBDL)
    from benchmarks.contenders.with_torch import WithTorch

    return WithTorch(EXAMPLES[model], small, threads, way == CHANNELS_LAST, way == TORCH_COMPILE)


__all__ = [
    "CHANNELS_LAST", "COMPILED", "FIT", "NBDL", "NBDL_EAGER", "OURS", "PEERS", "TORCH",
    "TORCH_COMPILE", "Training", "training",
]  # fmt: skip
