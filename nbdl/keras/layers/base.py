"""Layer: a module with Keras's face."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from nbdl import dtypes
from nbdl.backends import has_data
from nbdl.core import modes
from nbdl.core.needs import rules
from nbdl.core.tensor import Tensor
from nbdl.core.tree import leaves
from nbdl.errors import ArgumentError, ShapeError, did_you_mean
from nbdl.keras import initializers, regularizers
from nbdl.keras.naming import auto_name
from nbdl.nn import Inferred, Module, Parameter, build
from nbdl.shapes import Shape, Spec

ShapeOrNone = tuple[int | None, ...]


class Layer(Inferred):
    """Base of all layers: ``build(input_shape)`` makes the weights, ``call(x)`` uses them.

    Layers of one's own override both (and make weights by ``add_weight``). ``build`` is called
    once, at the first call or when the model learns the shape of its input.

    Args:
        name: the layer's name; the class's in small letters, numbered, unless given.
        trainable: False freezes the weights.
        dtype: of weights and computation; float32 unless given.
        input_shape: of one sample, for the first layer of a Sequential.
        input_dim: the same as ``input_shape=(input_dim,)``.
        activity_regularizer: a penalty on the outputs, which ``fit`` adds to the loss; layers with
            weights have such for each of them: ``kernel_regularizer="l2"``.
    """

    takes_integers: ClassVar[bool] = False
    """Whether whole numbers mean something to it (an Embedding), or become floats."""

    regularized: ClassVar[Mapping[str, str]] = {}
    """Arguments that are penalties on weights, and the names of these weights."""

    _takes_training: ClassVar[bool] = False
    _some_penalties: ClassVar[bool] = False  # whether there is any in the program: most have none

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        call = cls.__dict__.get("call")
        if call is not None:
            code = call.__code__
            names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            cls._takes_training = "training" in names

    def __init__(
        self, *, name: str | None = None, trainable: bool = True, dtype: Any = None,
        input_shape: Sequence[int | None] | None = None, input_dim: int | None = None,
        **unknown: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        self._penalties: dict[str, Any] = {}  # by the name of the weight; "" for the outputs
        self._added: list[Tensor] = []
        for argument, label in {**self.regularized, "activity_regularizer": ""}.items():
            penalty = regularizers.get(unknown.pop(argument, None))
            setattr(self, argument, penalty)
            self._penalize(label, penalty)
        if unknown:
            self._refuse(unknown)
        self._layer_name = auto_name(type(self).__name__) if name is None else str(name)
        self._trainable = bool(trainable)
        self._weight_order: list[str] = []
        if input_dim is not None:
            input_shape = (input_dim,)
        self._given_shape = None if input_shape is None else as_shape(input_shape)
        self._built_for: ShapeOrNone | None = None
        self._start(False, None, dtype)

    def _refuse(self, unknown: dict[str, Any]) -> None:
        word = next(iter(unknown))
        code = type(self).__init__.__code__
        known = [*code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount],
                 *self.regularized, "activity_regularizer", "name", "trainable", "dtype",
                 "input_shape", "input_dim"]  # fmt: skip
        raise ArgumentError(
            f"{type(self).__name__} has no argument {word!r}{did_you_mean(word, known)}",
            hint="it takes " + ", ".join(dict.fromkeys(known)),
        )

    # ----- for subclasses -------------------------------------------------------------------

    def build(self, input_shape: ShapeOrNone) -> None:
        """Make the weights for inputs of ``input_shape``, whose batch axis is None."""

    def call(self, x: Any) -> Any:
        """What the layer does."""
        raise NotImplementedError(f"{type(self).__name__} defines no call(self, x)")

    def add_weight(
        self, shape: Sequence[int] = (), initializer: Any = "glorot_uniform", *,
        trainable: bool = True, name: str | None = None, dtype: Any = None,
        regularizer: Any = None,
    ) -> Tensor:  # fmt: skip
        """A new weight; it becomes an attribute called ``name``."""
        device, default = self._place
        values = np.asarray(initializers.get(initializer)(tuple(shape)))
        kind = default if dtype is None else dtypes.as_dtype(dtype)
        label = name or f"weight_{len(self._weight_order)}"
        self._penalize(label, regularizers.get(regularizer))
        value = Tensor(values).to(kind).to(device)
        if trainable:
            weight: Tensor = Parameter(value, requires_grad=self._trainable)
            self.__dict__.pop(label, None)
            self.register_parameter(label, weight)  # type: ignore[arg-type]
        else:
            weight = value
            self.__dict__.pop(label, None)
            self.register_buffer(label, weight)
        self._weight_order.append(label)
        return weight

    def _penalize(self, label: str, penalty: Any) -> None:
        if penalty is not None:
            Layer._some_penalties = True
            self._penalties[label] = penalty

    def add_loss(self, loss: Any) -> None:
        """Called in ``call``: a number that counts in the model's loss, until the next call."""
        Layer._some_penalties = True
        self._added += [rules.astensor(v) for v in (loss if isinstance(loss, list) else [loss])]

    # ----- for nbdl.nn ----------------------------------------------------------------------

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """``call``, told whether this is training if it wants to know."""
        if self._takes_training and "training" not in named:
            named["training"] = self.training
        if not Layer._some_penalties:
            return self.call(*inputs, **named)
        scope = modes.local.state.scope
        if scope is None or scope.parent is None:
            self.forget_added()
        y = self.call(*inputs, **named)
        if "" in self._penalties:
            self.add_loss([self._penalties[""](part) for part in leaves(y)])
        return y

    def forget_added(self) -> None:
        """Forget what ``add_loss`` and penalties on outputs left in all layers inside."""
        for layer in self.modules():
            if isinstance(layer, Layer) and layer._added:
                layer._added = []

    def infer_sizes(self, *inputs: Any, **_: Any) -> None:
        """Remember the shape that ``build`` gets."""
        x = inputs[0] if inputs else None
        self._built_for = (None, *x.shape[1:]) if isinstance(x, Tensor) else None

    def make_parameters(self) -> None:
        """Call ``build``."""
        self.build(self._built_for or ())

    # ----- for its user ---------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The layer's name."""
        return self._layer_name

    @property
    def built(self) -> bool:
        """Whether the weights have been made."""
        return not self._waiting

    @built.setter
    def built(self, value: bool) -> None:
        """Layers of one's own write ``self.built = True``; it is known without."""

    @property
    def trainable(self) -> bool:
        """Whether the weights are trained."""
        return self._trainable

    @trainable.setter
    def trainable(self, flag: bool) -> None:
        self._trainable = bool(flag)
        for p in self.parameters():
            p.requires_grad_(bool(flag))
        for layer in self.children():
            if isinstance(layer, Layer):
                layer.trainable = flag

    @property
    def weights(self) -> list[Tensor]:
        """All weights, in the order they were made; those of layers inside after one's own."""
        own = [getattr(self, name) for name in self._weight_order]
        inside = [w for c in self.children() if isinstance(c, Layer) for w in c.weights]
        return own + inside

    variables = weights

    @property
    def trainable_weights(self) -> list[Tensor]:
        """The weights that are trained."""
        return [w for w in self.weights if isinstance(w, Parameter) and w.requires_grad]

    trainable_variables = trainable_weights

    @property
    def non_trainable_weights(self) -> list[Tensor]:
        """The weights that are not trained."""
        return [w for w in self.weights if not (isinstance(w, Parameter) and w.requires_grad)]

    @property
    def losses(self) -> list[Tensor]:
        """The penalties on weights that are trained, and those of the last call's outputs."""
        found = list(self._added)
        for label, penalty in self._penalties.items():
            weight = getattr(self, label) if label else None
            if isinstance(weight, Parameter) and weight.requires_grad:
                found.append(penalty(weight))
        return found + [v for c in self.children() if isinstance(c, Layer) for v in c.losses]

    def with_penalties(self, loss: Tensor) -> Tensor:
        """``loss`` and all that ``losses`` lists."""
        if not Layer._some_penalties:
            return loss
        for penalty in self.losses:
            loss = loss + penalty
        if not has_data(loss.value):
            self.forget_added()  # they belong to the trace
        return loss

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights, in Keras's order and layout."""
        return [w.numpy().copy() for w in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Put arrays, as ``get_weights`` gave them, into the weights: all of them or none."""
        arrays = [np.asarray(a) for a in weights]
        mine = self.weights
        if len(arrays) != len(mine):
            state = "" if self.built else ", because it is not built yet"
            raise ArgumentError(
                f"{self.name}.set_weights got {len(arrays)} arrays, the layer has {len(mine)} "
                f"weights{state}",
                hint=None if self.built else "call it, or give input_shape=, first",
            )
        for i, (w, array) in enumerate(zip(mine, arrays, strict=True)):
            if w.shape != array.shape:
                raise ShapeError(
                    f"{self.name}.set_weights: array {i} has shape {array.shape}, the weight "
                    f"has {w.shape}"
                )
        for w, array in zip(mine, arrays, strict=True):
            w.data = Tensor(np.array(array)).to(w.dtype).to(w.device)

    def count_params(self) -> int:
        """How many numbers all weights have."""
        if not self.built:
            raise ArgumentError(
                f"{self.name} has no weights yet", hint="call it on data, or give input_shape="
            )
        return sum(w.size for w in self.weights)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> ShapeOrNone:
        """The output's shape for an input's, both with the batch axis; None stays None."""
        return run_on_shapes(self, as_shape(input_shape))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def as_shape(given: Any) -> ShapeOrNone:
    """A tuple of sizes (None for any), or ArgumentError."""
    try:
        sizes = (given,) if isinstance(given, int) else tuple(given)
        return tuple(None if n is None else operator.index(n) for n in sizes)
    except TypeError:
        raise ArgumentError(
            f"a shape is a tuple of whole numbers, got {given!r}", hint="input_shape=(28, 28, 1)"
        ) from None


_MARK = 2, 3
"""Two sizes that stand for None: an output size that differs between them is None."""


def run_on_shapes(layer: Module, shape: ShapeOrNone, dtype: Any = None) -> Any:
    """What ``layer`` makes of ``shape``, computed on shapes alone; None where it varies."""
    kind = dtypes.default_float() if dtype is None else dtypes.as_dtype(dtype)

    def with_size(n: int) -> Shape:
        sizes = [n if i == 0 else 8 * n for i in range(len(shape))]
        return tuple(sizes[i] if s is None else s for i, s in enumerate(shape))

    first, second = (build(layer, Spec(with_size(n), kind)) for n in _MARK)
    return _merged(first, second)


def _merged(first: Any, second: Any) -> Any:
    if isinstance(first, Spec):
        pairs = zip(first.shape, second.shape, strict=True)
        return tuple(a if a == b else None for a, b in pairs)
    return tuple(_merged(a, b) for a, b in zip(first, second, strict=True))


class InputLayer(Layer):
    """The shape of the input, as the first member of a Sequential."""

    def __init__(
        self, shape: Sequence[int | None] | None = None, batch_size: int | None = None,
        dtype: Any = None, *, batch_shape: Sequence[int | None] | None = None,
        name: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        if shape is None and batch_shape is not None:
            shape = tuple(batch_shape)[1:]
        if shape is None:
            raise ArgumentError("Input needs a shape", hint="Input(shape=(28, 28, 1))")
        super().__init__(name=name, input_shape=shape, **kwargs)
        self.input_dtype = None if dtype is None else dtypes.as_dtype(dtype)

    def call(self, x: Any) -> Any:
        return x


def Input(
    shape: Sequence[int | None] | None = None, batch_size: int | None = None, dtype: Any = None,
    **kwargs: Any,
) -> InputLayer:  # fmt: skip
    """The shape of one sample (None for a size that may vary), to begin a Sequential with."""
    return InputLayer(shape, batch_size, dtype, **kwargs)
