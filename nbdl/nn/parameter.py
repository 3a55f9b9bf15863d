"""Parameters: tensors that a model learns; buffers: tensors that it only keeps."""

from __future__ import annotations

from typing import Any, NoReturn

from nbdl import dtypes
from nbdl.core.needs import rules
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DtypeError
from nbdl.ops.creation import zeros
from nbdl.shapes import Shape


class Parameter(Tensor):
    """A tensor that a module learns: assigning it to an attribute registers it.

    Args:
        data: the first value; a tensor, or anything that ``nbdl.tensor`` takes.
        requires_grad: whether it is trained (default) or frozen.

    Raises:
        DtypeError: values that are not floats cannot be trained.
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(rules.astensor(data).value)
        if requires_grad and not dtypes.is_differentiable(self.dtype):
            raise DtypeError(
                f"a parameter to be trained must hold floats, got {self.dtype}",
                hint="Parameter(data.float()), or requires_grad=False",
            )
        self.requires_grad_(requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class Buffer(Tensor):
    """A tensor that a module keeps and does not train: assigning it to an attribute registers it.

    Args:
        data: the first value; a tensor, or anything that ``nbdl.tensor`` takes.
        persistent: whether it is part of the state dict (default).
    """

    __slots__ = ("persistent",)

    def __init__(self, data: Any, *, persistent: bool = True) -> None:
        super().__init__(rules.astensor(data).value)
        self.persistent = persistent

    def __repr__(self) -> str:
        return f"Buffer containing:\n{super().__repr__()}"


class Unsized:
    """Stands for a parameter or buffer whose shape is worked out at the layer's first call."""

    __slots__ = ("kind", "layer", "name")

    def __init__(self, layer: str, name: str, kind: str = "parameter") -> None:
        self.layer = layer
        self.name = name
        self.kind = kind

    def refuse(self, path: str = "") -> ArgumentError:
        """The error for whoever needs this parameter now; ``path`` is where it lies."""
        where = f"{(path or self.name)!r} of {self.layer}"
        return ArgumentError(
            f"the {self.kind} {where} has no shape yet: a size was given as None and is worked "
            "out when the model is first called",
            hint="call the model once on a batch, or nbdl.nn.build(model, (32, 1, 8, 8)) with the "
            "shape of a batch; in %%model give --input 1,8,8, the shape of one sample",
        )

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name} of {self.layer}: shape not known yet>"


def _unknown(self: Unsized) -> NoReturn:
    raise self.refuse()


for _name in ("shape", "dtype", "ndim", "size", "data", "value", "grad", "numpy", "device"):
    setattr(Unsized, _name, property(_unknown))


def new_parameter(shape: Shape, *, device: Any = None, dtype: Any = None) -> Parameter:
    """A parameter of zeros, for a layer to initialise."""
    return Parameter(zeros(shape, device=device, dtype=dtype))
