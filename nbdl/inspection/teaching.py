"""Small dense networks as in a textbook: every weight, sum, activation and partial derivative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl.core.backward import grad
from nbdl.core.needs import rules
from nbdl.core.tensor import Tensor
from nbdl.inspection.activations import Observed
from nbdl.inspection.recording import Step
from nbdl.inspection.static import formats
from nbdl.inspection.walk_records import NetworkRecord, NeuronColumn, WalkStep
from nbdl.ops.families import Elementwise
from nbdl.ops.softmax import LogSoftmax, Softmax

MOST_NEURONS = 40
SPELLED = 8
"""Terms of a sum that are written out; of longer sums the first few and the last."""

SHARES = ("softmax", "log_softmax")
"""Activations in which a neuron's value depends on the sums of all neurons of its layer."""

_LOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_HIGH = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass
class _Layer:
    """A linear operation and the activation behind it."""

    linear: Step
    weight: Tensor
    bias: Tensor | None
    activation: Step | None = None


def network_of(seen: Observed, example: int, examples: int) -> NetworkRecord | None:
    """The numbers of a small network that has run on one example.

    Args:
        seen: after a pass over one example.
        example, examples: which of how many it is.

    Returns:
        None where the model is no chain of linear layers and elementwise activations, has more
        than 40 neurons, or where the pass ended with an error.
    """
    layers = _chain(seen)
    if not layers or seen.objective is None:
        return None
    first = layers[0].linear.sources[0]
    inputs = first[0].tensors[first[1]]
    widths = [inputs.size, *(layer.linear.tensors[0].size for layer in layers)]
    if sum(widths) > MOST_NEURONS:
        return None
    values = _numbers(inputs)
    gradient = _numbers(seen.gradients.get(id(inputs)), values.shape)
    columns = [NeuronColumn("input", "", values=values, d_values=gradient)]
    columns += [_column(seen, layer) for layer in layers]
    loss = float(seen.objective.numpy())
    return NetworkRecord(tuple(columns), loss, seen.words, example, examples)


def _chain(seen: Observed) -> list[_Layer]:
    """The layers in their order; none where anything else happens."""
    layers: list[_Layer] = []
    before: Step | None = None
    for step in seen.recorder.steps:
        if step.kind in ("input", "output") or step.op is None or step.op.name == "reshape":
            if step.kind == "input" and before is not None:
                return []
            before = step
            continue
        if before is None or [source for source, _ in step.sources] != [before]:
            return []
        own = {name.rpartition(".")[2]: p for name, p in step.reads}
        if step.op.name == "linear" and "weight" in own:
            layers.append(_Layer(step, own["weight"], own.get("bias")))
        elif layers and layers[-1].activation is None and _is_activation(step):
            layers[-1].activation = step
        else:
            return []
        before = step
    return layers


def _is_activation(step: Step) -> bool:
    """Whether it makes of each neuron's sum a value: alone, or by shares of one whole."""
    if isinstance(step.op, (Softmax, LogSoftmax)):
        return step.op.axis == step.tensors[0].ndim - 1
    return isinstance(step.op, Elementwise)


def _numbers(x: Tensor | None, shape: tuple[int, ...] = ()) -> np.ndarray:
    return np.zeros(shape) if x is None else x.numpy().reshape(-1).astype(np.float64)


def _table(x: Tensor | None, like: Tensor) -> np.ndarray:
    return np.zeros(like.shape) if x is None else x.numpy().astype(np.float64)


def _column(seen: Observed, layer: _Layer) -> NeuronColumn:
    sums = layer.linear.tensors[0]
    values = layer.activation.tensors[0] if layer.activation is not None else sums
    found = seen.gradients
    name = layer.linear.node.rpartition(".")[2] or "linear"
    bias = layer.bias
    return NeuronColumn(
        name, layer.activation.op.name if layer.activation and layer.activation.op else "",
        weights=_table(layer.weight, layer.weight),
        bias=_numbers(bias) if bias is not None else np.zeros(0),
        sums=_numbers(sums), values=_numbers(values),
        d_weights=_table(found.get(id(layer.weight)), layer.weight),
        d_bias=_numbers(found.get(id(bias)), (sums.size,)) if bias is not None else np.zeros(0),
        d_sums=_numbers(found.get(id(sums)), (sums.size,)),
        d_values=_numbers(found.get(id(values)), (sums.size,)),
    )  # fmt: skip


# ----- the lesson ---------------------------------------------------------------------------


def lesson(network: NetworkRecord, seen: Observed) -> tuple[WalkStep, ...]:
    """The steps through the network: neuron by neuron forward, the loss, and back."""
    slopes = [_slopes(layer) for layer in _chain(seen)]
    nodes = [layer.activation or layer.linear for layer in _chain(seen)]
    write = _Writer(network, slopes, _end(network, seen))
    steps: list[WalkStep] = []
    for column in range(1, len(network.columns)):
        node = nodes[column - 1].node
        steps += [
            WalkStep("forward", node, f"{write.title(column)}, neuron {neuron + 1}",
                     write.forward(column, neuron), column=column, neuron=neuron)
            for neuron in range(network.columns[column].values.size)
        ]  # fmt: skip
    steps.append(WalkStep("loss", "", "loss", write.loss(), column=len(network.columns)))
    for column in range(len(network.columns) - 1, -1, -1):
        node = nodes[column - 1].node if column else ""
        steps += [
            WalkStep("backward", node, f"{write.title(column)}, neuron {neuron + 1}",
                     write.backward(column, neuron), column=column, neuron=neuron)
            for neuron in range(network.columns[column].values.size)
        ]  # fmt: skip
    return tuple(steps)


@dataclass(frozen=True)
class _End:
    """How the loss is made of the outputs: in letters and in numbers, and its derivatives."""

    loss: tuple[str, ...]
    derivatives: tuple[str, ...]


def _end(network: NetworkRecord, seen: Observed) -> _End | None:
    """The loss written out, where it is the plain squared error or cross-entropy."""
    outputs = network.columns[-1].values
    if seen.target is None:
        return None
    target = np.asarray(rules.astensor(seen.target).numpy()).reshape(-1)
    names = _Names(len(network.columns) - 1)
    squared = 2 * (outputs - target) / outputs.size if target.size == outputs.size else None
    if squared is not None and np.allclose(squared, network.columns[-1].d_values, rtol=1e-3):
        return _squared(names, network, target)
    if target.size == 1 and target.dtype.kind in "iu" and 0 <= target[0] < outputs.size:
        shares = np.exp(outputs - outputs.max())
        shares /= shares.sum()
        wanted = shares - (np.arange(outputs.size) == target[0])
        if np.allclose(wanted, network.columns[-1].d_values, rtol=1e-3, atol=1e-6):
            return _crossed(names, network, shares, int(target[0]))
    return None


def _squared(names: _Names, network: NetworkRecord, target: np.ndarray) -> _End:
    outputs = network.columns[-1].values
    share = f" / {outputs.size}" if outputs.size > 1 else ""
    at = range(outputs.size)
    letters = [f"({names.value(names.last, i)} − {names.of('t', 0, i)})" for i in at]
    numbers = [f"({formats.value(outputs[i], 3)} − {_n(target[i])})" for i in at]
    plain, full = (_sum([f"{term}²" for term in terms]) for terms in (letters, numbers))
    loss = formats.value(network.loss)
    whole = [f"({some}){share}" if share else some for some in (plain, full)]
    return _End(
        (f"L = {whole[0]}", f"= {whole[1]} = {loss}"),
        tuple(f"2·{letters[i]}{share} = 2·{numbers[i]}{share}" for i in at),
    )


def _crossed(names: _Names, network: NetworkRecord, shares: np.ndarray, label: int) -> _End:
    right = names.value(names.last, label)
    share, loss = formats.value(shares[label], 3), formats.value(network.loss)
    return _End(
        (f"L = −log softmax(a) of the right class, {right}", f"= −log {share} = {loss}"),
        tuple(
            f"softmax(a){names.of('', 0, i)} − {int(i == label)} = "
            f"{formats.value(shares[i], 3)} − {int(i == label)}"
            for i in range(shares.size)
        ),
    )


def _slopes(layer: _Layer) -> np.ndarray:
    """The derivative at the sums of an activation that looks at each alone."""
    step = layer.activation
    if step is None or step.op is None or step.op.name in SHARES:
        return np.ones(layer.linear.tensors[0].size)
    z = layer.linear.tensors[0].detach().requires_grad_()
    y = step.op(z)
    return _numbers(grad(y.sum(), [z], allow_unused=True)[0], (z.size,))


@dataclass(frozen=True)
class _Names:
    """What numbers are called: ``w⁽²⁾₁₃``.

    Args:
        last: the number of the last layer; the layer is said where there are several.
    """

    last: int

    def of(self, letter: str, column: int, *index: int) -> str:
        """A letter with its layer above and its places below."""
        parts = [str(i + 1) for i in index]
        low = ("," if any(len(part) > 1 for part in parts) else "").join(parts).translate(_LOW)
        high = f"⁽{str(column).translate(_HIGH)}⁾" if self.last > 1 and column else ""
        return f"{letter}{high}{low}"

    def value(self, column: int, neuron: int) -> str:
        """The output of a neuron: x of inputs, a of all else."""
        return self.of("a" if column else "x", column, neuron)


class _Writer:
    """Writes the sums of a network out."""

    def __init__(
        self, network: NetworkRecord, slopes: Sequence[np.ndarray], end: _End | None
    ) -> None:
        self.columns = network.columns
        self.network = network
        self.slopes = slopes
        self.end = end
        self.last = len(network.columns) - 1
        names = _Names(self.last)
        self._of, self.value = names.of, names.value

    def title(self, column: int) -> str:
        return "input" if column == 0 else f"layer {self.columns[column].name}"

    def forward(self, column: int, neuron: int) -> tuple[str, ...]:
        it, before = self.columns[column], self.columns[column - 1].values
        weights = it.weights[neuron]
        words = [f"{self._of('w', column, neuron, i)}·{self.value(column - 1, i)}"
                 for i in range(before.size)]  # fmt: skip
        numbers = [f"{_n(w)}·{_n(x)}" for w, x in zip(weights, before, strict=True)]
        if it.bias.size:
            words.append(self._of("b", column, neuron))
            numbers.append(_n(it.bias[neuron]))
        z, a = self._of("z", column, neuron), self.value(column, neuron)
        total = formats.value(it.sums[neuron])
        lines = [f"{z} = {_sum(words)}", f"= {_sum(numbers)} = {total}"]
        if not it.function:
            return (*lines, f"{a} = {z} = {total}")
        if it.function in SHARES:
            return (*lines, self._share(it, neuron, z, a))
        return (*lines, f"{a} = {it.function}({z}) = {formats.value(it.values[neuron])}")

    def _share(self, it: NeuronColumn, neuron: int, z: str, a: str) -> str:
        """A neuron's softmax, or the logarithm of it, from the sums of its whole layer."""
        with np.errstate(over="ignore"):
            whole = formats.value(float(np.exp(it.sums).sum()), 3)
        y = formats.value(it.values[neuron])
        own = _n(it.sums[neuron])
        if it.function == "softmax":
            return f"{a} = exp({z}) / Σ exp(zⱼ) = exp({own.strip('()')}) / {whole} = {y}"
        return f"{a} = {z} − log Σ exp(zⱼ) = {own} − log {whole} = {y}"

    def _shares_slope(self, it: NeuronColumn, neuron: int, a: str, d_value: str) -> tuple[str, str]:
        """The derivative of the loss by a sum of softmax's layer, in letters and numbers."""
        given, y = _n(it.d_values[neuron]), it.values[neuron]
        if it.function == "softmax":
            rest = _n(float(it.d_values @ it.values))
            return f"{a}·({d_value} − Σ ∂L/∂aⱼ·aⱼ)", f"{_n(y)}·({given} − {rest})"
        rest = _n(float(it.d_values.sum()))
        return f"{d_value} − exp({a})·Σ ∂L/∂aⱼ", f"{given} − {_n(float(np.exp(y)))}·{rest}"

    def loss(self) -> tuple[str, ...]:
        if self.end is not None:
            return self.end.loss
        outputs = self.columns[self.last].values
        names = ", ".join(self.value(self.last, i) for i in range(min(outputs.size, SPELLED)))
        numbers = ", ".join(formats.value(y) for y in outputs[:SPELLED])
        loss = formats.value(self.network.loss)
        return (f"L = {self.network.objective} of ({names})", f"of ({numbers}) = {loss}")

    def backward(self, column: int, neuron: int) -> tuple[str, ...]:
        it = self.columns[column]
        d_value = f"∂L/∂{self.value(column, neuron)}"
        value = formats.value(it.d_values[neuron])
        if column == self.last:
            lines = [self._at_the_end(neuron, d_value, value)]
        else:
            lines = self._chain_rule(column, neuron, d_value, value)
        return (*lines, *self._own(column, neuron, d_value)) if column else tuple(lines)

    def _at_the_end(self, neuron: int, name: str, value: str) -> str:
        if self.end is None:
            return f"{name} = {value}, from the loss"
        return f"{name} = {self.end.derivatives[neuron]} = {value}"

    def _chain_rule(self, column: int, neuron: int, name: str, value: str) -> list[str]:
        """The sum over all neurons that this one leads to."""
        after = self.columns[column + 1]
        count = after.sums.size
        words = [f"∂L/∂{self._of('z', column + 1, k)}·{self._of('w', column + 1, k, neuron)}"
                 for k in range(count)]  # fmt: skip
        numbers = [f"{_n(after.d_sums[k])}·{_n(after.weights[k, neuron])}" for k in range(count)]
        return [f"{name} = {_sum(words)}", f"= {_sum(numbers)} = {value}"]

    def _own(self, column: int, neuron: int, d_value: str) -> list[str]:
        """Through the activation, and to the neuron's weights and bias."""
        it, before = self.columns[column], self.columns[column - 1].values
        z = self._of("z", column, neuron)
        d_sum, total = f"∂L/∂{z}", formats.value(it.d_sums[neuron])
        slope = formats.value(self.slopes[column - 1][neuron])
        given = _n(it.d_values[neuron])
        if it.function in SHARES:
            words, numbers = self._shares_slope(it, neuron, self.value(column, neuron), d_value)
        else:
            words, numbers = f"{d_value}·{it.function}′({z})", f"{given}·{slope}"
        lines = [f"{d_sum} = {words} = {numbers} = {total}"
                 if it.function else f"{d_sum} = {d_value} = {total}"]  # fmt: skip
        for i in range(min(before.size, SPELLED)):
            w, x = self._of("w", column, neuron, i), self.value(column - 1, i)
            product = f"{_n(it.d_sums[neuron])}·{_n(before[i])}"
            said = formats.value(it.d_weights[neuron, i])
            lines.append(f"∂L/∂{w} = {d_sum}·{x} = {product} = {said}")
        if it.bias.size:
            said = formats.value(it.d_bias[neuron])
            lines.append(f"∂L/∂{self._of('b', column, neuron)} = {d_sum} = {said}")
        return lines


def _n(value: Any) -> str:
    """A number inside a product: negative ones in brackets."""
    said = formats.value(float(value), 3)
    return f"({said})" if said.startswith(formats.MINUS) else said


def _sum(terms: list[str]) -> str:
    if len(terms) > SPELLED:
        terms = [*terms[: SPELLED - 2], "…", terms[-1]]
    return " + ".join(terms)
