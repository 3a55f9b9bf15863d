"""PyTorch's ``torch.backends``: switches that its programs set, with what they mean here."""

from __future__ import annotations


class _Cudnn:
    """``torch.backends.cudnn``: nbdl is deterministic and chooses its kernels itself.

    Setting ``deterministic`` or ``benchmark`` changes nothing; they are here so that the usual
    lines about reproducibility run.
    """

    deterministic = True
    benchmark = False
    enabled = True


cudnn = _Cudnn()


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Nothing to switch: the same seed gives the same numbers always."""
