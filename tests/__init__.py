"""Tests, laid out as the package is; `from tests.x import y` works everywhere."""
