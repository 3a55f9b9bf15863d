"""All that a training is between two steps, as a plain value: taken, and put back.

``capture(run)`` gives a ``State``: arrays by name, and the rest as JSON can hold it.
``restore(run, state)`` makes a run that was built the same way go on exactly from there. What a
run's state consists of is what ``run.parts`` lists, besides its models, optimizers and numbers.

Parameters and buffers are not copied, for a tensor's value is never changed while somebody else
holds it; what an optimizer changes in place is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nbdl import backends
from nbdl.core.tensor import Tensor
from nbdl.errors import TrainingError

if TYPE_CHECKING:
    from nbdl.training.run import Run


class Part(Protocol):
    """Something of a run that steps change: it says what it is now, and goes back to that.

    The value may be nested dicts, lists and tuples of numbers, texts, None, arrays and tensors.
    """

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class State:
    """What a run was after ``step`` steps.

    Attributes:
        arrays: by name, such as ``"models/0/fc.weight"`` (the first model's ``fc.weight``).
            Never to be written into.
        rest: everything else as JSON can hold it, with names of arrays in the arrays' places.
    """

    arrays: dict[str, np.ndarray]
    rest: dict[str, Any]

    @property
    def step(self) -> int:
        """The steps that were done."""
        return int(self.rest["run"]["step"])

    @property
    def epoch(self) -> int:
        """The number of the epoch that was under way, from 1."""
        return int(self.rest["run"]["epoch"])

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.arrays.values())

    def settled(self, compiled: bool) -> State:
        """A live state as one that stays: a copy of what the next step changes in place, which
        compiled code does to everything."""
        return State({
            name: array.copy() if compiled or name.startswith("optimizers/") else array
            for name, array in self.arrays.items()
        }, self.rest)  # fmt: skip

    def weights(self, model: int = 0) -> dict[str, np.ndarray]:
        """Parameters and buffers of a model by path."""
        start = f"models/{model}/"
        return {k.removeprefix(start): a for k, a in self.arrays.items() if k.startswith(start)}


def capture(run: Run, *, live: bool = False) -> State:
    """The state of a run between two steps: in its own thread, or inside ``run.frozen()``.

    Args:
        run: whose.
        live: without the time to copy: the state must be ``settled`` before the next step changes
            anything.

    Raises TrainingError for a part whose state is no plain value.
    """
    parameters = [dict(model.named_parameters()) for model in run.models]
    found: dict[str, Any] = {
        "run": _numbers(run),
        "models": [
            {**of, **dict(model.named_buffers())}
            for of, model in zip(parameters, run.models, strict=True)
        ],
        "frozen": [[n for n, p in of.items() if not p.requires_grad] for of in parameters],
        "optimizers": [
            optimizer.live_state() if live else optimizer.state_dict()
            for optimizer in run.optimizers
        ],
        "names": _names(parameters, run.optimizers),
        "schedule": None if run.schedule is None else run.schedule.state_dict(),
        "parts": {name: part.state_dict() for name, part in run.parts.items()},
    }
    arrays: dict[str, np.ndarray] = {}
    rest = {name: pack(value, name, arrays) for name, value in found.items()}
    return State(arrays, rest)


def restore(run: Run, state: State) -> None:
    """Put a run, which has the same models and parts, where ``state`` was taken.

    Its history is left alone. Raises TrainingError, before anything is changed, where parameters
    or optimizers differ.
    """
    found = {name: unpack(value, state.arrays) for name, value in state.rest.items()}
    _check(run, found)
    for model, tensors, frozen in zip(run.models, found["models"], found["frozen"], strict=True):
        for name, t in tensors_of(model):
            t.value = backends.to_device(tensors[name].value, t.device)
            t.grad = None
        for name, p in model.named_parameters():
            p.requires_grad_(name not in frozen)
    for optimizer, saved in zip(run.optimizers, found["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    if found["schedule"] is None:
        run.schedule = None
    elif run.schedule is not None:
        run.schedule.load_state_dict(found["schedule"])
    for name, part in run.parts.items():
        if name in found["parts"]:
            part.load_state_dict(found["parts"][name])
    _put_numbers(run, found["run"])


class LeftGradients:
    """The gradients that a step of one's own leaves: it may add to them the next time."""

    def __init__(self, models: list[Any]) -> None:
        self.parameters = [p for model in models for p in model.parameters()]

    def state_dict(self) -> dict[str, Any]:
        """The gradients that there are, by the number of their parameter."""
        return {str(i): p.grad.to_dense() for i, p in enumerate(self.parameters)
                if p.grad is not None}  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put them back."""
        for i, p in enumerate(self.parameters):
            g = state.get(str(i))
            p.grad = None if g is None else g.to(p.device)


# ----- the parts that every run has -------------------------------------------------------------


def tensors_of(model: Any) -> list[tuple[str, Any]]:
    """(path, tensor) of all parameters, then of all buffers."""
    return [*model.named_parameters(), *model.named_buffers()]


def _names(parameters: list[dict[str, Any]], optimizers: list[Any]) -> list[list[list[str]]]:
    """Of each optimizer and group the paths of its parameters; "" for one of no model."""
    known = {id(p): name for of in parameters for name, p in of.items()}
    return [
        [[known.get(id(p), "") for p in group.get("params", ())] for group in each.param_groups]
        for each in optimizers
    ]


_NUMBERS = ("step", "epoch", "results", "epoch_values", "measured", "best_epoch", "_lr",
            "_lr_noted")  # fmt: skip


def _numbers(run: Run) -> dict[str, Any]:
    return {
        **{name: getattr(run, name) for name in _NUMBERS},
        "generator": run.generator.state(),
        "history": run.history.counts(),
    }


def _put_numbers(run: Run, numbers: dict[str, Any]) -> None:
    run.generator.restore(numbers["generator"])
    for name in _NUMBERS:
        setattr(run, name, numbers[name])


def _check(run: Run, found: Mapping[str, Any]) -> None:
    """Raise TrainingError if the run is not built like the one that the state is of."""
    for what in ("models", "optimizers"):
        now, then = len(getattr(run, what)), len(found[what])
        if now != then:
            raise TrainingError(f"the state is of a run with {then} {what}, this one has {now}")
    for model, tensors in zip(run.models, found["models"], strict=True):
        wrong = differences(model, {name: t.value for name, t in tensors.items()})
        if wrong:
            more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
            raise TrainingError(
                f"{run.name!r} is not the model that was trained: {'; '.join(wrong[:3])}{more}",
                hint="define the model as it was, or train anew without resume; with --keep in its "
                "cell (%%model NAME --keep) an edited model goes on in its place",
            )


def differences(model: Any, weights: Mapping[str, Any]) -> list[str]:
    """What of a model's parameters and buffers does not fit ``weights``, each as a few words."""
    wrong = []
    mine = dict(tensors_of(model))
    for name, t in mine.items():
        if name not in weights:
            wrong.append(f"{name} is new")
        elif (t.shape, t.dtype) != (weights[name].shape, weights[name].dtype):
            now, then = (f"{x.dtype}{list(x.shape)}" for x in (t, weights[name]))
            wrong.append(f"{name} is {now}, it was {then}")
    return wrong + [f"{name} is gone" for name in weights if name not in mine]


# ----- plain values -----------------------------------------------------------------------------


def pack(value: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    """``value`` as JSON can hold it; its arrays go into ``arrays`` under their paths.

    Raises TrainingError for what is neither a number, a text, an array nor made of these.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return {"$number": [value.item(), value.dtype.name]}
    if isinstance(value, (Tensor, np.ndarray)):
        array: Any = value.value if isinstance(value, Tensor) else value
        arrays[path] = backends.to_numpy(array)
        return {"$tensor" if isinstance(value, Tensor) else "$array": path}
    if isinstance(value, (list, tuple)):
        items = [pack(item, f"{path}/{i}", arrays) for i, item in enumerate(value)]
        return items if isinstance(value, list) else {"$tuple": items}
    if isinstance(value, Mapping):
        packed = [(key, pack(item, f"{path}/{key}", arrays)) for key, item in value.items()]
        if all(isinstance(key, str) and key[:1] != "$" for key, _ in packed):
            return dict(packed)
        return {"$dict": [[pack(key, path, arrays), item] for key, item in packed]}
    raise TrainingError(f"the state of this training has no plain value: {path} is {value!r:.80}")


def unpack(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """What ``pack`` was given. Arrays are those of ``arrays`` themselves."""
    if isinstance(value, list):
        return [unpack(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (kind, inside), *_ = value.items()
        if kind in _UNPACKED:
            return _UNPACKED[kind](inside, arrays)
    return {key: unpack(item, arrays) for key, item in value.items()}


_UNPACKED = {
    "$number": lambda x, _: np.dtype(x[1]).type(x[0]),
    "$tensor": lambda name, arrays: Tensor._wrap(arrays[name]),
    "$array": lambda name, arrays: arrays[name],
    "$tuple": lambda items, arrays: tuple(unpack(item, arrays) for item in items),
    "$dict": lambda pairs, arrays: {
        unpack(key, arrays): unpack(item, arrays) for key, item in pairs
    },
}
