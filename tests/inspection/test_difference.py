"""What differs between two models."""

from __future__ import annotations

import numpy as np
import pytest

from nbdl import nn
from nbdl.inspection.difference import changes, difference, difference_text
from nbdl.inspection.graph import model_graph
from nbdl.inspection.records import GraphRecord
from nbdl.inspection.static.graph import FAMILIES, graph_svg
from nbdl.shapes import Spec
from tests.inspection.test_graph_models import GPT

IMAGES = {"": Spec((2, 1, 12, 12), np.dtype("float32"))}
IDS = {"ids": Spec((2, 16), np.dtype("int64"))}


def small() -> list[nn.Module]:
    return [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 10)]


def compared(
    before: nn.Module, after: nn.Module, inputs: dict[str, Spec] | None = None
) -> GraphRecord:
    names = ("before", "after")
    models = (before, after)
    return difference(
        *(model_graph(m, inputs, title=t) for m, t in zip(models, names, strict=True))
    )


def told(record: GraphRecord) -> list[tuple[str, str, str]]:
    return [(node.change, node.id.partition(".")[2], node.note) for node in changes(record)]


def test_a_layer_put_in_shifts_the_numbers_of_the_others_and_changes_none() -> None:
    layers = small()
    layers.insert(1, nn.BatchNorm2d(4))
    record = compared(nn.Sequential(*small()), nn.Sequential(*layers), IMAGES)
    assert told(record) == [("added", "1", "")]
    twins = {n.id: record.nodes[n.twin].id for n in record.nodes if n.twin >= 0}
    assert twins["before.3"] == "after.4"
    assert twins["after.4"] == "before.3"
    assert record.findings[0].title == "1 added."


@pytest.mark.parametrize("inputs", [IMAGES, None], ids=["with shapes", "layers only"])
def test_what_is_removed_replaced_and_resized_is_told(inputs: dict[str, Spec] | None) -> None:
    after = [nn.Conv2d(1, 8, 3), nn.GELU(), nn.Flatten(), nn.Linear(800, 10)]
    before = [*small(), nn.Dropout(0.1)]
    record = compared(nn.Sequential(*before), nn.Sequential(*after), inputs)
    found = {(change, name) for change, name, _ in told(record)}
    wanted = {("changed", "0"), ("changed", "1"), ("changed", "3"), ("removed", "4")}
    assert found == (wanted | {("reshaped", "2")} if inputs else wanted)
    notes = {name: note for _, name, note in told(record)}
    assert notes["1"] == "ReLU → GELU"
    assert notes["3"].startswith("in_features 400 → 800")


def test_names_come_first() -> None:
    class Net(nn.Module):
        def __init__(self, swapped: bool) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4, bias=False)
            self.swapped = swapped

        def forward(self, x: object) -> object:
            layers = (self.second, self.first) if self.swapped else (self.first, self.second)
            return layers[1](layers[0](x))

    inputs = {"": Spec((2, 4), np.dtype("float32"))}
    record = compared(Net(False), Net(True), inputs)
    twins = {n.id: record.nodes[n.twin].id for n in record.nodes if n.twin >= 0}
    assert twins["before.first"] == "after.first"
    assert twins["before.second"] == "after.second"


def test_blocks_added_to_a_stack_are_told_as_wholes_and_the_stack_has_changed() -> None:
    record = compared(GPT(4), GPT(6), IDS)
    assert told(record) == [("added", "h.4", ""), ("added", "h.5", "")]
    stacks = {node.id: node.change for node in record.nodes if node.label == "h"}
    assert stacks == {"before.h": "changed", "after.h": "changed"}
    inner = [node for node in record.nodes if node.id.startswith("after.h.5.")]
    assert inner
    assert {node.change for node in inner} == {"added"}


def test_a_model_is_the_same_as_itself() -> None:
    model = GPT(3)
    graph = model_graph(model, IDS, title="gpt")
    record = difference(graph, graph)
    assert told(record) == []
    assert record.title == "gpt (1) → gpt (2)"
    assert record.findings[0].title == "The two are the same:"


def test_the_record_is_a_graph_like_any_other() -> None:
    record = compared(GPT(2), GPT(3), IDS)
    ids = [node.id for node in record.nodes]
    assert len(set(ids)) == len(ids)
    for index, node in enumerate(record.nodes):
        assert node.parent < index
    readers = record.edges[:, 1].tolist()
    assert readers == sorted(readers)
    assert (record.edges[:, 0] < record.edges[:, 1]).all()


def test_a_model_that_does_not_fit_is_not_called_the_same() -> None:
    broken = nn.Sequential(nn.Flatten(), nn.Linear(5, 10))
    record = compared(broken, broken, IMAGES)
    assert record.findings == ()
    assert "ended early" in difference_text(record)


def test_nothing_and_one_layer_can_be_compared() -> None:
    inputs = {"": Spec((2, 4), np.dtype("float32"))}
    record = compared(nn.Sequential(), nn.Linear(4, 4), inputs)
    assert ("changed", "Sequential → Linear") in {(n.change, n.note) for n in record.nodes}
    assert graph_svg(compared(nn.Sequential(), nn.Sequential())).startswith("<svg")
    assert graph_svg(record).startswith("<svg")


def test_text_and_picture_say_what_changed() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    after = nn.Sequential(*small())
    after.add_module(hostile, nn.Linear(10, 2))
    record = compared(nn.Sequential(*small()), after, IMAGES)
    lines = difference_text(record).splitlines()
    assert lines[0].startswith("before → after · 4,050 → 4,072 parameters")
    assert f"+ {hostile}" in "".join(lines)
    svg = graph_svg(record)
    assert FAMILIES["added"] in svg
    assert "<img" not in svg
