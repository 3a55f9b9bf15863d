"""Layers with Keras's names, arguments, defaults and weights; channels come last."""

from nbdl.errors import did_you_mean
from nbdl.keras.layers.base import Input, InputLayer, Layer
from nbdl.keras.layers.convolution import Conv1D, Conv2D, ZeroPadding2D
from nbdl.keras.layers.core import (
    Activation,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Identity,
    Lambda,
    LeakyReLU,
    Permute,
    ReLU,
    RepeatVector,
    Reshape,
    Softmax,
)
from nbdl.keras.layers.normalization import BatchNormalization, LayerNormalization
from nbdl.keras.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from nbdl.keras.layers.recurrent import GRU, LSTM, Bidirectional, SimpleRNN, TimeDistributed

MaxPool1D, MaxPool2D = MaxPooling1D, MaxPooling2D
AvgPool1D, AvgPool2D = AveragePooling1D, AveragePooling2D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
Convolution1D, Convolution2D = Conv1D, Conv2D

__all__ = [
    "Activation", "AveragePooling1D", "AveragePooling2D", "AvgPool1D", "AvgPool2D",
    "BatchNormalization", "Bidirectional", "Conv1D", "Conv2D", "Convolution1D", "Convolution2D",
    "Dense", "Dropout", "Embedding", "Flatten", "GRU", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "GlobalAvgPool1D", "GlobalAvgPool2D", "GlobalMaxPool1D",
    "GlobalMaxPool2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "Identity", "Input",
    "InputLayer", "LSTM", "Lambda", "Layer", "LayerNormalization", "LeakyReLU", "MaxPool1D",
    "MaxPool2D", "MaxPooling1D", "MaxPooling2D", "Permute", "ReLU", "RepeatVector", "Reshape",
    "SimpleRNN", "Softmax", "TimeDistributed", "ZeroPadding2D",
]  # fmt: skip


def __getattr__(name: str) -> object:
    # A misspelt layer is told its nearest name; hasattr and copying still see AttributeError.
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(f"nbdl.keras has no layer {name!r}{did_you_mean(name, __all__)}")
