"""Discrete Fourier transforms: the array API's extension, and PyTorch's of two axes.

``norm`` says where the factor 1/n is: "backward" (the inverse transforms), "forward", or
"ortho" (its root in both). Half precision computes in float32.
"""

from __future__ import annotations

from nbdl.ops.fft import *
