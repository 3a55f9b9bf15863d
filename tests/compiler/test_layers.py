"""Layers and losses can be traced with their gradients, and end in loops, products and pooling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.compiler.expressions import has_expression
from nbdl.compiler.ir import Graph
from nbdl.compiler.optimize import PASSES
from nbdl.compiler.trace import Trace
from nbdl.core.tree import leaves
from nbdl.shapes import Spec
from tests.ops.core_operations import CORE

VECTORS = (3, 4)
IMAGES = (2, 4, 6, 6)
SEQUENCE = (5, 2, 8)
CLASSES = ("int64", 3)

ACTIVATIONS = [
    "CELU", "ELU", "GELU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU",
    "LogSigmoid", "Mish", "PReLU", "RReLU", "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid", "Softmax",
    "Softmin", "LogSoftmax", "Softplus", "Softshrink", "Softsign", "Tanh", "Tanhshrink", "GLU",
    "AlphaDropout", "Dropout", "Flatten",
]  # fmt: skip
LOSSES = [
    "L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss", "BCELoss", "BCEWithLogitsLoss", "KLDivLoss",
    "PoissonNLLLoss", "SoftMarginLoss", "MultiLabelSoftMarginLoss", "HingeEmbeddingLoss",
    "FocalLoss", "DiceLoss",
]  # fmt: skip
LAYERS: list[tuple[str, list[Any]]] = [
    *((f"{name}()", [VECTORS]) for name in ACTIVATIONS),
    *((f"{name}()", [VECTORS, VECTORS]) for name in LOSSES),
    ("GELU('tanh')", [VECTORS]),
    ("Threshold(0.1, 2.0)", [VECTORS]),
    ("Dropout2d()", [IMAGES]),
    ("BatchNorm1d(4)", [VECTORS]),
    ("BatchNorm2d(4)", [IMAGES]),
    ("InstanceNorm2d(4, affine=True, track_running_stats=True)", [IMAGES]),
    ("LayerNorm(4)", [VECTORS]),
    ("GroupNorm(2, 4)", [IMAGES]),
    ("RMSNorm(4)", [VECTORS]),
    ("LocalResponseNorm(2)", [IMAGES]),
    ("Linear(4, 3)", [VECTORS]),
    ("Bilinear(4, 4, 2)", [VECTORS, VECTORS]),
    ("CosineSimilarity()", [VECTORS, VECTORS]),
    ("PairwiseDistance()", [VECTORS, VECTORS]),
    ("Conv1d(2, 4, 3)", [(5, 2, 8)]),
    ("Conv2d(4, 4, 3, padding=1, padding_mode='reflect')", [IMAGES]),
    ("Conv3d(4, 2, 3)", [(2, 4, 4, 4, 4)]),
    ("ConvTranspose2d(4, 3, 3, stride=2)", [IMAGES]),
    ("MaxPool2d(3, 2, 1)", [IMAGES]),
    ("AvgPool2d(2)", [IMAGES]),
    ("AdaptiveAvgPool2d(1)", [IMAGES]),
    ("AdaptiveAvgPool2d(4)", [IMAGES]),
    ("LPPool2d(2, 2)", [IMAGES]),
    ("PixelShuffle(2)", [IMAGES]),
    ("PixelUnshuffle(2)", [IMAGES]),
    ("ChannelShuffle(2)", [IMAGES]),
    ("Upsample(scale_factor=2)", [IMAGES]),
    ("Upsample(scale_factor=2, mode='bilinear')", [IMAGES]),
    ("Upsample(scale_factor=2, mode='bicubic')", [IMAGES]),
    ("Unfold(2)", [IMAGES]),
    ("Unfold(2, stride=2)", [IMAGES]),
    ("ZeroPad2d(1)", [IMAGES]),
    ("ReplicationPad2d(1)", [IMAGES]),
    ("Embedding(7, 4, padding_idx=1)", [CLASSES]),
    ("EmbeddingBag(7, 4)", [("int64", 3, 2)]),
    ("RNN(8, 3)", [SEQUENCE]),
    ("LSTM(8, 3, 2, bidirectional=True)", [SEQUENCE]),
    ("LSTM(8, 5, proj_size=2)", [SEQUENCE]),
    ("GRU(8, 3, bias=False)", [SEQUENCE]),
    ("GRUCell(4, 3)", [VECTORS]),
    ("MultiheadAttention(8, 2)", [SEQUENCE, SEQUENCE, SEQUENCE]),
    ("TransformerEncoderLayer(8, 2, 16)", [SEQUENCE]),
    ("TransformerDecoderLayer(8, 2, 16)", [SEQUENCE, SEQUENCE]),
    ("CrossEntropyLoss()", [VECTORS, CLASSES]),
    ("CrossEntropyLoss()", [VECTORS, VECTORS]),
    ("CrossEntropyLoss(label_smoothing=0.1)", [IMAGES, ("int64", 2, 6, 6)]),
    ("NLLLoss()", [VECTORS, CLASSES]),
    ("GaussianNLLLoss()", [VECTORS, VECTORS, VECTORS]),
    ("TripletMarginLoss()", [VECTORS, VECTORS, VECTORS]),
    ("CosineEmbeddingLoss()", [VECTORS, VECTORS, (3,)]),
]


def _spec(shape: tuple[Any, ...]) -> Spec:
    if shape[0] == "int64":
        return Spec(shape[1:], np.dtype(np.int64))
    return Spec(shape, np.dtype(np.float32))


def _graph(layer: Any, shapes: list[Any]) -> Graph:
    with Trace() as world:
        xs = [world.input(_spec(shape), f"x{i}") for i, shape in enumerate(shapes)]
        wanted = [x.requires_grad_() for x in xs if x.dtype == np.float32]
        outputs = leaves(layer(*xs))
        wanted += layer.parameters()
        loss = [y.sum() for y in outputs if y.requires_grad]
        gradients = nbdl.autograd.grad(loss, wanted, allow_unused=True)
        found = [*outputs, *(g for g in gradients if g is not None)]
        world.graph.outputs = [world.symbol(y) for y in found]
    return world.graph


@pytest.mark.parametrize(("text", "shapes"), LAYERS)
def test_nothing_is_left_to_numpy(text: str, shapes: list[Any]) -> None:
    graph = _graph(eval(text, vars(nn).copy()), shapes)
    for rewrite in PASSES:
        graph = rewrite(graph)
    graph.check()
    left = {n.op.name for n in graph.nodes if n.op.name not in CORE and not has_expression(n)}
    assert left == set()
    assert all(len(n.inputs) == 1 for n in graph.nodes if n.op.name == "get_item")
