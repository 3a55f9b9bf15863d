"""Weights set to 0 for good (PyTorch's ``torch.nn.utils.prune``).

A pruned parameter ``weight`` is computed as ``weight_orig * weight_mask``: the parameter, the
same as before, goes by the name ``weight_orig``, the mask of ones and zeros is a buffer.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from nbdl.core.modes import no_grad
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.nn.module import Module
from nbdl.nn.utils.computed import M, compute, member, put_member, rules_of, uncompute
from nbdl.ops.concatenation import concat
from nbdl.ops.creation import ones_like
from nbdl.ops.movement import reshape
from nbdl.ops.random import rand
from nbdl.ops.sorting import topk
from nbdl.ops.statistics import vector_norm
from nbdl.shapes import normalize_axis

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured",
    "RandomStructured", "RandomUnstructured", "custom_from_mask", "global_unstructured",
    "identity", "is_pruned", "l1_unstructured", "ln_structured", "random_structured",
    "random_unstructured", "remove",
]  # fmt: skip


class _Pruned:
    """The rule of a pruned attribute."""

    def __init__(self, name: str) -> None:
        self.name = name

    def value(self, module: Module) -> Tensor:
        original, mask = (getattr(module, f"{self.name}_{part}") for part in ("orig", "mask"))
        return original * mask.to(original.dtype)

    def assign(self, module: Module, value: Any) -> None:
        raise ArgumentError(
            f"{type(module).__name__}.{self.name} is computed from {self.name}_orig and "
            f"{self.name}_mask and cannot be assigned to",
            hint=f"set {self.name}_orig, or prune.remove(layer, {self.name!r}) first",
        )


class BasePruningMethod:
    """Base of methods of pruning: ``compute_mask`` says what stays.

    A subclass states ``PRUNING_TYPE``: ``"unstructured"``, computed on the elements that are not
    pruned yet; ``"structured"``, on the channels along ``self.dim`` that are not wholly pruned
    yet; or ``"global"``, on everything.
    """

    PRUNING_TYPE: ClassVar[str]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Ones for what stays. ``t`` are the importances, ``default_mask`` what stayed so far;
        both have one shape, and so has the result."""
        raise NotImplementedError

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None,
        **kwargs: Any,
    ) -> BasePruningMethod:  # fmt: skip
        """Prune the parameter ``name`` of ``module`` by the method with these arguments.

        Importances are its values unless given. Raises ArgumentError for a name that is not
        there, ShapeError for importances or masks of another shape.
        """
        method = cls(*args, **kwargs)
        again = type(rules_of(module).get(name)) is _Pruned
        if not again:
            member(f"prune.{cls.__name__}", module, name)
        with no_grad():
            t = getattr(module, name).detach()
            scores = t if importance_scores is None else importance_scores
            if scores.shape != t.shape:
                raise ShapeError(
                    f"prune: importance_scores have shape {scores.shape}, {name!r} of "
                    f"{type(module).__name__} has {t.shape}"
                )
            before = getattr(module, f"{name}_mask") if again else ones_like(t)
            mask = method._mask_within(scores, before) if again else method.compute_mask(
                scores, before
            )
        if again:
            before.data = mask.to(before.dtype)
            return method
        original = getattr(module, name)
        compute(module, name, _Pruned(name))
        put_member(module, f"{name}_orig", original)
        module.register_buffer(f"{name}_mask", mask.detach().to(original.dtype))
        return method

    def prune(
        self, t: Tensor, default_mask: Tensor | None = None,
        importance_scores: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """``t`` pruned, without a layer."""
        scores = t if importance_scores is None else importance_scores
        mask = ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(scores.detach(), mask)

    def _mask_within(self, t: Tensor, mask: Tensor) -> Tensor:
        """The mask computed on what is not pruned yet, put into what was."""
        if self.PRUNING_TYPE == "unstructured":
            places: Any = mask == 1
        elif self.PRUNING_TYPE == "structured":
            dim = normalize_axis(self.dim, t.ndim, "dim")  # type: ignore[attr-defined]
            others = tuple(i for i in range(t.ndim) if i != dim)
            kept = ((mask != 0).sum(axis=others) != 0).numpy().nonzero()[0]
            places = (*[slice(None)] * dim, Tensor(kept))
        elif self.PRUNING_TYPE == "global":
            places = ...
        else:
            raise ArgumentError(
                f"{type(self).__name__}.PRUNING_TYPE={self.PRUNING_TYPE!r} must be 'unstructured',"
                " 'structured' or 'global'"
            )
        new = mask.detach().to(t.dtype)
        new[places] = self.compute_mask(t[places], mask[places]).to(t.dtype)
        return new


class Identity(BasePruningMethod):
    """Prunes nothing, but makes the parameter ready for it."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask there was."""
        return default_mask


class _Amount(BasePruningMethod):
    """What methods share that prune so many, or such a share."""

    def __init__(self, amount: float) -> None:
        self.amount = _checked_amount(amount)

    def _count(self, size: int) -> int:
        if not isinstance(self.amount, numbers.Integral):
            return round(self.amount * size)
        count = int(self.amount)
        if count > size:
            raise ArgumentError(f"prune: amount={count} is more than the {size} there are")
        return count


class RandomUnstructured(_Amount):
    """Prunes elements by chance.

    Args:
        amount: how many (an int), or which share (a float from 0 to 1).
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """0 at elements drawn at random."""
        return _without_least(_chances(t.shape, t), default_mask, self._count(t.size))


class L1Unstructured(_Amount):
    """Prunes the smallest elements.

    Args:
        amount: how many (an int), or which share (a float from 0 to 1).
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """0 at the elements nearest to 0."""
        return _without_least(abs(t), default_mask, self._count(t.size))


class _Channels(_Amount):
    """What methods share that prune whole channels."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def _importance(self, t: Tensor, others: tuple[int, ...]) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """0 in the least important channels."""
        if t.ndim < 2:
            raise ShapeError(
                f"prune: a tensor of shape {t.shape} has no channels", hint="l1_unstructured"
            )
        dim = normalize_axis(self.dim, t.ndim, "dim")
        others = tuple(i for i in range(t.ndim) if i != dim)
        importance = self._importance(t, others)
        kept = _without_least(importance, ones_like(importance), self._count(t.shape[dim]))
        return default_mask * reshape(kept, tuple(-1 if i == dim else 1 for i in range(t.ndim)))


class RandomStructured(_Channels):
    """Prunes channels by chance.

    Args:
        amount: how many (an int), or which share (a float from 0 to 1).
        dim: the axis of the channels.
    """

    def _importance(self, t: Tensor, others: tuple[int, ...]) -> Tensor:
        return _chances((t.shape[normalize_axis(self.dim, t.ndim)],), t)


class LnStructured(_Channels):
    """Prunes the channels of the smallest norm.

    Args:
        amount: how many (an int), or which share (a float from 0 to 1).
        n: the order of the norm: a number, ``inf``, ``-inf``, or ``"fro"`` for 2.
        dim: the axis of the channels.
    """

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        if isinstance(n, str) and n != "fro":
            raise ArgumentError(f"prune: n={n!r} must be a number or 'fro'")
        self.n = n

    def _importance(self, t: Tensor, others: tuple[int, ...]) -> Tensor:
        return vector_norm(t, axis=others, ord=2 if self.n == "fro" else self.n)


class CustomFromMask(BasePruningMethod):
    """Prunes by a mask of one's own."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Any) -> None:
        self.mask = mask if isinstance(mask, Tensor) else Tensor(mask)

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The given mask, and what was pruned before."""
        if self.mask.shape != default_mask.shape:
            raise ShapeError(
                f"prune: the mask has shape {self.mask.shape}, the parameter {default_mask.shape}"
            )
        return default_mask * self.mask.to(default_mask.dtype)


def _checked_amount(amount: Any) -> Any:
    whole = isinstance(amount, numbers.Integral)
    if isinstance(amount, bool) or not isinstance(amount, numbers.Real):
        raise ArgumentError(f"prune: amount must be a number, got {amount!r:.80}")
    if amount < 0 or (not whole and not amount <= 1):
        raise ArgumentError(
            f"prune: amount={amount!r} must be a count (an int of at least 0) or a share (a float "
            "from 0 to 1)"
        )
    return amount


def _chances(shape: tuple[int, ...], like: Tensor) -> Tensor:
    return rand(*shape, device=str(like.device))


def _without_least(importance: Tensor, mask: Tensor, count: int) -> Tensor:
    """``mask`` with 0 at the ``count`` least important places."""
    flat = reshape(mask.detach(), (-1,))
    if count:
        flat[topk(reshape(importance, (-1,)), count, largest=False)[1]] = 0
    return reshape(flat, mask.shape)


# ----- functions --------------------------------------------------------------------------------


def identity(module: M, name: str) -> M:
    """Prune nothing, but make the parameter ready for it; returns the module."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: M, name: str, amount: float) -> M:
    """Prune elements of a parameter by chance; returns the module. See RandomUnstructured."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(
    module: M, name: str, amount: float, importance_scores: Tensor | None = None
) -> M:
    """Prune the smallest elements of a parameter; returns the module. See L1Unstructured.

    ``importance_scores``, of the parameter's shape, count in place of its values.
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: M, name: str, amount: float, dim: int) -> M:
    """Prune channels of a parameter by chance; returns the module. See RandomStructured."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: M, name: str, amount: float, n: Any, dim: int,
    importance_scores: Tensor | None = None,
) -> M:  # fmt: skip
    """Prune the channels of the smallest norm; returns the module. See LnStructured."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: M, name: str, mask: Any) -> M:
    """Prune where ``mask`` is 0; returns the module."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]], pruning_method: type[BasePruningMethod],
    importance_scores: Mapping[Any, Tensor] | None = None, **kwargs: Any,
) -> None:  # fmt: skip
    """Prune several parameters as if they were one.

    Args:
        parameters: (layer, name) pairs.
        pruning_method: a class of unstructured pruning, such as ``L1Unstructured``.
        importance_scores: by (layer, name), in place of the values.
        kwargs: for the method: ``amount=0.2``.

    Raises ArgumentError for a method that is not unstructured.
    """
    listed = list(parameters)
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise ArgumentError(
            f"global_unstructured needs an unstructured method, {pruning_method.__name__} is "
            f"{method.PRUNING_TYPE}"
        )
    given = importance_scores or {}
    with no_grad():
        values = [getattr(module, name).detach() for module, name in listed]
        masks = [
            getattr(module, f"{name}_mask") if type(rules_of(module).get(name)) is _Pruned
            else ones_like(value)
            for (module, name), value in zip(listed, values, strict=True)
        ]  # fmt: skip
        scores = [given.get(pair, value) for pair, value in zip(listed, values, strict=True)]
        mask = method._mask_within(*(concat([reshape(x, (-1,)) for x in xs])
                                     for xs in (scores, masks)))  # fmt: skip
    start = 0
    for (module, name), value in zip(listed, values, strict=True):
        part = mask[start : start + value.size]
        custom_from_mask(module, name, reshape(part, value.shape))
        start += value.size


def remove(module: M, name: str) -> M:
    """Make the pruned values the parameter's own, for good; returns the module.

    Raises ArgumentError for a parameter that is not pruned.
    """
    if type(rules_of(module).get(name)) is not _Pruned:
        raise ArgumentError(f"{type(module).__name__}.{name} is not pruned")
    with no_grad():
        value = getattr(module, name).detach()
    original = getattr(module, f"{name}_orig")
    uncompute(module, name)
    delattr(module, f"{name}_orig")
    delattr(module, f"{name}_mask")
    original.data = value
    put_member(module, name, original)
    return module


def is_pruned(module: Module) -> bool:
    """Whether any parameter in ``module`` is pruned."""
    return any(
        type(rule) is _Pruned for inner in module.modules() for rule in rules_of(inner).values()
    )
