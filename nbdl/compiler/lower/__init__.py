"""Lowering: from a graph to the calls that compute it."""

from nbdl.compiler.lower import bodies, convolutions, joins, pooling, products
from nbdl.compiler.lower.lowering import Lowering

__all__ = ["Lowering", "bodies", "convolutions", "joins", "pooling", "products"]
