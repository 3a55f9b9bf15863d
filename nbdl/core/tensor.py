"""The Tensor: a box that holds an immutable value, and the end of a tape."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nbdl import backends, dtypes
from nbdl.backends import Device, dlpack
from nbdl.core import modes, nameless, tape, words
from nbdl.core.lifted import Lifted
from nbdl.core.needs import rules
from nbdl.errors import ArgumentError, GradientError, ShapeError, TraceError
from nbdl.shapes import Shape, Spec

_new = object.__new__

if TYPE_CHECKING:
    from nbdl.core.face import Face
else:
    Face = object


class Tensor(Face):
    """An n-dimensional array with a gradient.

    ``x += y``, ``x[i] = v``, ``x.copy_(v)`` and ``p.data = v`` put a new value into the same
    box: every name of this object sees it; other tensors, views of it included, never do.

    Made by ``nbdl.tensor`` and the creation functions.

    Attributes:
        value: the array (NumPy's or CuPy's), never changed in place; or a Spec.
        node: where the gradient goes on the tape; None when no gradient is required.
        grad: the accumulated gradient of a leaf after ``backward``, or None.
    """

    __slots__ = ("__weakref__", "grad", "handle", "made", "node", "origin", "value")

    __hash__ = object.__hash__

    shared: ClassVar[bool] = False  # whether the value lies in another tensor's box
    value: Any
    node: Any
    grad: Tensor | None
    handle: Any  # a weak reference to ``x.data``, where it was asked for
    made: Any  # the layer call that gave it, where that was not recorded on the tape
    origin: Any  # of ``x[i]``: a weak reference to x, and the indices that lead here

    def __init__(self, value: Any, requires_grad: bool = False) -> None:
        self.value = value if type(value) in (np.ndarray, Spec) else rules.astensor(value).value
        self.node = None
        self.grad = None
        if requires_grad:
            self.requires_grad_()

    @staticmethod
    def _wrap(value: Any) -> Tensor:
        """A tensor around an array or a Spec, without any check."""
        x = _new(Tensor)
        x.value = value
        x.node = None
        x.grad = None
        return x

    # ----- what it is ---------------------------------------------------------------------

    @property
    def shape(self) -> Shape:
        """Sizes of the axes."""
        return self.value.shape

    @property
    def dtype(self) -> np.dtype:
        """Type of the elements."""
        return self.value.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.value.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.value.size

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return self.value.nbytes

    @property
    def device(self) -> Device:
        """Where the value lives: ``"cpu"``, ``"cuda:0"`` or ``"meta"`` (no data)."""
        return backends.device_of(self.value)

    @property
    def spec(self) -> Spec:
        """Shape and dtype."""
        return Spec(self.value.shape, self.value.dtype)

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        self.requires_grad_(flag)

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by the user and not by a recorded operation."""
        return self.node is None or type(self.node) is tape.Leaf

    @property
    def grad_fn(self) -> Any:
        """The recorded operation that made this tensor, or None for a leaf."""
        return None if self.is_leaf else self.node

    @property
    def made_by(self) -> Any:
        """Where it comes from: operation, layer and line (``core.provenance.MadeBy``), or None."""
        return rules.made_by(self)

    # ----- gradients ----------------------------------------------------------------------

    def requires_grad_(self, flag: bool = True) -> Tensor:
        """Ask for a gradient of this leaf (or no longer); returns the tensor itself."""
        if not flag:
            if not self.is_leaf:
                raise GradientError(
                    "requires_grad can be switched off for leaves only",
                    hint="use x.detach() for a tensor without a history",
                )
            self.node = None
        elif self.node is None:
            if not dtypes.is_differentiable(self.dtype):
                raise GradientError(
                    f"only tensors of floats can require a gradient, this one is {self.dtype}",
                    hint="make it a float first: x.to('float32')",
                )
            self.node = tape.Leaf(self)
        return self

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:
        """Add this tensor's gradients to ``.grad`` of every leaf it was computed from.

        Saved values are freed unless ``retain_graph`` (or ``create_graph``, which also records
        the gradients' own computation for higher derivatives). ``gradient`` is needed when the
        tensor is not a scalar: same shape. ``inputs`` limits it to some tensors, leaves or not.
        Raises GradientError.
        """
        rules.backward(
            (self,),
            (gradient,),
            retain_graph=retain_graph,
            create_graph=create_graph,
            inputs=(inputs,) if isinstance(inputs, Tensor) else inputs,
        )

    def detach(self) -> Tensor:
        """The same value without a history."""
        value = self.value
        return Tensor._wrap(value.detached() if isinstance(value, Lifted) else value)

    def detach_(self) -> Tensor:
        """Forget the history of this tensor."""
        self.node = None
        return self

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> tape.RemovableHook:
        """Call ``hook(gradient)`` when this tensor's gradient is known; it may replace it."""
        if self.node is None:
            raise GradientError("a hook needs a tensor that requires a gradient")
        return tape.add_hook(self.node, "hooks", hook)

    def register_post_accumulate_grad_hook(
        self, hook: Callable[[Tensor], None]
    ) -> tape.RemovableHook:
        """Call ``hook(tensor)`` after ``.grad`` of this leaf was accumulated."""
        if type(self.node) is not tape.Leaf:
            raise GradientError("this hook is for leaves that require a gradient")
        return tape.add_hook(self.node, "after", hook)

    def retain_grad(self) -> None:
        """Keep ``.grad`` of a tensor that is not a leaf."""
        if self.node is None:
            raise GradientError("retain_grad needs a tensor that requires a gradient")
        if self.is_leaf:
            return
        tape.keep_gradient(self)

    # ----- values for Python and NumPy ----------------------------------------------------

    def _there(self) -> Any:
        """The array, wherever it is; refused when there is none."""
        if type(self.value) is Spec:
            raise TraceError(
                f"the values of a tensor {self.dtype}{list(self.shape)} were asked for while "
                "only shapes are known (shape checking runs the model without data)",
                hint="keep .item(), bool(x), x.numpy() and NumPy calls out of forward",
            )
        if isinstance(self.value, Lifted):
            self.value.refuse()
        return self.value

    def _host(self) -> np.ndarray:
        return backends.to_numpy(self._there())

    def numpy(self) -> np.ndarray:
        """The value as a read-only NumPy array (shared where it lives on the CPU)."""
        view = self._host().view()
        view.flags.writeable = False
        return view

    def item(self) -> Any:
        """The only element as a Python number; raises ShapeError if there are more."""
        if self.size != 1:
            raise ShapeError(f"item() needs one element, this tensor has shape {self.shape}")
        return self._host().item()

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        return self._host().tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self._host()
        if dtype is not None and array.dtype != dtype:
            return array.astype(dtype)
        return array.copy() if copy else self.numpy()

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        return dlpack.export(self._there(), stream, max_version, dl_device, copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._there().__dlpack_device__()

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ArgumentError(
                f"the truth of a tensor of shape {self.shape} is ambiguous",
                hint="use .any() or .all()",
            )
        return bool(self._host().item())

    def __int__(self) -> int:
        return int(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        if self.ndim or self.dtype.kind not in "iu":
            raise TypeError("only an integer tensor without axes can be an index")
        return int(self.item())

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("a tensor without axes has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        for i in range(len(self)):
            yield self[i]

    def __contains__(self, item: Any) -> bool:
        return bool((self == item).any())

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        return rules.deep_copy(self, memo)

    def __reduce__(self) -> Any:
        return _rebuild, (type(self), self.numpy().copy(), self.requires_grad and self.is_leaf)

    # ----- a new value in the same box ----------------------------------------------------

    @property
    def data(self) -> Tensor:
        """The same box without gradients: ``p.data.mul_(2)`` and ``p.data = v`` change ``p``."""
        return rules.handle_of(self)

    @data.setter
    def data(self, value: Any) -> None:
        rules.put_data(self, value)

    def _fitting(self, new: Tensor) -> Tensor:
        """``new`` in this box's dtype; raises ShapeError if it has another shape."""
        if new.shape != self.shape:
            raise ShapeError(
                f"an in-place operation on shape {self.shape} gave shape {new.shape}",
                hint="write x = x + y instead of x += y to let the result grow",
            )
        return new if new.dtype == self.dtype else rules.cast(new, self.dtype)

    def _replace(self, new: Tensor) -> Tensor:
        """Put ``new`` into this box: shape and dtype stay what they are."""
        return self._take(self._fitting(new))

    def _take(self, new: Tensor) -> Tensor:
        """Put ``new`` into this box, with its history; returns the box."""
        if modes.local.state.grad:
            if type(self.node) is tape.Leaf:
                raise GradientError(
                    "a leaf that requires a gradient cannot be changed in place while "
                    "gradients are recorded",
                    hint="wrap the update in `with nbdl.no_grad():`",
                )
            self.node = new.node
        self.value = new.value
        return self

    def __setitem__(self, index: Any, value: Any) -> None:
        lost = sys.getrefcount(self) == nameless.IN_SET and not self.shared
        place = nameless.place_of(self) if lost else None
        if lost and place is None:
            raise nameless.refusal("this assignment")
        self._replace(rules.set_item(self, index, value))
        if place is not None:
            nameless.put_back(self, *place)

    def __getitem__(self, index: Any) -> Tensor:
        """``x[index]``: see ``nbdl.ops.indexing``; without a name it stands for a place in x."""
        y = rules.get_item(self, index)
        if nameless.is_place(index):
            lost = sys.getrefcount(self) == nameless.IN_GET
            above: Any = getattr(self, "origin", None) if lost else None
            whole, indices = (weakref.ref(self), ()) if above is None else above
            y.origin = whole, (*indices, index)
        return y

    # ----- other dtypes, and as text --------------------------------------------------------

    def float(self) -> Tensor:
        """As float32."""
        return self.to(dtypes.float32)

    def double(self) -> Tensor:
        """As float64."""
        return self.to(dtypes.float64)

    def half(self) -> Tensor:
        """As float16."""
        return self.to(dtypes.float16)

    def bfloat16(self) -> Tensor:
        """As bfloat16."""
        return self.to(dtypes.bfloat16)

    def int(self) -> Tensor:
        """As int32."""
        return self.to(dtypes.int32)

    def long(self) -> Tensor:
        """As int64."""
        return self.to(dtypes.int64)

    def bool(self) -> Tensor:
        """As bool."""
        return self.to(dtypes.bool)

    def __repr__(self) -> str:
        return words.tensor_text(self)

    def __format__(self, spec: str) -> str:
        one = not self.ndim or (spec and self.size == 1)
        if one and type(self.value) in backends.NAMESPACES:
            return format(self.item(), spec)
        return format(str(self), spec)


def _rebuild(cls: type[Tensor], value: np.ndarray, requires_grad: bool) -> Tensor:
    x = cls.__new__(cls)
    Tensor.__init__(x, value, requires_grad)
    return x
