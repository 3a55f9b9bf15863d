"""Losses, optimizers and schedules by name.

A name may carry arguments: ``"sgd(momentum=0.9)"``, ``"cross_entropy(label_smoothing=0.1)"``.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl import dtypes, optim
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, brief, did_you_mean
from nbdl.nn import functional
from nbdl.training.rates import grouped
from nbdl.training.registry import Registry


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """``"sgd(momentum=0.9)"`` as ``("sgd", {"momentum": 0.9})``. Values are literals."""
    name, bracket, _ = text.partition("(")
    if not bracket:
        return text, {}
    try:
        call = ast.parse(f"f({text.partition('(')[2]}", mode="eval").body
        plain = isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
        if not isinstance(call, ast.Call) or not plain or call.args:
            raise ValueError("only name=value")
        return name, {_keyword(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    except (SyntaxError, ValueError) as error:
        raise ArgumentError(
            f"{text!r} cannot be read as a name with arguments: {error}",
            hint=f"{name}(option=value, other=value) with numbers, True, False or text",
        ) from None


def _keyword(name: str | None) -> str:
    if name is None:
        raise ValueError("only name=value")
    return name


def check_options(what: str, function: Callable[..., Any], options: Iterable[str]) -> None:
    """Raise ArgumentError for an option that ``function`` does not take."""
    parameters = inspect.signature(function).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    known = [name for name in parameters if name not in _GIVEN]
    for option in options:
        if option not in known:
            raise ArgumentError(
                f"{what} has no option {option!r}{did_you_mean(option, known)}",
                hint=f"its options are {', '.join(known)}" if known else None,
            )


_GIVEN = ("params", "optimizer", "input", "target")
"""What training itself gives to optimizers, schedules and losses."""


# ----- losses -------------------------------------------------------------------------------


@dataclass(frozen=True)
class LossKind:
    """What a named loss expects of targets.

    Attributes:
        function: its name in ``nbdl.nn.functional``.
        targets: 'classes' (whole numbers), 'binary' (0..1, the outputs' shape) or 'values'
            (numbers of the outputs' shape).
        threshold: for 'binary', the output above which the answer is yes.
    """

    function: str
    targets: str
    threshold: float = 0.0


LOSSES: Registry[LossKind] = Registry("loss")
"""Name -> what it is."""

for _name, _kind, *_aliases in (
    ("cross_entropy", LossKind("cross_entropy", "classes"), "ce", "crossentropy",
     "categorical_crossentropy", "sparse_categorical_crossentropy"),
    ("nll", LossKind("nll_loss", "classes"), "nll_loss"),
    ("bce_with_logits", LossKind("binary_cross_entropy_with_logits", "binary"),
     "binary_cross_entropy_with_logits"),
    ("binary_cross_entropy", LossKind("binary_cross_entropy", "binary", 0.5), "bce",
     "binary_crossentropy"),
    ("mse", LossKind("mse_loss", "values"), "mse_loss", "mean_squared_error", "l2"),
    ("l1", LossKind("l1_loss", "values"), "l1_loss", "mae", "mean_absolute_error"),
    ("huber", LossKind("huber_loss", "values"), "huber_loss"),
    ("smooth_l1", LossKind("smooth_l1_loss", "values"), "smooth_l1_loss"),
):  # fmt: skip
    LOSSES.add(_name, _kind, *_aliases)


@dataclass(frozen=True)
class Loss:
    """A loss ready to be called as ``loss(outputs, targets)``.

    Attributes:
        name: for titles and the run store.
        function: what computes it.
        kind: what it expects, or None for a user's own function.
    """

    name: str
    function: Callable[..., Any]
    kind: LossKind | None
    options: tuple[tuple[str, Any], ...] = ()

    def __call__(self, outputs: Any, targets: Any) -> Any:
        return self.function(outputs, targets, **dict(self.options))

    def weight(self, targets: Any, size: int) -> float:
        """How much a batch of ``size`` samples counts in the mean over several batches.

        That is what its own mean was divided by: the targets that are not ignored, by the weights
        of their classes; samples for a function of the user's own; 0 where losses are added up.
        """
        given = self._given()
        if given.get("reduction", "mean") == "sum":
            return 0.0
        if self.kind is None or not isinstance(targets, Tensor):
            return size
        if self.kind.targets != "classes" or targets.dtype not in dtypes.INTEGERS:
            return targets.size
        labels = targets.numpy()
        counted = labels[labels != given.get("ignore_index", -100)]
        classes = given.get("weight")
        return counted.size if classes is None else float(classes.numpy()[counted].sum())

    def _given(self) -> dict[str, Any]:
        """Its options, and the attributes of a layer."""
        return {**getattr(self.function, "__dict__", {}), **dict(self.options)}

    def is_plain_cross_entropy(self) -> bool:
        """Whether it is the mean of -log p(class), every class counted alike."""
        given = self._given()
        changed = given.get("weight") is not None or given.get("label_smoothing")
        classes = self.kind is not None and self.kind.targets == "classes"
        return classes and not changed and given.get("reduction", "mean") == "mean"


def as_loss(loss: Any) -> Loss:
    """A Loss from a name or any callable of (outputs, targets), a layer like
    ``nn.CrossEntropyLoss()`` included."""
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str):
        word, options = parse(loss)
        name = LOSSES.resolve(word)
        kind = LOSSES[name]
        function = getattr(functional, kind.function)
        check_options(f"the loss {name!r}", function, options)
        return Loss(name, function, kind, tuple(options.items()))
    if isinstance(loss, type):
        raise ArgumentError(
            f"the loss is the class {loss.__name__}, not a loss", hint=f"{loss.__name__}()"
        )
    if callable(loss):
        name = getattr(loss, "__name__", type(loss).__name__)
        return Loss(name, loss, _LAYER_KINDS.get(type(loss).__name__))
    raise ArgumentError(
        f"a loss is a name or a function of (outputs, targets), got {brief(loss)}",
        hint="one of " + ", ".join(LOSSES.names()),
    )


_LAYER_KINDS = {
    "CrossEntropyLoss": LOSSES["cross_entropy"],
    "NLLLoss": LOSSES["nll"],
    "BCEWithLogitsLoss": LOSSES["bce_with_logits"],
    "BCELoss": LOSSES["binary_cross_entropy"],
    "MSELoss": LOSSES["mse"],
    "L1Loss": LOSSES["l1"],
    "HuberLoss": LOSSES["huber"],
    "SmoothL1Loss": LOSSES["smooth_l1"],
}
"""PyTorch's loss layers, whose targets are checked like those of the functions."""


# ----- optimizers ---------------------------------------------------------------------------


@dataclass(frozen=True)
class OptimizerKind:
    """A class of ``nbdl.optim`` and the learning rate it is given when none is asked for."""

    cls: type[optim.Optimizer]
    lr: float


OPTIMIZERS: Registry[OptimizerKind] = Registry("optimizer")
"""Name -> class and default learning rate."""

_RATES = {"sgd": 1e-2, "rmsprop": 1e-3, "sam": 1e-2, "lookahead": 1e-3}
"""Where it is not the class's own."""

_SPELLINGS = {"sparseadam": "sparse_adam", "lbfgs": "l_bfgs", "schedulefree": "schedule_free"}

for _word, _cls in optim.OPTIMIZERS.items():
    _lr = _RATES.get(_word) or inspect.signature(_cls).parameters["lr"].default
    OPTIMIZERS.add(_word, OptimizerKind(_cls, _lr), *filter(None, [_SPELLINGS.get(_word)]))


def positive(name: str, value: Any, hint: str | None = None) -> float:
    """A finite number above 0, or ArgumentError."""
    number = isinstance(value, (int, float, np.integer, np.floating))
    if isinstance(value, bool) or not number or not 0 < value < float("inf"):
        raise ArgumentError(f"{name} must be a positive number, got {brief(value)}", hint=hint)
    return float(value)


def check_lr(lr: Any) -> float:
    """A learning rate: a finite number above 0."""
    return positive("lr", lr, "1e-3")


def as_optimizer(optimizer: Any, model: Any, lr: Any) -> Any:
    """An optimizer for ``model`` from a name, a class, a function of its parameters, or an
    optimizer that exists already (whose learning rate becomes ``lr`` if that is given).

    ``lr`` may be a dict of rates by patterns of names.
    """
    rates = lr if isinstance(lr, Mapping) else None
    if rates is not None:
        rates, lr = {name: check_lr(rate) for name, rate in rates.items()}, None
    elif lr is not None:
        lr = check_lr(lr)
    if isinstance(optimizer, str):
        word, options = parse(optimizer)
        name = OPTIMIZERS.resolve(word)
        kind = OPTIMIZERS[name]
        check_options(f"the optimizer {name!r}", kind.cls, options)
        if lr is not None and "lr" in options:
            raise ArgumentError(f"the learning rate is given twice: lr={lr} and in {optimizer!r}")
        make: Any = kind.cls
        given = kind.cls.parameters_of(model)
        given = given if rates is None else grouped(given, rates, model)
        return make(given, **{"lr": kind.lr if lr is None else lr, **options})
    if is_optimizer(optimizer):
        _check_is_for(optimizer, model)
        _set_lr(optimizer, lr, rates)
        return optimizer
    if callable(optimizer):
        given = getattr(optimizer, "parameters_of", optim.Optimizer.parameters_of)(model)
        given = given if rates is None else grouped(given, rates, model)
        made = optimizer(given) if lr is None else optimizer(given, lr=lr)
        if not is_optimizer(made):
            raise ArgumentError(f"{brief(optimizer)} gave no optimizer but {brief(made)}")
        return made
    raise ArgumentError(
        f"an optimizer is a name, a class or an optimizer, got {brief(optimizer)}",
        hint="one of " + ", ".join(OPTIMIZERS.names()),
    )


def _set_lr(optimizer: Any, lr: float | None, rates: Any) -> None:
    """Give an optimizer that exists another rate; its groups stay as they are."""
    if rates is not None:
        raise ArgumentError(
            "lr by patterns makes parameter groups, and the optimizer has its own already",
            hint="give the optimizer's name, or groups: AdamW([{'params': ..., 'lr': ...}])",
        )
    for group in optimizer.param_groups if lr is not None else ():
        group["lr"] = lr
        group.pop("initial_lr", None)  # of a schedule of another run


def is_optimizer(value: Any) -> bool:
    """Whether ``value`` is an optimizer that exists already."""
    return not isinstance(value, type) and hasattr(value, "param_groups") and hasattr(value, "step")


def _check_is_for(optimizer: Any, model: Any) -> None:
    """Refuse an optimizer of another model, which would leave this one as it is."""
    own = {id(p) for p in model.parameters()}
    if not any(id(p) in own for group in optimizer.param_groups for p in group["params"]):
        raise ArgumentError(
            "the optimizer has none of this model's parameters",
            hint="was the model made again? then make its optimizer again too",
        )


def as_optimizers(given: Any) -> list[Any]:
    """The optimizers of a step or a loop of one's own: one, or several in a list."""
    found = list(given) if isinstance(given, (list, tuple)) else [given]
    for optimizer in found:
        if not is_optimizer(optimizer):
            raise ArgumentError(
                f"an optimizer that exists is needed here, got {brief(optimizer)}",
                hint="nbdl.optim.Adam(model.parameters(), lr=1e-3)",
            )
    return found
