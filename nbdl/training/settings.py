"""What a run computes with where nothing else is said: recorded, and the same when it goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from nbdl import backends, dtypes
from nbdl.backends import ordered
from nbdl.core import modes
from nbdl.errors import ArgumentError, NbdlError, brief


@dataclass(frozen=True)
class Settings:
    """Defaults of a run, in its own thread alone.

    Attributes:
        dtype: of new float tensors, by name.
        device: where new tensors are made.
        gradients: whether operations are recorded for ``backward``.
        deterministic: whether operations go in a fixed order on GPUs, too.
    """

    dtype: str
    device: str
    gradients: bool
    deterministic: bool

    @classmethod
    def now(cls) -> Self:
        """Those of this thread."""
        return cls(
            dtypes.default_float().name, str(backends.default_device()), modes.is_grad_enabled(),
            ordered.are_deterministic_algorithms_enabled(),
        )  # fmt: skip

    def but(self, deterministic: Any) -> Self:
        """The same, deterministic or not; None: as they are. ArgumentError for anything else."""
        if deterministic is None:
            return self
        if not isinstance(deterministic, bool):
            raise ArgumentError(
                f"deterministic must be True, False or None, got {brief(deterministic)}"
            )
        return dataclasses.replace(self, deterministic=deterministic)

    def like(self, recorded: Any) -> Self:
        """As they were recorded, as far as they make sense and are to be had here."""
        if not isinstance(recorded, Mapping):
            return self
        kinds = {field.name: type(getattr(self, field.name)) for field in dataclasses.fields(self)}
        given = {k: recorded[k] for k, kind in kinds.items() if isinstance(recorded.get(k), kind)}
        for name in list(given):
            try:
                with dataclasses.replace(self, **{name: given[name]}).applied():
                    pass
            except NbdlError:  # no such device here, or a file made by hand
                del given[name]
        return dataclasses.replace(self, **given)

    def why_not_identical(self, recorded: Any, models: list[Any]) -> list[str]:
        """Why a run that goes on with them may have other numbers, each in a few words."""
        then = recorded if isinstance(recorded, Mapping) else {}
        found = [
            f"the {_SAID[name]} is {value}, it was {then[name]}"
            for name, value in (("dtype", self.dtype), ("device", self.device))
            if then.get(name, value) != value
        ]
        devices = {p.device.type for model in models for p in model.parameters()}
        if "cuda" in devices and not (self.deterministic and then.get("deterministic")):
            found.append("a GPU adds in any order without deterministic=True")
        return found

    def plain(self) -> dict[str, Any]:
        """As JSON holds them."""
        return dataclasses.asdict(self)

    def said(self) -> dict[str, str]:
        """As texts, for the record of a run; what is usual is left out."""
        words = {_SAID["dtype"]: self.dtype, _SAID["device"]: self.device}
        if not self.gradients:
            words[_SAID["gradients"]] = "off"
        if self.deterministic:
            words[_SAID["deterministic"]] = "on"
        return words

    @contextmanager
    def applied(self) -> Iterator[None]:
        """This thread computes with them, inside the block.

        Raises DtypeError, DeviceError or MissingError for what is not to be had.
        """
        before = dtypes.own_float(), backends.own_device(), ordered.own_mode()
        try:
            dtypes.take_float(dtypes.as_dtype(self.dtype))
            backends.take_device(self.device)
            ordered.take_mode(self.deterministic)
            with modes.set_grad_enabled(self.gradients):
                yield
        finally:
            dtypes.take_float(before[0])
            backends.take_device(before[1])
            ordered.take_mode(before[2])


_SAID = {
    "dtype": "default dtype", "device": "default device", "gradients": "recording of gradients",
    "deterministic": "deterministic mode",
}  # fmt: skip
