"""Lowering: from a graph to the calls that compute it."""

from nbdl.compiler.lower import convolutions, joins, products
from nbdl.compiler.lower.lowering import Lowering

__all__ = ["Lowering", "convolutions", "joins", "products"]
