"""Graphs of models and tensors: who made what, in which layer, at what cost."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.core.modes import no_grad
from nbdl.core.tensor import Tensor
from nbdl.inspection.graph import layer_tree, model_graph, tensor_graph
from nbdl.inspection.records import GraphNode, GraphRecord
from nbdl.inspection.wire import pack
from nbdl.shapes import Spec

FLOAT = np.dtype("float32")


class Block(nn.Module):
    """x + relu(linear(x))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lin = nn.Linear(width, width)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.act(self.lin(x))


class Stack(nn.Module):
    """A list of blocks, a free parameter and a head."""

    def __init__(self, blocks: int = 4, width: int = 8) -> None:
        super().__init__()
        self.h = nn.ModuleList([Block(width) for _ in range(blocks)])
        self.scale = nn.Parameter(nbdl.ones(width))
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.h:
            x = block(x)
        return self.head(x * self.scale)


def graph(model: nn.Module, *shape: int, **named: Any) -> GraphRecord:
    return model_graph(model, {"": Spec(shape, FLOAT)}, title="net", **named)


def by_id(record: GraphRecord, node: str) -> GraphNode:
    return next(n for n in record.nodes if n.id == node)


def named_edges(record: GraphRecord) -> set[tuple[str, str]]:
    return {(record.nodes[a].id, record.nodes[b].id) for a, b, _ in record.edges}


def test_a_sequence_is_a_chain_of_its_layers() -> None:
    model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
    record = graph(model, 5, 8)
    assert [n.id for n in record.nodes] == ["input", "0", "1", "2", "output"]
    assert [n.type for n in record.nodes[1:4]] == ["Linear", "ReLU", "Linear"]
    assert named_edges(record) == {("input", "0"), ("0", "1"), ("1", "2"), ("2", "output")}
    assert by_id(record, "0").detail == "8→4"
    assert by_id(record, "0").outputs[0].shape == (5, 4)
    assert by_id(record, "0").family == "linear"


def test_parameters_and_flops_are_exact() -> None:
    record = graph(nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 2, bias=False)), 5, 8)
    assert by_id(record, "0").params == 8 * 4 + 4
    assert by_id(record, "0").flops == 5 * (2 * 8 * 4 + 4)
    assert by_id(record, "1").params == 4 * 2
    assert by_id(record, "1").flops == 5 * 2 * 4 * 2
    assert record.params == record.trainable == 8 * 4 + 4 + 4 * 2
    assert record.flops == sum(n.flops for n in record.nodes)
    assert by_id(record, "0").memory == 5 * 4 * 4


def test_layers_of_a_list_are_one_group_that_says_how_often_it_repeats() -> None:
    record = graph(Stack(4), 2, 8)
    group = by_id(record, "h")
    assert (group.kind, group.repeat, group.type) == ("group", 4, "Block")
    assert [n.id for n in record.nodes if n.parent == record.nodes.index(group)] == [
        "h.0", "h.1", "h.2", "h.3",
    ]  # fmt: skip
    assert group.params == 4 * 72
    assert ("h.0.add", "h.1.lin") in named_edges(record)
    assert ("h.0.add", "h.1.add") in named_edges(record)


def test_blocks_that_differ_are_not_called_identical() -> None:
    class Growing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.h = nn.ModuleList([nn.Sequential(nn.Linear(8, 8)), nn.Sequential(nn.Linear(8, 9)),
                                    nn.Sequential(nn.Linear(9, 9))])  # fmt: skip

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.h:
                x = layer(x)
            return x

    assert by_id(graph(Growing(), 2, 8), "h").repeat == 0


def test_a_run_of_identical_blocks_in_a_sequence_is_folded() -> None:
    model = nn.Sequential(nn.Linear(8, 8), *[Block(8) for _ in range(5)], nn.Linear(8, 1))
    record = graph(model, 2, 8)
    folded = by_id(record, "1 … 5")
    assert (folded.repeat, folded.type) == (5, "Block")
    assert by_id(record, "3.lin").params == 72
    assert sum(n.parent < 0 for n in record.nodes) == 5


def test_a_parameter_read_outside_a_layer_counts_at_the_operation_that_reads_it() -> None:
    record = graph(Stack(), 2, 8)
    assert by_id(record, "multiply").params == 8
    assert ("reads scale", "8") in by_id(record, "multiply").attributes
    assert record.params == sum(p.size for p in Stack().parameters())
    assert record.params == sum(n.params for n in record.nodes if n.kind == "op")


def test_a_shared_layer_is_shown_at_each_call_and_counted_once() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.lin(nbdl.nn.functional.relu(self.lin(x)))

    record = graph(Twice(), 2, 4)
    assert by_id(record, "lin").params == 20
    assert by_id(record, "lin (call 2)").params == 0
    assert record.params == 20


def test_sizes_that_are_none_are_inferred_and_their_initialising_is_not_shown() -> None:
    model = nn.Sequential(nn.Linear(None, 4), nn.ReLU(), nn.Linear(None, 2))
    record = graph(model, 3, 8)
    assert [n.type for n in record.nodes if n.kind == "op"] == ["Linear", "ReLU", "Linear"]
    assert record.params == 8 * 4 + 4 + 4 * 2 + 2


def test_a_layer_that_only_passes_values_on_is_shown_all_the_same() -> None:
    record = graph(nn.Sequential(nn.Linear(4, 4), nn.Identity(), nn.ReLU()), 2, 4)
    assert named_edges(record) == {
        ("input", "0"), ("0", "1"), ("1", "2"), ("2", "output"),
    }  # fmt: skip
    assert by_id(record, "1").type == "Identity"


def test_several_inputs_have_the_names_of_forwards_arguments() -> None:
    class Two(nn.Module):
        def forward(self, left: Tensor, right: Tensor) -> Any:
            return left + right, left * right

    specs = {"left": Spec((2, 3), FLOAT), "right": Spec((2, 3), FLOAT)}
    record = model_graph(Two(), specs)
    assert [n.label for n in record.nodes if n.kind == "input"] == ["left", "right"]
    assert [n.label for n in record.nodes if n.kind == "output"] == ["output 0", "output 1"]


def test_a_failed_forward_gives_the_graph_up_to_what_failed() -> None:
    model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Sequential(nn.Linear(5, 3)))
    record = graph(model, 2, 8)
    assert "5" in record.error
    failed = by_id(record, "2.0")
    assert failed.status == "failed"
    assert failed.note == record.error
    assert by_id(record, "2").status == "partial"
    assert ("1", "2.0") in named_edges(record)
    assert by_id(record, "0").status == ""


def test_a_failed_operation_of_a_users_forward_shows_all_its_inputs() -> None:
    class Bad(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.reshape((4, 2)) + x[:, :3]

    record = graph(Bad(), 2, 4)
    failed = next(n for n in record.nodes if n.status == "failed")
    assert failed.type == "add"
    assert {a for a, b in named_edges(record) if b == failed.id} == {"reshape", "get_item"}


def test_the_model_is_left_as_it_was() -> None:
    model = Stack().train()
    before = {name: p.numpy().copy() for name, p in model.named_parameters()}
    graph(model, 2, 8)
    assert all(module.training for module in model.modules())
    assert all(not any(module._hooks.values()) for module in model.modules())
    for name, p in model.named_parameters():
        np.testing.assert_array_equal(p.numpy(), before[name])


def test_another_threads_calls_of_the_same_model_are_not_recorded() -> None:
    class Nosy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            if threading.current_thread() is threading.main_thread():
                other = threading.Thread(target=self, args=(nbdl.ones((9, 4)),))
                other.start()
                other.join()
            return self.lin(x)

    record = graph(Nosy(), 2, 4)
    assert [n.id for n in record.nodes] == ["input", "lin", "output"]


def test_without_an_input_the_tree_of_layers_is_shown() -> None:
    record = model_graph(Stack(3), None)
    assert record.edges.shape == (0, 3)
    assert by_id(record, "h").repeat == 3
    assert by_id(record, "h.1.lin").params == 72
    assert layer_tree(Stack(3)).params == record.params


def test_the_source_line_of_each_layer_is_known() -> None:
    model = nn.Sequential(
        nn.Linear(8, 4),
        nn.ReLU(),
    )
    source = by_id(graph(model, 2, 8), "0").source
    assert source is not None
    assert (source.file, source.text) == ("test_graph.py", "nn.Linear(8, 4),")


@pytest.mark.parametrize("after_backward", [False, True])
def test_a_tensor_shows_the_computation_behind_it(after_backward: bool) -> None:
    x = nbdl.tensor([[1.0], [2.0], [3.0]])
    w = nbdl.tensor([[2.0]], requires_grad=True)
    loss = ((x @ w - 1.0) ** 2).sum()
    if after_backward:
        loss.backward()
    record = tensor_graph(loss, title="loss")
    forth, back = record.nodes[: _back(record)], record.nodes[_back(record) :]
    types = [n.type for n in forth if n.kind == "op"]
    assert types[0] == "matmul"
    assert types[-1] == "sum"
    mirrored = [f"{kind} backward" for kind in reversed(types)]
    assert [n.type for n in back if n.kind == "op"] == mirrored
    weight = next(n for n in record.nodes if n.kind == "parameter")
    assert weight.outputs[0].shape == (1, 1)
    assert weight.values is not None
    assert weight.values.mean == 2.0
    assert (weight.gradient is not None) == after_backward
    assert any(n.kind == "input" and n.outputs[0].shape == (3, 1) for n in record.nodes)
    last = forth[-1]
    assert (last.kind, last.label) == ("output", "loss")


def _back(record: GraphRecord) -> int:
    return next(i for i, node in enumerate(record.nodes) if node.id == "backward")


def test_the_way_back_leads_from_the_tensor_to_the_gradients() -> None:
    w = nbdl.tensor([3.0, 4.0], requires_grad=True)
    x = nbdl.tensor([1.0, 2.0])
    loss = ((x * w).exp() + w).sum()
    loss.backward()
    record = tensor_graph(loss, title="loss")
    assert named_edges(record) >= {
        ("loss", "backward.sum backward"),
        ("backward.sum backward", "backward.add backward"),
        ("backward.add backward", "backward.exp backward"),
        ("backward.exp backward", "backward.multiply backward"),
        ("backward.multiply backward", "backward.parameter.grad"),
        ("backward.add backward", "backward.parameter.grad"),
    }
    found = by_id(record, "backward.parameter.grad")
    assert w.grad is not None
    assert found.values is not None
    assert found.values.mean == pytest.approx(float(w.grad.mean()))
    exp = by_id(record, "backward.exp backward")
    assert record.nodes[exp.twin].id == "exp"
    assert ("keeps the output", "2 float32") in exp.attributes
    assert by_id(record, "backward.add backward").attributes == ()
    assert record.flops == sum(n.flops for n in record.nodes if n.kind == "op")
    assert all(a < b for a, b, _ in record.edges)


def test_the_way_back_is_grouped_by_layers_and_a_shared_weight_gets_one_gradient() -> None:
    model = Stack(2)
    model._name = "net"
    y = model(nbdl.ones((2, 8)))
    record = tensor_graph((y @ model.head.weight).sum(), title="loss")
    ids = [node.id for node in record.nodes]
    assert len(set(ids)) == len(ids)
    assert by_id(record, "backward.net.h.0").type == "Block backward"
    gradients = [n for n in record.nodes if n.kind == "output" and n.label.endswith(".grad")]
    assert len(gradients) == len(list(model.parameters()))
    assert all(a < b for a, b, _ in record.edges)


def test_the_way_back_of_several_outputs() -> None:
    x = nbdl.tensor([[3.0, 1.0], [2.0, 5.0]], requires_grad=True)
    first, second = nbdl.unstack(x)
    record = tensor_graph((first * second).sum())
    assert all(a < b for a, b, _ in record.edges)
    assert sum(n.label == "parameter.grad" for n in record.nodes) == 1


def test_a_tensors_graph_is_grouped_by_the_layers_that_made_it() -> None:
    model = Stack(2)
    model._name = "net"
    record = tensor_graph(model(nbdl.ones((2, 8))).sum(), title="loss")
    assert by_id(record, "net.h.0").type == "Block"
    assert by_id(record, "net.head.weight").kind == "parameter"
    assert record.params == sum(p.size for p in model.parameters())


def test_a_tensor_without_a_history_is_one_node() -> None:
    with no_grad():
        record = tensor_graph(nbdl.ones(3) * 2, title="y")
    assert [n.label for n in record.nodes] == ["y"]


def test_edges_lead_to_later_nodes_and_groups_are_runs() -> None:
    record = graph(Stack(), 2, 8)
    assert all(a < b for a, b, _ in record.edges)
    for index, node in enumerate(record.nodes):
        assert node.parent < index
        if node.parent >= 0:
            assert all(_inside(record, k, node.parent) for k in range(node.parent + 1, index + 1))


def _inside(record: GraphRecord, node: int, group: int) -> bool:
    while node >= 0 and node != group:
        node = record.nodes[node].parent
    return node == group


def test_ids_are_unique_and_the_record_travels() -> None:
    record = graph(Stack(), 2, 8)
    assert len({n.id for n in record.nodes}) == len(record.nodes)
    packed, buffers = pack(record)
    assert len(packed["nodes"]) == len(record.nodes)
    assert len(buffers) >= 1


def test_a_deep_chain_of_operations_is_no_problem() -> None:
    x = nbdl.ones(2, requires_grad=True)
    y = x
    for _ in range(3000):
        y = y + 1.0
    record = tensor_graph(y)
    assert sum(n.kind == "op" for n in record.nodes) == 2 * 3000
