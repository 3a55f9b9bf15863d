"""Passes: graph → graph, each one idea."""
