"""Small networks as in a textbook: each number judged by PyTorch and by finite differences."""

from __future__ import annotations

import ast
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.inspection.static.network import network_svg
from nbdl.inspection.static.svg import BAD, PAPER
from nbdl.inspection.walk import Walk
from nbdl.inspection.walk_records import NetworkRecord
from nbdl.inspection.walk_text import walk_text
from tests.inspection.test_tensor_svg import texts

X = np.array([[1.0, 2.0], [0.5, -1.0], [-0.3, 0.8]])
Y = np.array([[1.0], [0.0], [0.5]])


def two_three_one(activation: nn.Module | None = None) -> nn.Module:
    nbdl.manual_seed(0)
    layers = [nn.Linear(2, 3), activation or nn.Tanh(), nn.Linear(3, 1), nn.Sigmoid()]
    return nn.Sequential(*layers).to("float64")


def network(walk: Walk, example: int = 0) -> NetworkRecord:
    found = walk.record(example).network
    assert found is not None
    return found


@pytest.mark.parametrize("example", [0, 2])
def test_every_number_is_that_of_pytorch(example: int) -> None:
    torch = pytest.importorskip("torch")
    model = two_three_one()
    shown = network(Walk(model, (X, Y)), example)
    parameters = {
        name: torch.tensor(p.numpy(), requires_grad=True) for name, p in model.named_parameters()
    }
    x = torch.tensor(X[example : example + 1], requires_grad=True)
    z1 = x @ parameters["0.weight"].T + parameters["0.bias"]
    a1 = torch.tanh(z1)
    z2 = a1 @ parameters["2.weight"].T + parameters["2.bias"]
    a2 = torch.sigmoid(z2)
    loss = ((a2 - torch.tensor(Y[example])) ** 2).mean()
    kept = [x, z1, a1, z2, a2]
    for tensor in kept[1:]:
        tensor.retain_grad()
    loss.backward()
    first, hidden, last = shown.columns
    assert shown.loss == pytest.approx(loss.item())
    for ours, theirs in (
        (first.values, x), (hidden.sums, z1), (hidden.values, a1), (last.sums, z2),
        (last.values, a2), (hidden.weights, parameters["0.weight"]),
        (last.bias, parameters["2.bias"]),
    ):  # fmt: skip
        np.testing.assert_allclose(ours, theirs.detach().numpy().reshape(ours.shape), rtol=1e-10)
    for ours, theirs in (
        (first.d_values, x), (hidden.d_sums, z1), (hidden.d_values, a1), (last.d_sums, z2),
        (last.d_values, a2), (hidden.d_weights, parameters["0.weight"]),
        (hidden.d_bias, parameters["0.bias"]), (last.d_weights, parameters["2.weight"]),
        (last.d_bias, parameters["2.bias"]),
    ):  # fmt: skip
        np.testing.assert_allclose(ours, theirs.grad.numpy().reshape(ours.shape), rtol=1e-10)


def test_derivatives_are_those_of_finite_differences() -> None:
    model = two_three_one(nn.GELU())
    shown = network(Walk(model, (X, Y)), 1)
    weight = model[0].weight.numpy().copy()
    step = 1e-6

    def loss_at(row: int, column: int, change: float) -> float:
        moved = weight.copy()
        moved[row, column] += change
        model[0].weight.data = nbdl.tensor(moved)
        return network(Walk(model, (X, Y)), 1).loss

    for row, column in np.ndindex(weight.shape):
        slope = (loss_at(row, column, step) - loss_at(row, column, -step)) / (2 * step)
        assert shown.columns[1].d_weights[row, column] == pytest.approx(slope, abs=1e-8)


def test_the_lesson_goes_neuron_by_neuron_forward_to_the_loss_and_back() -> None:
    walk = Walk(two_three_one(), (X, Y)).record().walk
    order = [(step.phase, step.column, step.neuron) for step in walk]
    assert order == [
        ("forward", 1, 0), ("forward", 1, 1), ("forward", 1, 2), ("forward", 2, 0), ("loss", 3, -1),
        ("backward", 2, 0), ("backward", 1, 0), ("backward", 1, 1), ("backward", 1, 2),
        ("backward", 0, 0), ("backward", 0, 1),
    ]  # fmt: skip
    assert {step.node for step in walk[:4]} == {"1", "3"}


@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax"])
def test_a_softmax_is_an_activation_of_its_whole_layer(kind: str) -> None:
    torch = pytest.importorskip("torch")
    nbdl.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), getattr(nn, kind)(-1)).to("float64")
    target = np.array([[0.2, 0.5, 0.3]])
    record = Walk(model, (X[:1], target)).record()
    assert record.network is not None
    last = record.network.columns[-1]
    z = torch.tensor(X[:1]) @ torch.tensor(model[0].weight.numpy()).T
    z = (z + torch.tensor(model[0].bias.numpy())).requires_grad_()
    y = getattr(torch.nn, kind)(-1)(z)
    ((y - torch.tensor(target)) ** 2).mean().backward()
    np.testing.assert_allclose(last.values, y.detach().numpy()[0], rtol=1e-10)
    np.testing.assert_allclose(last.d_sums, z.grad.numpy()[0], rtol=1e-10)
    forward = [step.lines[-1] for step in record.walk if step.phase == "forward"]
    assert "exp(zⱼ)" in forward[0]
    assert number(forward[0].rpartition(" = ")[2]) == pytest.approx(last.values[0], abs=1e-3)
    back = next(step for step in record.walk if step.phase == "backward").lines[1]
    numbers, _, said = back.rpartition(" = ")
    spelled = numbers.rpartition(" = ")[2].replace("−", "-").replace("·", "*")
    assert number(said) == pytest.approx(last.d_sums[0], rel=0.01, abs=1e-4)
    assert evaluated(spelled) == pytest.approx(last.d_sums[0], abs=5e-3)


def evaluated(text: str) -> float:
    """Products, sums and brackets of written numbers."""
    tree = ast.parse(text.strip(), mode="eval")
    allowed = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.Constant, ast.Mult, ast.Sub, ast.USub)
    assert all(isinstance(node, allowed) for node in ast.walk(tree)), text
    return float(eval(compile(tree, "", "eval")))


def number(text: str) -> float:
    return float(text.replace("−", "-").strip("()"))


def test_what_is_written_out_comes_to_what_is_said() -> None:
    """Each sum of products in the lines, computed as a reader would, is the number after it."""
    checked = 0
    for step in Walk(two_three_one(), (X, Y)).record().walk:
        for line in step.lines:
            if not line.startswith("= ") or "²" in line:
                continue
            terms, _, said = line.removeprefix("= ").rpartition(" = ")
            total = sum(
                np.prod([number(factor) for factor in term.split("·")])
                for term in terms.split(" + ")
            )
            assert total == pytest.approx(number(said), abs=0.02 * max(1, abs(total))), line
            checked += 1
    assert checked == 9  # four neurons forward, five sums of the chain rule back


def test_the_loss_and_its_derivative_are_spelled_out() -> None:
    record = Walk(two_three_one(), (X, Y)).record()
    loss = next(step for step in record.walk if step.phase == "loss")
    assert loss.lines[0] == "L = (a⁽²⁾₁ − t₁)²"
    after = next(step for step in record.walk if step.phase == "backward")
    assert after.lines[0].startswith("∂L/∂a⁽²⁾₁ = 2·(a⁽²⁾₁ − t₁) = 2·(")
    assert "sigmoid′(z⁽²⁾₁)" in after.lines[1]


def test_without_a_target_it_is_said_what_the_gradients_are_of() -> None:
    record = Walk(two_three_one(), X).record()
    assert record.objective == "gradients of the mean of the output"
    assert record.network is not None
    assert record.network.columns[2].d_values.tolist() == [1.0]


def test_one_example_without_a_batch_is_taught_too() -> None:
    shown = network(Walk(two_three_one(), X[0]))
    np.testing.assert_array_equal(shown.columns[0].values, X[0])
    assert shown.examples == 1


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (lambda: nn.Sequential(nn.Linear(30, 30), nn.ReLU()), np.ones((2, 30))),
        (lambda: nn.Sequential(nn.Linear(3, 3), nn.Softmax(0)), np.ones((2, 3))),
        (lambda: nn.Sequential(nn.Conv1d(1, 1, 2)), np.ones((2, 1, 4))),
        (lambda: Residual(), np.ones((2, 3))),
        (lambda: nn.ReLU(), np.ones((2, 3))),
        (lambda: nn.Sequential(nn.Linear(3, 2), nn.Linear(3, 2)), np.ones((2, 3))),
    ],
    ids=["large", "softmax", "convolution", "residual", "no-weights", "broken"],
)
def test_what_is_no_small_chain_is_walked_layer_by_layer(
    model: Callable[[], nn.Module], x: np.ndarray
) -> None:
    assert Walk(model(), x).record().network is None


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 3)

    def forward(self, x: Any) -> Any:
        return x + self.inner(x)


def test_the_text_and_the_picture_say_every_weight_and_derivative() -> None:
    record = Walk(two_three_one(), (X, Y), title="<b>net</b>").record()
    assert record.network is not None
    text, said = walk_text(record), texts(network_svg(record))
    assert "example 1 of 3 · L = mean squared error" in text
    assert "backward: input, neuron 2" in text
    assert "<b>net</b>" in said
    numbers = [words for words in said if re.fullmatch(r"(b )?−?[\d.e−]+", words)]
    assert len(numbers) == 2 * 9 + 2 * 6 + 4 + 1  # edges, neurons with derivatives, biases, loss


def test_a_neuron_that_is_no_number_is_red_and_leaves_the_others_their_colours() -> None:
    x = np.array([[1.0, np.nan]])
    record = Walk(nn.Sequential(nn.Linear(2, 2)).to("float64"), x).record()
    circles = [e.attrib for e in ET.fromstring(network_svg(record)).iter() if e.get("r")]
    assert [c["stroke"] == BAD for c in circles] == [False, True, True, True]
    assert circles[0]["fill"] != PAPER
    assert circles[1]["fill"] == PAPER


def test_sums_of_many_terms_are_shortened() -> None:
    model = nn.Sequential(nn.Linear(20, 2), nn.Tanh())
    record = Walk(model, np.ones((1, 20))).record()
    assert " + … + b" in record.walk[0].lines[0]
    assert max(len(line) for step in record.walk for line in step.lines) < 300


def test_cross_entropy_is_spelled_out_with_the_shares_of_the_classes() -> None:
    nbdl.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 3)).to("float64")
    record = Walk(model, (X, np.array([2, 0, 1]))).record()
    assert record.network is not None
    outputs = record.network.columns[-1].values
    shares = np.exp(outputs) / np.exp(outputs).sum()
    loss = next(step for step in record.walk if step.phase == "loss")
    assert loss.lines[0] == "L = −log softmax(a) of the right class, a⁽²⁾₃"
    assert record.network.loss == pytest.approx(-np.log(shares[2]))
    back = [step for step in record.walk if step.phase == "backward" and step.column == 2]
    assert [" − 1 = " in step.lines[0] for step in back] == [False, False, True]
    for step, share in zip(back, shares - [0, 0, 1], strict=True):
        assert number(step.lines[0].rpartition(" = ")[2]) == pytest.approx(share, rel=1e-3)


def test_a_loss_that_is_not_plain_is_not_spelled_out() -> None:
    model = two_three_one()
    walk = Walk(model, (X, Y), loss=lambda y, t: ((y - nbdl.tensor(t)) ** 4).sum())
    after = next(step for step in walk.record().walk if step.phase == "backward")
    assert after.lines[0].endswith(", from the loss")


def test_a_target_that_is_not_one_for_each_example_is_no_error() -> None:
    walk = Walk(two_three_one(), (X, np.array(0.5)), loss=lambda y, t: ((y - t) ** 2).sum())
    assert walk.record().network is None
    assert walk.record().objective.startswith("gradients of the ")


def test_tensors_of_a_small_network_can_be_looked_at_too() -> None:
    walk = Walk(two_three_one(), (X, Y))
    step = walk.record().walk[0]
    assert step.looks == ("output", "gradient")
    seen = walk.tensor(step.node, "output")
    assert seen is not None
    assert seen.record().shape == (3, 3)
