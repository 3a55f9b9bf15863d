"""``keras.models``: Model, and Sequential, a chain of layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nbdl import dtypes
from nbdl.errors import ArgumentError
from nbdl.keras.layers.base import InputLayer, Layer, ShapeOrNone, as_shape, run_on_shapes
from nbdl.keras.model import Model
from nbdl.nn import Module

__all__ = ["Model", "Sequential"]


class Sequential(Model):
    """Layers one after the other: ``Sequential([Dense(32, activation="relu"), Dense(1)])``.

    With an ``Input``, or ``input_shape=`` of the first layer, the weights are made at once;
    without, when the model first sees data.
    """

    def __init__(
        self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self._shapes: list[Any] = []
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Any) -> None:
        """Add a layer at the end. Raises ShapeError where it does not fit the one before."""
        if isinstance(layer, type):
            raise ArgumentError(
                f"{layer.__name__} is a class, not a layer", hint=f"{layer.__name__}(...)"
            )
        if not isinstance(layer, Module):
            raise ArgumentError(
                f"{self.name}.add takes layers, got a {type(layer).__name__}: {layer!r:.60}"
            )
        first = not self._modules
        if isinstance(layer, InputLayer) and not first:
            raise ArgumentError(f"{self.name}: an Input can only come first")
        name = layer.name if isinstance(layer, Layer) else f"{len(self._modules)}"
        if name in self._modules:
            raise ArgumentError(
                f"{self.name} has a layer {name!r} already", hint="give each its own name="
            )
        if first and isinstance(layer, Layer) and layer._given_shape is not None:
            self._given_shape = layer._given_shape
        self.add_module(name, layer)
        if self._given_shape is not None:
            try:
                before = self._shapes[-1] if self._shapes else (None, *self._given_shape)
                self._shapes.append(run_on_shapes(layer, before, self._spec_dtype()))
            except Exception:
                delattr(self, name)
                raise

    def _spec_dtype(self) -> Any:
        """Whole numbers reach an Embedding that has only reshaping layers before it."""
        layers = list(self.children())
        if self._shapes and any(isinstance(m, Layer) and m.takes_integers for m in layers[:-1]):
            return None
        last = layers[-1]
        given = layers[0].input_dtype if isinstance(layers[0], InputLayer) else None
        takes = isinstance(last, Layer) and last.takes_integers
        return given or (dtypes.int64 if takes else None)

    def pop(self) -> Any:
        """Take the last layer away; returns it."""
        if not self._modules:
            raise ArgumentError(f"{self.name} has no layers")
        name, layer = list(self._modules.items())[-1]
        delattr(self, name)
        self._shapes = self._shapes[: len(self._modules)]
        return layer

    def build(self, input_shape: Any = None) -> None:
        """Make the weights for inputs of ``input_shape``, batch axis included."""
        if not input_shape or self.built:
            return
        shape = as_shape(input_shape)
        self._given_shape = shape[1:]
        self._shapes = []
        for layer in self.layers:
            self._shapes.append(run_on_shapes(layer, self._shapes[-1] if self._shapes else shape))

    @property
    def layers(self) -> list[Any]:
        """The layers; an Input is not counted among them."""
        return [m for m in self.children() if not isinstance(m, InputLayer)]

    @property
    def input_shape(self) -> ShapeOrNone:
        """The input's shape, batch axis included. ArgumentError if it is not known yet."""
        if self._given_shape is None:
            raise ArgumentError(f"{self.name} does not know the shape of its input yet")
        return (None, *self._given_shape)

    @property
    def output_shape(self) -> Any:
        """The output's shape, batch axis included. ArgumentError if it is not known yet."""
        if not self._shapes:
            raise ArgumentError(f"{self.name} does not know the shape of its input yet")
        return self._shapes[-1]

    def call(self, x: Any) -> Any:
        """All layers, one after the other."""
        if not self._modules:
            raise ArgumentError(f"{self.name} has no layers", hint="model.add(Dense(1))")
        for layer in self._chain():
            x = layer(x)
        return x

    def _chain(self) -> list[Any]:
        return [m for m in self.__dict__.values() if isinstance(m, Module)]

    def _build_for(self, x: Any) -> None:
        super()._build_for(x)
        if self._given_shape is None:
            self._given_shape = x.shape[1:]
            shape: Any = (None, *x.shape[1:])
            for layer in self.children():
                shape = run_on_shapes(layer, shape, x.dtype if not self._shapes else None)
                self._shapes.append(shape)

    def _rows(self) -> list[tuple[Any, Any]]:
        shapes: list[Any] = list(self._shapes) or [None] * len(self._modules)
        pairs = zip(self.children(), shapes, strict=True)
        return [(layer, shape) for layer, shape in pairs if not isinstance(layer, InputLayer)]
