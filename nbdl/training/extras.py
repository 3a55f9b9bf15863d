"""What ``nbdl.train`` adds to the plain step when asked to, read and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbdl.errors import ArgumentError
from nbdl.training.averages import as_decay
from nbdl.training.names import positive
from nbdl.training.patterns import as_patterns
from nbdl.training.precision import PRECISIONS
from nbdl.training.sources import whole


@dataclass(frozen=True)
class Extras:
    """Options of the step, as ``nbdl.train`` describes them.

    Attributes:
        accumulate: batches that one update of the weights learns from.
        freeze: patterns of parameters that are left as they are.
        precision: that of products, a name of PRECISIONS; None for the tensors' own.
        ema: the decay of the mean of weights, or None.
        checkpoint_layers: patterns of layers whose activations are computed again.
        mixup, cutmix: the parameter of the distribution of proportions, or None.
    """

    accumulate: int = 1
    freeze: tuple[str, ...] = ()
    precision: str | None = None
    ema: float | None = None
    mixup: float | None = None
    cutmix: float | None = None
    checkpoint_layers: tuple[str, ...] = ()

    @classmethod
    def read(
        cls, *, accumulate: Any = 1, freeze: Any = None, precision: Any = None, ema: Any = None,
        mixup: Any = None, cutmix: Any = None, checkpoint_layers: Any = None,
    ) -> Extras:  # fmt: skip
        """From what the user gave. Raises ArgumentError for what is out of range."""
        return cls(
            accumulate=whole("accumulate", accumulate),
            freeze=() if freeze is None else as_patterns("freeze", freeze),
            precision=None if precision is None else PRECISIONS.resolve(str(precision)),
            ema=as_decay(ema),
            checkpoint_layers=() if checkpoint_layers is None
            else as_patterns("checkpoint_layers", checkpoint_layers),
            mixup=None if mixup is None else positive("mixup", mixup, "0.2"),
            cutmix=None if cutmix is None else positive("cutmix", cutmix, "1.0"),
        )

    def refuse_own_step(self) -> None:
        """Raise ArgumentError if any was asked for, with a step of the user's own."""
        plain = Extras()
        for name in self.__dataclass_fields__:
            if getattr(self, name) != getattr(plain, name):
                raise ArgumentError(
                    f"{name}= does not go with step=, which does the whole step itself"
                )
