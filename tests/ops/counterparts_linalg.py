"""Counterparts of torch.linalg and torch.fft: PyTorch's ``dim`` is ``axis``, ``s`` stays ``s``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nbdl
from nbdl import fft, linalg
from tests.ops.counterparts import Unsupported, call


def _transform(function: Callable[..., Any]) -> Callable[..., Any]:
    def adapted(
        x: Any, n: Any = None, dim: Any = None, norm: str | None = None, s: Any = None
    ) -> Any:
        several = not function.__name__.endswith("fft")
        options = {"s": n if s is None else s} if several else {"n": n}
        if dim is not None:
            options["axes" if several else "axis"] = dim
        return function(x, norm=norm, **options)

    return adapted


def _shift(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, dim=None: function(x, axes=dim)


def _cross(x: Any, y: Any, dim: int | None = None) -> Any:
    if dim is None:
        dim = next(i for i, n in enumerate(x.shape) if n == 3)
    return linalg.cross(x, y, axis=dim)


def _diagonal(x: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    return nbdl.diagonal(x, offset, dim1, dim2)


def _vector_rule(a: Any, b: Any) -> bool:
    """PyTorch takes b for vectors also where it has one axis less than a."""
    return b.ndim == 1 or (b.ndim == a.ndim - 1 and b.shape == a.shape[:-1])


def _solve_ex(a: Any, b: Any, *, left: bool = True, check_errors: bool = False) -> Any:
    vector = _vector_rule(a, b)
    found = linalg.solve_ex(
        a, b[..., None] if vector else b, left=left, check_errors=check_errors
    )
    return (found.result[..., 0] if vector else found.result), found.info


def _lstsq(a: Any, b: Any, rcond: Any = None, *, driver: str | None = None) -> Any:
    vector = _vector_rule(a, b)
    found = linalg.lstsq(a, b[..., None] if vector else b, rtol=rcond)
    x = found.solution[..., 0] if vector else found.solution
    none = x.flatten()[:0]
    # PyTorch leaves out what a driver does not compute.
    tall = a.shape[-2] > a.shape[-1]
    residuals = found.residuals[..., 0] if vector else found.residuals
    return (
        x,
        residuals if tall and driver != "gelsy" else none,
        found.rank if driver != "gels" else nbdl.zeros((0,), dtype="int64"),
        found.singular_values if driver in ("gelsd", "gelss") else none,
    )


def _norm(
    x: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    if isinstance(dim, (tuple, list)) and len(dim) == 1:
        dim = dim[0]
    return linalg.norm(x, ord, dim, keepdims=keepdim, dtype=dtype)


def _matrix_norm(
    x: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Any:
    return linalg.matrix_norm(x, ord=ord, axis=dim, keepdims=keepdim)


def _rank(
    x: Any, tol: Any = None, *, atol: Any = None, rtol: Any = None, hermitian: bool = False
) -> Any:
    return linalg.matrix_rank(x, atol=tol if atol is None else atol, rtol=rtol, hermitian=hermitian)


def _lu(function: Callable[..., Any]) -> Callable[..., Any]:
    def adapted(x: Any, *, pivot: bool = True) -> Any:
        if not pivot:
            raise Unsupported("factors without exchanges")
        return tuple(function(x))

    return adapted


def _old_lu(x: Any, pivot: bool = True, get_infos: bool = False) -> Any:
    if not pivot:
        raise Unsupported("factors without exchanges")
    found = tuple(linalg.lu_factor_ex(x))
    return found if get_infos else found[:2]


def _triangular_solve(
    b: Any, a: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    turned = a.mT if transpose else a
    x = linalg.solve_triangular(
        turned, b, upper=upper != transpose, unitriangular=unitriangular
    )
    return x, nbdl.clone(a)


def _old_qr(x: Any, some: bool = True) -> Any:
    return tuple(linalg.qr(x, mode="reduced" if some else "complete"))


def _old_svd(x: Any, some: bool = True, compute_uv: bool = True) -> Any:
    if not compute_uv:
        raise Unsupported("zeros in place of vectors")
    u, s, vh = linalg.svd(x, full_matrices=not some)
    return u, s, vh.mH


def _vander(x: Any, *, N: int | None = None) -> Any:
    if x.ndim == 0:
        raise Unsupported("a number without axes, which nbdl refuses")
    return linalg.vander(x, N=N)


def _tuple(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: tuple(function(*args, **kwargs))


def _same(*names: str) -> dict[str, Any]:
    return {f"linalg.{name}": call(getattr(linalg, name)) for name in names}


TRANSFORMS = (
    "fft", "fft2", "fftn", "ifft", "ifft2", "ifftn", "rfft", "rfft2", "rfftn", "irfft", "irfft2",
    "irfftn", "hfft", "hfft2", "hfftn", "ihfft", "ihfft2", "ihfftn",
)  # fmt: skip

LINALG: dict[str, Callable[..., Any]] = {
    **{f"fft.{name}": _transform(getattr(fft, name)) for name in TRANSFORMS},
    "fft.fftshift": _shift(fft.fftshift),
    "fft.ifftshift": _shift(fft.ifftshift),
    **_same(
        "cholesky", "cond", "cross", "det", "eigvals", "eigvalsh", "householder_product", "inv",
        "ldl_solve", "lu_solve", "matrix_power", "multi_dot", "pinv", "solve_triangular",
        "svdvals", "tensorinv", "vecdot",
    ),
    **{
        f"linalg.{name}": _tuple(getattr(linalg, name))
        for name in (
            "cholesky_ex", "eig", "eigh", "inv_ex", "ldl_factor", "ldl_factor_ex", "slogdet",
        )
    },
    "linalg.diagonal": _diagonal,
    "linalg.lstsq": _lstsq,
    "linalg.lu": _lu(linalg.lu),
    "linalg.lu_factor": _lu(linalg.lu_factor),
    "linalg.lu_factor_ex": _lu(linalg.lu_factor_ex),
    "linalg.matrix_norm": _matrix_norm,
    "linalg.matrix_rank": _rank,
    "linalg.norm": _norm,
    "linalg.qr": lambda x, mode="reduced": tuple(linalg.qr(x, mode=mode)),
    "linalg.solve": lambda a, b, left=True: _solve_ex(a, b, left=left, check_errors=True)[0],
    "linalg.solve_ex": _solve_ex,
    "linalg.svd": lambda x, full_matrices=True: tuple(linalg.svd(x, full_matrices=full_matrices)),
    "linalg.vander": _vander,
    "linalg.tensorsolve": lambda a, b, dims=None: linalg.tensorsolve(a, b, axes=dims),
    "cholesky": lambda x, upper=False: linalg.cholesky(x, upper=upper),
    "cholesky_inverse": lambda x, upper=False: linalg.cholesky_inverse(x, upper=upper),
    "cholesky_solve": lambda b, x, upper=False: linalg.cholesky_solve(b, x, upper=upper),
    "cross": _cross,
    "logdet": linalg.logdet,
    "lu": _old_lu,
    "lu_solve": lambda b, factors, pivots: linalg.lu_solve(factors, pivots, b),
    "lu_unpack": _tuple(linalg.lu_unpack),
    "matrix_exp": linalg.matrix_exp,
    "ormqr": lambda x, tau, other, left=True, transpose=False: linalg.ormqr(
        x, tau, other, left=left, transpose=transpose
    ),
    "geqrf": _tuple(linalg.geqrf),
    "pinverse": linalg.pinv,
    "qr": _old_qr,
    "svd": _old_svd,
    "triangular_solve": _triangular_solve,
}
"""OpInfo's name -> nbdl."""

VARIANTS: dict[tuple[str, str], Callable[..., Any]] = {
    ("linalg.lstsq", "grad_oriented"): lambda a, b, driver: _lstsq(a, b, driver=driver)[:2],
    ("linalg.pinv", "singular"): lambda a, b: linalg.pinv(a @ b.mT),
}
"""Where OpInfo calls a function in another way under the same name."""

UP_TO_A_CHOICE = {"linalg.eig", "linalg.eigh", "linalg.svd", "svd"}
"""Vectors have a sign (a phase) that each library chooses: the sample's own function, which does
not depend on it, is compared."""

FACTORS = {"cholesky_inverse": 0, "cholesky_solve": 1}
"""Which argument is a triangle: PyTorch gives its other half, which is not read, a gradient."""

HERMITIAN = {"cholesky", "linalg.cholesky", "linalg.cholesky_ex"}
"""The gradient is compared among Hermitian matrices: PyTorch gives the imaginary parts of the
diagonal, which are not read, a gradient."""

REAL_ONLY = {"logaddexp", "logcumsumexp", "sinc"}
"""PyTorch's also take complex numbers."""
