"""Keras's names: ``from nbdl import keras``.

Models, layers, optimizers, losses, metrics and callbacks with Keras's arguments, defaults and
weights; channels come last. Trained by nbdl's loop, so dashboards, runs and controls work.
"""

from types import SimpleNamespace

from nbdl.keras import (
    activations,
    callbacks,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    utils,
)
from nbdl.keras.layers import Input, Layer
from nbdl.keras.models import Model, Sequential

backend = SimpleNamespace(clear_session=utils.clear_session, epsilon=lambda: losses.EPSILON)

__all__ = [
    "Input", "Layer", "Model", "Sequential", "activations", "backend", "callbacks",
    "initializers", "layers", "losses", "metrics", "models", "optimizers", "regularizers", "utils",
]  # fmt: skip
