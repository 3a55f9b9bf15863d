"""Metrics, and the passes over data that measure them."""
