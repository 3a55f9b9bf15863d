"""What is judged otherwise or not at all: PyTorch's names without ours, and ours without theirs."""

from __future__ import annotations

_PRIVATE = "a kernel behind a public function that is covered"
_STRIDES = "views by strides: a value that never changes has no memory to look into"
_SPARSE = "sparse tensors other than gradients of embeddings are no part of nbdl"
_MASKED = "torch.masked, a prototype: where() and the reductions say it"
_RANDOM = "draws other random numbers; judged by distribution in tests/distributions and tests/core"
_CASTS = "x.to(dtype) by the name of a dtype: judged with astype"

WITHOUT_OURS: dict[str, str] = {
    **dict.fromkeys(
        ["_softmax_backward_data", "native_group_norm", "native_layer_norm", "native_batch_norm",
         "_native_batch_norm_legit", "_batch_norm_with_update", "max_pool2d_with_indices_backward",
         "native_dropout_backward", "torch.ops.aten._safe_softmax.default", "_unsafe_masked_index",
         "_unsafe_masked_index_put_accumulate", "_segment_reduce"], _PRIVATE),
    **dict.fromkeys(["as_strided", "as_strided_copy", "as_strided_scatter"], _STRIDES),
    **dict.fromkeys(["sparse.sampled_addmm", "sparse.mm", "to_sparse"], _SPARSE),
    **dict.fromkeys(
        [f"masked.{name}" for name in (
            "sum", "prod", "cumsum", "cumprod", "amax", "amin", "mean", "median", "norm", "var",
            "std", "softmax", "log_softmax", "softmin", "normalize", "logaddexp", "logsumexp")],
        _MASKED),
    **dict.fromkeys(["normal", "bernoulli", "nn.functional.rrelu"], _RANDOM),
    **dict.fromkeys(["bfloat16", "cdouble", "cfloat", "chalf", "to"], _CASTS),
    "nn.functional.multi_head_attention_forward":
        "all samples with gradients draw dropout: those without are judged in tests/nn",
    "slice": "x[a:b], which __getitem__ covers",
    "svd_lowrank": "a randomized method; linalg.svd is exact",
    "pca_lowrank": "a randomized method; linalg.svd is exact",
    "stft": "nbdl.fft has the transforms; framing is unfold",
    "nanmedian": "quantiles that pass over NaN are not there yet",
    "nanquantile": "quantiles that pass over NaN are not there yet",
    "quantile": "nbdl's takes one q and interpolates linearly: judged with NumPy",
}  # fmt: skip
"""Differentiable entries of OpInfo (float64) that no function of nbdl answers to, and why."""

_NUMPY = "not differentiable or not float64: judged with NumPy, and by the array API's own suite"

WITHOUT_THEIRS: dict[str, str] = dict.fromkeys(
    ["__array_api_version__", "__array_namespace_info__", "can_cast", "finfo", "iinfo", "isdtype",
     "result_type", "asarray", "astype", "full", "arange", "linspace", "logspace", "eye",
     "empty_spec", "from_numpy", "from_dlpack", "tril_indices", "triu_indices", "broadcast_arrays",
     "imag", "cbrt", "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift",
     "bitwise_right_shift", "bitwise_invert", "bitwise_not", "expand_dims", "permute_dims",
     "swapaxes", "unstack", "one_hot", "cumulative_sum", "cumulative_prod", "quantile", "unique",
     "unique_values", "unique_counts", "unique_inverse", "unique_all", "bincount",
     "matrix_transpose", "view_as_real", "gcd", "lcm", "randn", "randint", "randperm"], _NUMPY,
) | {
    "linear_scan": "nbdl's own: judged by a loop in the table of operations",
    "bessel_j0": "PyTorch's value is off by 7e-6: judged with mpmath",
    "bessel_j1": "PyTorch's value is off by 7e-6: judged with mpmath",
}  # fmt: skip
"""Public array functions that no entry of OpInfo judges, and who does."""
