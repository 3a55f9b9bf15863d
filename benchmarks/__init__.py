"""Measurements against other frameworks: ``python -m benchmarks.ops`` and its neighbours."""
