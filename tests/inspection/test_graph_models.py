"""Graphs of well-known networks: the numbers they are known by, and how they are drawn."""

from __future__ import annotations

import time

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.core.tensor import Tensor
from nbdl.inspection import describe
from nbdl.inspection.activations import activation_graph
from nbdl.inspection.graph import model_graph, tensor_graph
from nbdl.inspection.records import GraphRecord
from nbdl.inspection.static.graph import graph_svg
from nbdl.inspection.summary import summary_text
from nbdl.shapes import Spec
from tests.inspection.test_graph import by_id, graph, named_edges

F = nn.functional


def lenet() -> nn.Module:
    """The network of the README."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(None, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(None, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(None, 10),
    )  # fmt: skip


class BasicBlock(nn.Module):
    """He et al., CVPR 2016."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU()
        self.downsample = None
        if stride != 1 or before != after:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    """The 18-layer network for 1000 classes: 11,689,512 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(BasicBlock(64, 64, 1), BasicBlock(64, 64, 1))
        self.layer2 = nn.Sequential(BasicBlock(64, 128, 2), BasicBlock(128, 128, 1))
        self.layer3 = nn.Sequential(BasicBlock(128, 256, 2), BasicBlock(256, 256, 1))
        self.layer4 = nn.Sequential(BasicBlock(256, 512, 2), BasicBlock(512, 512, 1))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).reshape((x.shape[0], 512)))


class Attention(nn.Module):
    """Causal self-attention of several heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        parts = self.qkv(x).reshape((batch, length, 3, self.heads, width // self.heads))
        q, k, v = (nbdl.permute_dims(parts[:, :, i], (0, 2, 1, 3)) for i in range(3))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(nbdl.permute_dims(y, (0, 2, 1, 3)).reshape((batch, length, width)))


class GPTBlock(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    """A small GPT whose head shares the token embedding's weight."""

    def __init__(self, blocks: int = 4, width: int = 32, vocabulary: int = 65) -> None:
        super().__init__()
        self.wte = nn.Embedding(vocabulary, width)
        self.wpe = nn.Embedding(64, width)
        self.h = nn.ModuleList([GPTBlock(width, 4) for _ in range(blocks)])
        self.ln_f = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.wte.weight

    def forward(self, ids: Tensor) -> Tensor:
        x = self.wte(ids) + self.wpe(nbdl.arange(ids.shape[1]))
        for block in self.h:
            x = block(x)
        return self.head(self.ln_f(x))


def gpt(blocks: int = 4) -> GraphRecord:
    ids = Spec((2, 16), np.dtype("int64"))
    return model_graph(GPT(blocks), {"ids": ids}, title="gpt")


@pytest.mark.parametrize(
    ("layer", "family"),
    [
        (nn.Conv2d(3, 4, 3), "convolution"),
        (nn.BatchNorm2d(4), "normalization"),
        (nn.LayerNorm(4), "normalization"),
        (nn.MaxPool2d(2), "pooling"),
        (nn.AdaptiveAvgPool2d(1), "pooling"),
        (nn.LSTM(3, 4), "recurrent"),
        (nn.Embedding(5, 4), "embedding"),
        (nn.Dropout(), "random"),
        (nn.ReLU(), "activation"),
        (nn.Softmax(-1), "activation"),
        (nn.Linear(3, 4), "linear"),
        (nn.MultiheadAttention(8, 2), "attention"),
        (nn.Flatten(), ""),
        (nn.Sequential(), ""),
        (BasicBlock(3, 3, 1), ""),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_each_kind_of_layer_has_its_colour(layer: nn.Module, family: str) -> None:
    assert describe.family(layer) == family


def test_lenet() -> None:
    record = graph(lenet(), 1, 1, 8, 8)
    assert record.params == 320 + 18_496 + 32_896 + 1_290
    assert by_id(record, "0").flops == 2 * 9 * 32 * 64 + 32 * 64
    assert by_id(record, "3").flops == 2 * 9 * 32 * 64 * 16 + 64 * 16
    assert by_id(record, "7").flops == 2 * 256 * 128 + 128
    assert by_id(record, "3").detail.startswith("32→64, 3×3")
    assert [n.family for n in record.nodes if n.kind == "op" or n.family][1:4] == [
        "convolution", "activation", "pooling",
    ]  # fmt: skip
    shapes = [n.outputs[0].shape for n in record.nodes if n.parent < 0 and n.outputs]
    assert shapes[3] == (1, 32, 4, 4)
    assert shapes[7] == (1, 256)


def test_resnet18() -> None:
    record = graph(ResNet18(), 1, 3, 224, 224)
    assert record.params == 11_689_512
    convolutions = sum(
        n.flops for n in record.nodes if n.kind == "op" and n.type.startswith("Conv")
    )
    # 1.814 G multiplications and additions, as the literature counts them, less the last layer's.
    assert convolutions == 2 * (1_814_073_344 - 512_000)
    assert by_id(record, "layer4").params == 8_393_728
    assert by_id(record, "layer2.0.downsample").params == 64 * 128 + 2 * 128
    edges = named_edges(record)
    assert any(a.startswith("layer2.0.bn2") and b == "layer2.0.add" for a, b in edges)
    assert ("layer1.1.relu (call 2)", "layer2.0.conv1") in edges
    assert by_id(record, "bn1").family == "normalization"
    assert sum(n.parent < 0 for n in record.nodes) == 13


def test_gpt() -> None:
    record = gpt()
    width, vocabulary = 32, 65
    block = 12 * width**2 + 13 * width
    assert by_id(record, "h.0").params == block
    assert by_id(record, "h").repeat == 4
    # The head's weight is the embedding's: counted once.
    assert record.params == vocabulary * width + 64 * width + 4 * block + 2 * width
    assert by_id(record, "h.2.attn.qkv").flops == 2 * 16 * (2 * width * 3 * width + 3 * width)
    attention = [n for n in record.nodes if n.family == "attention" and n.id.startswith("h.1.")]
    assert attention, "attention has a colour of its own"
    assert all(a < b for a, b, _ in record.edges)


@pytest.mark.parametrize("make", [lambda: graph(lenet(), 1, 1, 8, 8), gpt])
def test_pictures_and_tables_of_them(make: object) -> None:
    record = make()  # type: ignore[operator]
    assert graph_svg(record).startswith("<svg")
    assert len(graph_svg(record)) < 60_000
    assert f"{record.params:,} parameters" in summary_text(record)


def test_what_lenet_does_on_digits() -> None:
    x = np.random.default_rng(0).random((4, 1, 8, 8), np.float32)
    record = activation_graph(lenet(), (x, np.array([1, 2, 3, 4])))
    for node in record.nodes:
        if node.kind == "op" and node.parent < 0:
            assert node.values is not None
            assert node.gradient is not None
            assert node.gradient.norm > 0
    assert not any(f.level == "bad" for f in record.findings)


def test_the_history_of_a_classification_loss() -> None:
    model = lenet()
    loss = F.cross_entropy(model(nbdl.ones((2, 1, 8, 8))), nbdl.tensor([3, 7]))
    loss.backward()
    record = tensor_graph(loss, title="loss")
    assert record.params == sum(p.size for p in model.parameters())
    weights = [n for n in record.nodes if n.kind == "parameter"]
    assert len(weights) == 8
    assert all(n.gradient is not None for n in weights)
    assert any(n.family == "loss" for n in record.nodes)


def test_a_gpt_of_48_blocks_is_quick_to_draw() -> None:
    start = time.perf_counter()
    record = gpt(48)
    graph_svg(record)
    assert time.perf_counter() - start < 10
    assert sum(n.kind == "op" for n in record.nodes) > 500
