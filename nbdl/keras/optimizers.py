"""Optimizers with Keras's names, arguments, defaults and formulas.

They are made without parameters; ``compile`` and ``fit`` bind them to the model's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from nbdl import optim
from nbdl.core.clipping import clip_grad_norm_, clip_grad_value_
from nbdl.errors import ArgumentError
from nbdl.keras.naming import look_up, snake_case
from nbdl.optim import optimizer as rules
from nbdl.optim.groups import check_number

Slots = rules.Slots


class _SGD(rules.Optimizer):
    """v ← momentum · v − lr · g;  p ← p + v (Nesterov: p + momentum · v − lr · g)."""

    @classmethod
    def _slots(cls, options: Mapping[str, Any]) -> dict[str, float]:
        return {"velocity": 0.0} if options["momentum"] else {}

    @classmethod
    def _update(cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        xp.multiply(g, -h["lr"], out=out)
        if h["momentum"]:
            v = s["velocity"]
            xp.multiply(v, h["momentum"], out=v)
            xp.add(v, out, out=v)
            if h["nesterov"]:
                xp.add(out, v * h["momentum"], out=out)
            else:
                out[...] = v
        xp.add(_decayed(p, h), out, out=out)


class _Adam(rules.Optimizer):
    """Adam with ``epsilon`` as in Kingma and Ba's efficient form: beside √v, uncorrected."""

    @classmethod
    def _slots(cls, options: Mapping[str, Any]) -> dict[str, float]:
        return optim.Adam._slots(options)

    @classmethod
    def _update(cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        (beta1, beta2), step = h["betas"], s["step"]
        m, v = s["exp_avg"], s["exp_avg_sq"]
        xp.subtract(g, m, out=out)
        xp.multiply(out, 1 - beta1, out=out)
        xp.add(m, out, out=m)
        xp.multiply(g, g, out=out)
        xp.subtract(out, v, out=out)
        xp.multiply(out, 1 - beta2, out=out)
        xp.add(v, out, out=v)
        if h["amsgrad"]:
            v = xp.maximum(s["max_exp_avg_sq"], v, out=s["max_exp_avg_sq"])
        alpha = h["lr"] * math.sqrt(1 - beta2**step) / (1 - beta1**step)
        xp.sqrt(v, out=out)
        xp.add(out, h["eps"], out=out)
        xp.divide(m, out, out=out)
        xp.multiply(out, alpha, out=out)
        xp.subtract(_decayed(p, h), out, out=out)


class _RMSprop(rules.Optimizer):
    """v ← rho · v + (1 − rho) g²;  p ← p − lr · g / √(v + epsilon)."""

    @classmethod
    def _slots(cls, options: Mapping[str, Any]) -> dict[str, float]:
        return optim.RMSprop._slots(options)

    @classmethod
    def _update(cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        rho, v = h["rho"], s["square_avg"]
        xp.multiply(v, rho, out=v)
        xp.multiply(g, g, out=out)
        xp.multiply(out, 1 - rho, out=out)
        xp.add(v, out, out=v)
        if h["centered"]:
            mean = s["grad_avg"]
            xp.multiply(mean, rho, out=mean)
            xp.multiply(g, 1 - rho, out=out)
            xp.add(mean, out, out=mean)
            xp.multiply(mean, mean, out=out)
            xp.subtract(v, out, out=out)
            xp.add(out, h["eps"], out=out)
        else:
            xp.add(v, h["eps"], out=out)
        xp.sqrt(out, out=out)
        xp.divide(g, out, out=out)
        xp.multiply(out, h["lr"], out=out)
        if h["momentum"]:
            buffer = s["momentum_buffer"]
            xp.multiply(buffer, h["momentum"], out=buffer)
            xp.add(buffer, out, out=buffer)
            out[...] = buffer
        xp.subtract(_decayed(p, h), out, out=out)


class _Adagrad(rules.Optimizer):
    """a ← a + g²;  p ← p − lr · g / √(a + epsilon)."""

    @classmethod
    def _slots(cls, options: Mapping[str, Any]) -> dict[str, float]:
        return {"sum": options["initial_accumulator_value"]}

    @classmethod
    def _update(cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        total = s["sum"]
        xp.multiply(g, g, out=out)
        xp.add(total, out, out=total)
        xp.add(total, h["eps"], out=out)
        xp.sqrt(out, out=out)
        xp.divide(g, out, out=out)
        xp.multiply(out, h["lr"], out=out)
        xp.subtract(_decayed(p, h), out, out=out)


def _decayed(p: Any, h: Mapping[str, Any]) -> Any:
    """``weight_decay`` shrinks the weights beside the step, in all of Keras's optimizers."""
    return p * (1 - h["lr"] * h["weight_decay"]) if h["weight_decay"] else p


class Optimizer:
    """Base: hyper-parameters, and the optimizer of ``nbdl.optim`` once it is bound.

    Args:
        learning_rate: a number.
        weight_decay: each step shrinks the weights by ``learning_rate * weight_decay``.
        clipnorm: the most that each gradient's norm may be.
        clipvalue: the most that each element of a gradient may be.
        global_clipnorm: the most that the norm of all gradients together may be.
        name: for tables.
    """

    rule: ClassVar[type[rules.Optimizer]]

    def __init__(
        self, learning_rate: float, options: dict[str, Any], *,
        weight_decay: float | None = None, clipnorm: float | None = None,
        clipvalue: float | None = None, global_clipnorm: float | None = None,
        name: str | None = None,
    ) -> None:  # fmt: skip
        who = type(self).__name__
        check_number(who, "learning_rate", learning_rate, 0.0, math.inf)
        if sum(c is not None for c in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ArgumentError(
                f"{who}: only one of clipnorm, clipvalue and global_clipnorm can be given"
            )
        for key, value in (("clipnorm", clipnorm), ("clipvalue", clipvalue),
                           ("global_clipnorm", global_clipnorm)):  # fmt: skip
            if value is not None:
                check_number(who, key, value, 0.0, math.inf)
        self.name = name or snake_case(who)
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self._options = {"lr": float(learning_rate), "weight_decay": weight_decay or 0.0, **options}
        self._clips = (clipnorm, clipvalue, global_clipnorm) != (None, None, None)
        self.bound: rules.Optimizer | None = None
        self.rule([rules.nothing()], self._options)  # refuses wrong options now, not in fit

    def bind(self, parameters: Iterable[Any]) -> None:
        """Train these parameters; the state of those trained before is kept."""
        listed = list(parameters)
        before = self.bound
        if before is not None:
            if [id(p) for p in before.param_groups[0]["params"]] == [id(p) for p in listed]:
                return
            self._options["lr"] = self.learning_rate
        self.bound = self.rule(listed, self._options)
        if before is not None:
            known = {id(p) for p in listed}
            self.bound.state = {p: s for p, s in before.state.items() if id(p) in known}

    @property
    def learning_rate(self) -> float:
        """The learning rate; writing it acts from the next step on."""
        options = self._options if self.bound is None else self.bound.param_groups[0]
        return float(options["lr"])

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        check_number(type(self).__name__, "learning_rate", value, 0.0, math.inf)
        self._options["lr"] = float(value)
        if self.bound is not None:
            self.bound.param_groups[0]["lr"] = float(value)

    lr = learning_rate

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of the bound optimizer: where a run reads and sets the learning rate."""
        return [self._options] if self.bound is None else self.bound.param_groups

    def zero_grad(self) -> None:
        """Forget the gradients."""
        if self.bound is not None:
            self.bound.zero_grad()

    def step(self) -> None:
        """Clip the gradients, then update the parameters."""
        if self.bound is None:
            raise ArgumentError(f"{type(self).__name__} is bound to no model yet")
        if self._clips:
            self._clip(self.bound.param_groups[0]["params"])
        self.bound.step()

    def _clip(self, parameters: list[Any]) -> None:
        if self.global_clipnorm is not None:
            clip_grad_norm_(parameters, self.global_clipnorm)
        elif self.clipvalue is not None:
            clip_grad_value_(parameters, self.clipvalue)
        elif self.clipnorm is not None:
            for p in parameters:
                clip_grad_norm_(p, self.clipnorm)

    def get_config(self) -> dict[str, Any]:
        """The hyper-parameters by name."""
        rest = {key: value for key, value in self._options.items() if key != "lr"}
        return {"name": self.name, "learning_rate": self.learning_rate, **rest}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} learning_rate={self.learning_rate:g}>"


class SGD(Optimizer):
    """Gradient descent with momentum: v ← momentum · v − lr · g,  w ← w + v."""

    rule = _SGD

    def __init__(
        self, learning_rate: float = 0.01, momentum: float = 0.0, nesterov: bool = False,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, {"momentum": momentum, "nesterov": nesterov}, **kwargs)


class Adam(Optimizer):
    """Adam (Kingma and Ba, ICLR 2015)."""

    rule = _Adam

    def __init__(
        self, learning_rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float = 1e-7, amsgrad: bool = False, **kwargs: Any,
    ) -> None:  # fmt: skip
        options = {"betas": (beta_1, beta_2), "eps": epsilon, "amsgrad": amsgrad}
        super().__init__(learning_rate, options, **kwargs)


class AdamW(Adam):
    """Adam with decoupled weight decay, 0.004 unless given."""

    def __init__(
        self, learning_rate: float = 0.001, weight_decay: float = 0.004, beta_1: float = 0.9,
        beta_2: float = 0.999, epsilon: float = 1e-7, amsgrad: bool = False, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **kwargs
        )


class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton, 2012), with ``epsilon`` under the root."""

    rule = _RMSprop

    def __init__(
        self, learning_rate: float = 0.001, rho: float = 0.9, momentum: float = 0.0,
        epsilon: float = 1e-7, centered: bool = False, **kwargs: Any,
    ) -> None:  # fmt: skip
        options = {"rho": rho, "momentum": momentum, "eps": epsilon, "centered": centered}
        super().__init__(learning_rate, options, **kwargs)


class Adagrad(Optimizer):
    """Adagrad (Duchi and others, 2011), with ``epsilon`` under the root."""

    rule = _Adagrad

    def __init__(
        self, learning_rate: float = 0.001, initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7, **kwargs: Any,
    ) -> None:  # fmt: skip
        options = {"initial_accumulator_value": initial_accumulator_value, "eps": epsilon}
        super().__init__(learning_rate, options, **kwargs)


class _Lion(optim.Lion):
    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        rules.Optimizer.__init__(self, params, {**defaults, "maximize": False})


class Lion(Optimizer):
    """Lion (Chen and others, NeurIPS 2023)."""

    rule = _Lion

    def __init__(
        self, learning_rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.99,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, {"betas": (beta_1, beta_2)}, **kwargs)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD, "adam": Adam, "adamw": AdamW, "rmsprop": RMSprop, "adagrad": Adagrad, "lion": Lion,
}  # fmt: skip
"""Name -> class."""


def get(identifier: Any) -> Optimizer:
    """An optimizer from a name (any case), or the optimizer given."""
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()  # type: ignore[call-arg]
    if isinstance(identifier, str):
        return look_up("optimizer", identifier, OPTIMIZERS)()  # type: ignore[call-arg]
    raise ArgumentError(
        f"an optimizer is a name or one of keras.optimizers, got {identifier!r:.80}",
        hint="optimizer='adam', or keras.optimizers.Adam(learning_rate=0.001)",
    )
