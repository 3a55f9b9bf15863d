"""Linear algebra on stacks of matrices: the array API's extension and the rest of PyTorch's.

The last two axes are matrices, all before them are stacks, which broadcast. Integers become the
default float; half precision computes in float32. Gradients are PyTorch's, also of complex
matrices.
"""

from __future__ import annotations

from nbdl.ops.contraction import *
from nbdl.ops.diagonals import diagonal, trace
from nbdl.ops.einsum import outer, tensordot, vecdot
from nbdl.ops.linalg_determinants import *
from nbdl.ops.linalg_factors import *
from nbdl.ops.linalg_ldl import *
from nbdl.ops.linalg_norms import *
from nbdl.ops.linalg_products import *
from nbdl.ops.linalg_reflections import *
from nbdl.ops.linalg_solving import *
from nbdl.ops.linalg_spectra import *
from nbdl.ops.matrices import adjoint
from nbdl.ops.statistics import vector_norm
