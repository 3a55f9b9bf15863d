"""Which operations the compiler takes as they are: into loops and libraries, or through NumPy."""

from __future__ import annotations

CORE = {
    "cast", "clone", "sum", "max", "min", "any_", "all_",
    "reshape", "permute_dims", "broadcast_to", "concat", "split", "stack", "unbind", "flip",
    "get_item", "pad",
    "matmul", "linear", "linear_weight_grad",
    "convolution", "convolution_input", "convolution_weight",
    "max_pool", "max_pool_spread", "avg_pool", "avg_pool_spread",
    "embedding", "embedding_table", "take", "place",
    "random_bits", "random_uniform",
}  # fmt: skip
"""What loops, products and pooling are made of, besides elementwise operations with a kernel."""

PARTLY = {
    "put_item": "index arrays and steps: elements are placed one by one",
    "columns_sum": "windows that overlap in steps of several places are added with gaps",
    "set_item": "index arrays and steps: elements are placed one by one",
}
"""Operations of which some have no decomposition, and are not core either."""

_SCAN = "each place needs the one before it: a loop that runs along one axis in order"
_PLACES = "elements are placed by numbers, several on one place"
_SORT = "the order of elements is no loop over them"
_LAPACK = "LAPACK's"
_FUNCTION = "a special function of SciPy's, of whole arrays"
_COMPLEX = "complex numbers, which loops do not have"
_SEARCH = "a search whose steps depend on the numbers"

OPAQUE = {
    **dict.fromkeys(("cumsum", "cumprod", "cumulative_arg", "linear_scan", "log_cumsum_exp",
                     "ctc", "ctcgrad"), _SCAN),
    **dict.fromkeys(("scatter", "scatter_add", "scatter_max", "scatter_min", "scatter_prod",
                     "spread"), _PLACES),
    "gather": "elements are chosen by numbers, each by its own",
    "max_pool_pick": "of second derivatives only: as many slices as a window has places",
    "window_place": "integer arithmetic on the numbers of places; no training reads them",
    "prod": "loops add up, and find extremes; a product of many is rare",
    **dict.fromkeys(("argsort", "argtopk"), _SORT),
    **dict.fromkeys(("searchsorted", "gcd", "lcm"), _SEARCH),
    **dict.fromkeys(("bitwise_left_shift", "bitwise_right_shift", "nextafter"),
                    "bits of numbers, which kernel texts do not shift"),
    **dict.fromkeys(("cholesky", "cofactors", "det", "eig", "eigh", "eigvals", "eigvalsh", "geqrf",
                     "inv", "ldl_factor", "ldl_solve", "lufactor", "matrix_exp", "permutation",
                     "pinv", "qr", "slogdet", "solve", "solve_triangular", "svd", "svdvals"),
                    _LAPACK),
    **dict.fromkeys(("fft", "irfft", "rfft"), "the fast Fourier transform is NumPy's"),
    **dict.fromkeys(("bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "digamma", "erfcx",
                     "gamma_quantile", "gamma_quantile_slope", "i0", "i0e", "i1", "i1e", "igamma",
                     "igammac", "lgamma", "log_ndtr", "modified_bessel_k0", "modified_bessel_k1",
                     "ndtr", "ndtri", "polygamma", "scaled_modified_bessel_k0",
                     "scaled_modified_bessel_k1", "zeta"), _FUNCTION),
    "erfinv": "Halley's steps in float64; initial values need it, no training step",
    **dict.fromkeys(("complex", "conj", "imag", "real"), _COMPLEX),
    "custom_call": "a user's own function",
    "recomputed": "not in compiled code: checkpoint calls the function itself there",
    "to_device": "a copy to another device is no computation",
}  # fmt: skip
"""Operations that run through NumPy in compiled code, and why."""
