"""Layers, containers of layers, losses and initialisers, with PyTorch's names and defaults."""

from nbdl.nn import functional, init
from nbdl.nn.containers import (
    ModuleDict,
    ModuleList,
    ParameterDict,
    ParameterList,
    Sequential,
)
from nbdl.nn.hidden import HiddenLayersWarning, hidden_layers
from nbdl.nn.inferred import Inferred, build, is_built
from nbdl.nn.module import Module
from nbdl.nn.parameter import Parameter, Unsized

__all__ = [
    "HiddenLayersWarning",
    "Inferred",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "Sequential",
    "Unsized",
    "build",
    "functional",
    "hidden_layers",
    "init",
    "is_built",
]
