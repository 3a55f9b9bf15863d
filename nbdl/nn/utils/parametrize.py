"""Parameters that are functions of other parameters (PyTorch's ``torch.nn.utils.parametrize``)."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from nbdl.core.modes import no_grad
from nbdl.core.needs import rules
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DtypeError, NbdlError, ShapeError
from nbdl.nn.containers import ModuleDict, ModuleList
from nbdl.nn.module import Module
from nbdl.nn.parameter import Parameter
from nbdl.nn.utils.computed import (
    M,
    as_kind_of,
    check_layer,
    compute,
    member,
    plain_class,
    put_member,
    rules_of,
    uncompute,
)

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization",
    "remove_parametrizations", "type_before_parametrizations",
]  # fmt: skip


class _Cache(threading.local):
    values: dict[tuple[int, str], Tensor] | None = None


_cache = _Cache()


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor once inside the ``with`` block of this thread.

    For layers that read their weight many times, such as cells over a sequence. What an
    optimizer changes inside is not seen before the end of the block.
    """
    before = _cache.values
    _cache.values = {} if before is None else before
    try:
        yield
    finally:
        _cache.values = before


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied one after the other, and what they start from.

    ``layer.parametrizations.weight``; made by ``register_parametrization``.

    Attributes:
        original: the parameter or buffer that is trained or kept; ``original0``, ``original1``
            and so on where the first parametrization takes several.
        unsafe: whether shape and dtype may change.
        is_tensor: whether there is one original.
    """

    def __init__(
        self, modules: Sequence[Module], original: Tensor, unsafe: bool = False
    ) -> None:
        if not modules:
            raise ArgumentError("ParametrizationList needs one parametrization or more")
        super().__init__(modules)
        self.unsafe = unsafe
        before = original.detach()
        with no_grad():
            new = _inverted(list(self), original.detach(), required=False)
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            _check("right_inverse", new, before, shape=False)
            original.data = new.detach()
            put_member(self, "original", original)
        else:
            for i, part in enumerate(new):
                put_member(self, f"original{i}", as_kind_of(part, original))
        if unsafe:
            return
        try:
            _check("the parametrization", self(), before)
        except NbdlError:
            original.data = before
            raise

    def forward(self) -> Tensor:
        """The parametrized tensor."""
        first, *others = self
        x = first(*self.originals())
        for parametrization in others:
            x = parametrization(x)
        return x

    def originals(self) -> list[Tensor]:
        """What it starts from."""
        if self.is_tensor:
            return [self.__dict__["original"]]
        return [self.__dict__[f"original{i}"] for i in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the parametrized tensor becomes ``value``.

        Raises ArgumentError if a parametrization has no ``right_inverse``.
        """
        with no_grad():
            new = _inverted(list(self), rules.astensor(value).detach(), required=True)
        parts = [new] if isinstance(new, Tensor) else list(new)
        if len(parts) != self.ntensors:
            raise ArgumentError(
                f"right_inverse gave {len(parts)} tensors, there are {self.ntensors} originals"
            )
        for original, part in zip(self.originals(), parts, strict=True):
            _check("right_inverse", part, original, shape=not self.unsafe)
        for original, part in zip(self.originals(), parts, strict=True):
            original.data = part.detach()


class _Parametrized:
    """The rule of a parametrized attribute."""

    def __init__(self, name: str) -> None:
        self.name = name

    def value(self, module: Any) -> Tensor:
        chain = module.parametrizations[self.name]
        if _cache.values is None:
            return chain()
        key = id(module), self.name
        if key not in _cache.values:
            _cache.values[key] = chain()
        return _cache.values[key]

    def assign(self, module: Any, value: Any) -> None:
        module.parametrizations[self.name].right_inverse(value)


def register_parametrization(
    module: M, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> M:
    """Let ``module.weight`` be ``parametrization(original)`` from now on; returns the module.

    The original is ``module.parametrizations.weight.original``, the same parameter as before, so
    an optimizer that has it goes on. A second parametrization is applied after the first. With a
    method ``right_inverse`` the first value stays what it was and ``module.weight = x`` works; if
    it returns several tensors, there are ``original0``, ``original1`` and so on, new parameters.

    Args:
        module: the layer.
        tensor_name: of a parameter or buffer.
        parametrization: a module of the tensor.
        unsafe: allow it to change shape and dtype.

    Raises ArgumentError for a name that is not there, ShapeError and DtypeError for a
    parametrization that changes shape or dtype.

    Example:
        >>> import nbdl
        >>> from nbdl import nn
        >>> class Symmetric(nn.Module):
        ...     def forward(self, x):
        ...         return nbdl.triu(x) + nbdl.triu(x, k=1).T
        >>> layer = nn.utils.parametrize.register_parametrization(
        ...     nn.Linear(3, 3), "weight", Symmetric())
        >>> bool((layer.weight == layer.weight.T).all())
        True
    """
    check_layer("register_parametrization", module)
    if not isinstance(parametrization, Module):
        raise ArgumentError(
            f"a parametrization is a Module, got a {type(parametrization).__name__}",
            hint="define forward(self, x) in a class of nn.Module",
        )
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        chain = module.parametrizations[tensor_name]  # type: ignore[attr-defined]
        if not unsafe:
            now = getattr(module, tensor_name)
            after = parametrization(now)
            _check("the parametrization", after, now)
            with no_grad():
                _check("right_inverse", _inverted([parametrization], after, required=False), now)
        chain.append(parametrization)
        chain.unsafe = chain.unsafe or unsafe
        return module
    original = member("register_parametrization", module, tensor_name)
    chain = ParametrizationList([parametrization], original, unsafe)
    if not is_parametrized(module):
        module.parametrizations = ModuleDict()
    module.parametrizations[tensor_name] = chain  # type: ignore[attr-defined]
    compute(module, tensor_name, _Parametrized(tensor_name))
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether this tensor of ``module`` is parametrized, or any of them."""
    names = [name for name, rule in rules_of(module).items() if type(rule) is _Parametrized]
    return bool(names) if tensor_name is None else tensor_name in names


def readable(who: str, module: Module, name: str) -> Tensor:
    """The value of a parameter or buffer, parametrized already or not.

    Raises ArgumentError if there is none of that name.
    """
    if isinstance(module, Module) and is_parametrized(module, name):
        with no_grad():
            return getattr(module, name).detach()
    return member(who, module, name).detach()


def remove_parametrizations(
    module: M, tensor_name: str, leave_parametrized: bool = True
) -> M:
    """Undo ``register_parametrization``; returns the module.

    Args:
        module: the layer.
        tensor_name: of the parametrized tensor.
        leave_parametrized: keep the parametrized value; False: go back to the original.

    Raises ArgumentError if it is not parametrized, or has several originals to go back to.
    """
    if not is_parametrized(module, tensor_name):
        raise ArgumentError(f"{type(module).__name__}.{tensor_name} is not parametrized")
    chain = module.parametrizations[tensor_name]  # type: ignore[attr-defined]
    if not leave_parametrized and not chain.is_tensor:
        raise ArgumentError(
            f"{type(module).__name__}.{tensor_name} was made of {chain.ntensors} tensors, it "
            "cannot go back to one original",
            hint="leave_parametrized=True",
        )
    with no_grad():
        value = getattr(module, tensor_name).detach()
    first = chain.originals()[0]
    uncompute(module, tensor_name)
    if chain.is_tensor:
        if leave_parametrized:
            first.data = value
        put_member(module, tensor_name, first)
    else:
        trained = any(part.requires_grad for part in chain.originals())
        put_member(module, tensor_name, Parameter(value) if trained else value)
    del module.parametrizations[tensor_name]  # type: ignore[attr-defined]
    if not is_parametrized(module):
        del module.parametrizations  # type: ignore[attr-defined]
    return module


def type_before_parametrizations(module: Module) -> type[Module]:
    """The layer's own class, parametrized or not."""
    return plain_class(module)


def _inverted(parametrizations: list[Module], value: Any, required: bool) -> Any:
    """``value`` through all ``right_inverse``, the last parametrization's first."""
    for parametrization in reversed(parametrizations):
        inverse = getattr(parametrization, "right_inverse", _none)
        try:
            value = inverse(value)
        except NotImplementedError:
            if required:
                raise ArgumentError(
                    f"the parametrization {type(parametrization).__name__} has no right_inverse, "
                    "so its tensor cannot be assigned to",
                    hint="define right_inverse(self, value), or set the original",
                ) from None
    if not isinstance(value, Tensor) and not _all_tensors(value):
        raise ArgumentError(
            f"right_inverse must return a tensor or a sequence of tensors, got "
            f"{type(value).__name__}"
        )
    return value


def _none(value: Any) -> Any:
    raise NotImplementedError


def _all_tensors(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and all(isinstance(v, Tensor) for v in value)


def _check(what: str, new: Any, like: Tensor, shape: bool = True) -> None:
    if not isinstance(new, Tensor):
        raise ArgumentError(f"{what} must return a tensor, got a {type(new).__name__}")
    hint = "unsafe=True allows it"
    if new.dtype != like.dtype:
        raise DtypeError(f"{what} makes {new.dtype} of {like.dtype}", hint=hint)
    if shape and new.shape != like.shape:
        raise ShapeError(f"{what} makes shape {new.shape} of {like.shape}", hint=hint)
