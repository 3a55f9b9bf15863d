"""The magics ``%%model``, ``%train``, ``%inspect``, ``%runs``: the only room that knows IPython."""

from __future__ import annotations

from nbdl.magics.extension import load_ipython_extension, unload_ipython_extension
from nbdl.magics.functions import inspect, model

__all__ = ["inspect", "load_ipython_extension", "model", "unload_ipython_extension"]
