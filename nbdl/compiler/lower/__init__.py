"""Lowering: from a graph to the calls that compute it."""
