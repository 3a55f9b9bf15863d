"""First values of weights, with Keras's names and defaults.

An initializer is called with a shape, Keras's layout: (in, out) for matrices, (height, width,
in, out) for convolutions; it returns a NumPy array of float32 unless another dtype is asked for.
With a ``seed`` it gives the same numbers at each call; without, what ``nbdl.manual_seed`` seeded.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nbdl.core.random import Generator, default_generator
from nbdl.dtypes import as_dtype
from nbdl.errors import ArgumentError, ShapeError
from nbdl.keras.naming import look_up
from nbdl.ops.random import rand, randn

Shape = Sequence[int]


class Initializer:
    """Base: ``initializer(shape)`` gives the values. Subclasses define ``__call__``."""

    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        """The values for a weight of ``shape``, float32 unless ``dtype`` is given."""
        return self._values(tuple(shape)).astype(as_dtype(dtype or "float32"), copy=False)

    def _values(self, shape: tuple[int, ...]) -> np.ndarray:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this initializer."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """The initializer of what ``get_config`` gave."""
        return cls(**config)

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({options})"


class Constant(Initializer):
    """One number everywhere, or a given array."""

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def _values(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.array(np.broadcast_to(np.asarray(self.value), shape))


class Zeros(Constant):
    """0 everywhere."""

    def __init__(self) -> None:
        super().__init__(0.0)


class Ones(Constant):
    """1 everywhere."""

    def __init__(self) -> None:
        super().__init__(1.0)


class _Drawn(Initializer):
    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed

    def _generator(self) -> Generator:
        return default_generator() if self.seed is None else Generator(self.seed)

    def _uniform(self, shape: Shape, low: float, high: float) -> np.ndarray:
        unit = rand(*shape, generator=self._generator()).value
        return np.asarray(unit * np.float32(high - low) + np.float32(low))

    def _normal(self, shape: Shape, mean: float, stddev: float) -> np.ndarray:
        z = randn(*shape, generator=self._generator()).value
        return np.asarray(z * np.float32(stddev) + np.float32(mean))

    def _truncated(self, shape: Shape, mean: float, stddev: float) -> np.ndarray:
        """Normal numbers; those beyond two standard deviations are drawn again."""
        generator = self._generator()
        z = np.array(randn(*shape, generator=generator).value).reshape(-1)
        while (outside := np.abs(z) > 2).any():
            z[outside] = randn(int(outside.sum()), generator=generator).value
        return (z * np.float32(stddev) + np.float32(mean)).reshape(shape)


class RandomUniform(_Drawn):
    """Uniform numbers in [minval, maxval)."""

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def _values(self, shape: tuple[int, ...]) -> np.ndarray:
        return self._uniform(shape, self.minval, self.maxval)


class RandomNormal(_Drawn):
    """Normal numbers."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def _values(self, shape: tuple[int, ...]) -> np.ndarray:
        return self._normal(shape, self.mean, self.stddev)


class TruncatedNormal(RandomNormal):
    """Normal numbers within two standard deviations."""

    def _values(self, shape: tuple[int, ...]) -> np.ndarray:
        return self._truncated(shape, self.mean, self.stddev)


class VarianceScaling(_Drawn):
    """Numbers of variance scale / n, where n is the fan in, the fan out or their mean."""

    def __init__(
        self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(seed)
        kinds = ("truncated_normal", "untruncated_normal", "uniform")
        if scale <= 0 or mode not in ("fan_in", "fan_out", "fan_avg") or distribution not in kinds:
            raise ArgumentError(
                f"VarianceScaling: scale={scale!r} must be positive, mode={mode!r} one of fan_in, "
                f"fan_out, fan_avg, distribution={distribution!r} one of {', '.join(kinds)}"
            )
        self.scale, self.mode, self.distribution = scale, mode, distribution

    def _values(self, shape: tuple[int, ...]) -> np.ndarray:
        fan_in, fan_out = fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return self._uniform(shape, -limit, limit)
        if self.distribution == "untruncated_normal":
            return self._normal(shape, 0.0, math.sqrt(variance))
        # The constant makes up for the variance that truncation takes away.
        return self._truncated(shape, 0.0, math.sqrt(variance) / 0.87962566103423978)


def fans(shape: Shape) -> tuple[float, float]:
    """(fan in, fan out) of a weight of ``shape``."""
    if len(shape) < 2:
        size = float(shape[0]) if shape else 1.0
        return size, size
    field = math.prod(shape[:-2])
    return float(shape[-2] * field), float(shape[-1] * field)


class GlorotUniform(VarianceScaling):
    """Uniform within ±√(6 / (fan in + fan out)): Glorot and Bengio, AISTATS 2010."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed)


class GlorotNormal(VarianceScaling):
    """Truncated normal of variance 2 / (fan in + fan out)."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal", seed)


class HeUniform(VarianceScaling):
    """Uniform within ±√(6 / fan in): He and others, ICCV 2015."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(2.0, "fan_in", "uniform", seed)


class HeNormal(VarianceScaling):
    """Truncated normal of variance 2 / fan in."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(2.0, "fan_in", "truncated_normal", seed)


class LecunUniform(VarianceScaling):
    """Uniform within ±√(3 / fan in)."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_in", "uniform", seed)


class LecunNormal(VarianceScaling):
    """Truncated normal of variance 1 / fan in."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_in", "truncated_normal", seed)


class Orthogonal(_Drawn):
    """A random orthogonal matrix (or the first columns of one): Saxe and others, ICLR 2014."""

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def _values(self, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) < 2:
            raise ShapeError(f"Orthogonal needs a shape of 2 axes or more, got {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        z = self._normal((max(rows, columns), min(rows, columns)), 0.0, 1.0)
        q, r = np.linalg.qr(z)
        q = q * np.sign(np.diag(r))
        q = q.T if rows < columns else q
        return (self.gain * q).reshape(shape)


class Identity(Initializer):
    """The identity matrix times ``gain``, for weights of 2 axes."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def _values(self, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) != 2:
            raise ShapeError(f"Identity needs a shape of 2 axes, got {shape}")
        return self.gain * np.eye(*shape)


IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal

INITIALIZERS: dict[str, type[Initializer]] = {
    "zeros": Zeros, "ones": Ones, "constant": Constant,
    "random_uniform": RandomUniform, "uniform": RandomUniform,
    "random_normal": RandomNormal, "normal": RandomNormal,
    "truncated_normal": TruncatedNormal, "variance_scaling": VarianceScaling,
    "glorot_uniform": GlorotUniform, "glorot_normal": GlorotNormal,
    "he_uniform": HeUniform, "he_normal": HeNormal,
    "lecun_uniform": LecunUniform, "lecun_normal": LecunNormal, "orthogonal": Orthogonal,
    "identity": Identity,
}  # fmt: skip
"""Name -> class."""


def get(identifier: Any) -> Callable[[Shape], Any]:
    """An initializer from a name, a class, a function of the shape, or ``serialize``'s dict."""
    if isinstance(identifier, type) and issubclass(identifier, Initializer):
        return identifier()
    if callable(identifier):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    return look_up("initializer", identifier, INITIALIZERS)()


def serialize(initializer: Initializer) -> dict[str, Any]:
    """An initializer as its class's name and arguments."""
    return {"class_name": type(initializer).__name__, "config": initializer.get_config()}


def deserialize(config: dict[str, Any]) -> Initializer:
    """The initializer that ``serialize`` was given. Raises ArgumentError for an unknown class."""
    if not isinstance(config, dict) or "class_name" not in config:
        raise ArgumentError(f"this is no initializer's configuration: {config!r:.80}")
    cls = look_up("initializer", config["class_name"], INITIALIZERS)
    return cls.from_config(config.get("config", {}))
