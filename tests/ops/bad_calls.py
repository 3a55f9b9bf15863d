"""A bad call for every public function of arrays and of ``nn.functional``.

A row: where the functions are, their names, what each of them is called with, and three texts of
the message: the argument, what came, and what is allowed. (Functions of one argument need not
name it: they say "tensor".)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nbdl
from nbdl import fft, linalg
from nbdl.nn import functional as F

Row = tuple[Any, str, Callable[[Any], Any], tuple[str, str, str]]

T = nbdl.tensor
x = nbdl.ones((2, 3))
v = nbdl.ones(3)
i = nbdl.arange(3)
images = {n: nbdl.ones((1, 2, *(4,) * n)) for n in (1, 2, 3)}

TEXT = ("tensor", "<U1", "numbers or bools")
AXIS = ("axis=7", "2 dimensions", "-2 to 1")
MATRICES = ("x", "(3,)", "at least 2 axes")
A_MATRICES = ("a", "(3,)", "at least 2 axes")
NEGATIVE = ("shape", "(-1,)", "negative")
DTYPE = ("dtype", "'float31'", "float32")
REDUCTION = ("reduction", "'abc'", "mean, none, sum")
INDEX = ("index", "9", "-2 to 1")
PROBABILITY = ("p", "2", "0")

ARRAYS: tuple[Row, ...] = (
    (nbdl, """negative neg positive exp log conj real imag square sqrt rsqrt cbrt reciprocal log1p
        expm1 exp2 log2 log10 entr sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh
        deg2rad rad2deg abs sign floor ceil trunc frac erf erfc erfinv sinc digamma lgamma
        bessel_j0 bessel_j1 bessel_y0 bessel_y1 i0 i0e i1 i1e modified_bessel_k0 modified_bessel_k1
        scaled_modified_bessel_k0 scaled_modified_bessel_k1 spherical_bessel_j0 erfcx log_ndtr ndtr
        ndtri isnan isinf isfinite signbit isposinf isneginf isreal logical_not bitwise_invert
        bitwise_not ravel atleast_1d atleast_2d atleast_3d clone round logit nan_to_num
        from_numpy angle sgn nonzero argwhere unique unique_values unique_counts unique_inverse
        unique_all diagflat zeros_like ones_like empty_like asarray tensor""",
        lambda f: f("a"), TEXT),
    (nbdl, """add subtract sub multiply mul divide div true_divide pow hypot float_power logaddexp
        logaddexp2 xlogy xlog1py atan2 copysign floor_divide remainder fmod nextafter igamma
        igammac zeta equal not_equal less less_equal greater greater_equal logical_and logical_or
        logical_xor maximum minimum fmax fmin isclose allclose heaviside ldexp complex polar""",
        lambda f: f(x, nbdl.ones(4)), ("have shapes", "(2, 3) and (4,)", "equal or 1")),
    (nbdl, "broadcast_tensors broadcast_arrays", lambda f: f(x, nbdl.ones(4)),
        ("have shapes", "(2, 3) and (4,)", "equal or 1")),
    (nbdl, "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift gcd lcm",
        lambda f: f(x, x), ("", "float32", "int")),
    (nbdl, """sum mean prod max min amax amin any all count_nonzero logsumexp argmax argmin cumsum
        cumprod cummax cummin logcumsumexp cumulative_sum cumulative_prod diff var std var_mean
        std_mean vector_norm norm squeeze flip sort argsort median nansum nanmean aminmax mode
        trapezoid trapz cumulative_trapezoid gradient unbind unstack unique_consecutive""",
        lambda f: f(x, axis=7), AXIS),
    (nbdl, "topk kthvalue tensor_split split chunk repeat repeat_interleave roll",
        lambda f: f(x, 1, axis=7), AXIS),
    (nbdl, "select", lambda f: f(x, 7, 0), AXIS),
    (nbdl, "narrow unfold", lambda f: f(x, 7, 0, 1), AXIS),
    (nbdl, "expand_dims unsqueeze", lambda f: f(x, 7), ("axis=7", "3 dimensions", "-3 to 2")),
    (nbdl, "stack", lambda f: f([x], 7), ("axis=7", "3 dimensions", "-3 to 2")),
    (nbdl, "concat cat", lambda f: f([x, v]), ("tensor 1", "(3,)", "must be equal")),
    (nbdl, "vstack hstack", lambda f: f([x, nbdl.ones((3, 4))]),
        ("tensor 1", "(3, 4)", "must be equal")),
    (nbdl, "dstack column_stack", lambda f: f([x, nbdl.ones((4, 3))]),
        ("tensor 1", "(4, 3", "must be equal")),
    (nbdl, "take_along_axis", lambda f: f(x, T([0])), ("indices", "(1,)", "equally many axes")),
    (nbdl, "take", lambda f: f(x, T([9]), axis=0), INDEX),
    (nbdl, "index_select", lambda f: f(x, 0, T([9])), INDEX),
    (nbdl, "gather", lambda f: f(x, 0, T([0])), ("index", "(1,)", "equally many axes")),
    (nbdl, "scatter scatter_add", lambda f: f(x, 0, T([0]), x),
        ("index", "(1,)", "equally many axes")),
    (nbdl, "scatter_reduce", lambda f: f(x, 0, T([[0]]), x, "men"),
        ("reduce", "'men'", "mean")),
    (nbdl, "index_reduce", lambda f: f(x, 0, T([0]), x[:1], "men"),
        ("reduce", "'men'", "mean")),
    (nbdl, "index_add index_copy", lambda f: f(x, 0, T([0]), x), ("source", "(2, 3)", "(1, 3)")),
    (nbdl, "index_fill", lambda f: f(x, 0, T([9]), 1.0), ("index", "9", "size 2")),
    (nbdl, "index_put", lambda f: f(x, (T([9]),), T([1.0])), ("index", "9", "size 2")),
    (nbdl, "put", lambda f: f(x, T([9]), T([1.0])), ("index", "9", "-6 to 5")),
    (nbdl, "masked_select", lambda f: f(x, x), ("mask", "float32", "bool")),
    (nbdl, "masked_scatter", lambda f: f(x, x, x), ("mask", "float32", "bool")),
    (nbdl, "masked_fill", lambda f: f(x, x > 0, 1j), ("value", "complex64", "value.real")),
    (nbdl, "where", lambda f: f(x, 1, 2), ("condition", "float32", "bool")),
    (nbdl, "clip clamp", lambda f: f(x, nbdl.zeros(4)), ("bounds", "(4,)", "equal or 1")),
    (nbdl, "lerp", lambda f: f(x, nbdl.ones(4), 0.5), ("inputs", "(4,)", "equal or 1")),
    (nbdl, "one_hot", lambda f: f(T([3]), 2), ("class", "3", "0..1")),
    (nbdl, "zeros ones empty empty_spec", lambda f: f((-1,)), NEGATIVE),
    (nbdl, "rand randn", lambda f: f(-1), NEGATIVE),
    (nbdl, "full", lambda f: f((-1,), 0), NEGATIVE),
    (nbdl, "full_like", lambda f: f(x, 0, dtype="float31"), DTYPE),
    (nbdl, "astype", lambda f: f(x, "float31"), DTYPE),
    (nbdl, "finfo", lambda f: f("float31"), DTYPE),
    (nbdl, "iinfo", lambda f: f("int31"), ("dtype", "'int31'", "int32")),
    (nbdl, "can_cast", lambda f: f("float31", "float32"), DTYPE),
    (nbdl, "isdtype", lambda f: f(nbdl.float32, "floating"), ("kind", "'floating'", "integral")),
    (nbdl, "result_type", lambda f: f("float31"), DTYPE),
    (nbdl, "arange", lambda f: f(0, 1, 0), ("step", "0", "must not be 0")),
    (nbdl, "linspace logspace", lambda f: f(0, 1, -1), ("num", "-1", "at least 0")),
    (nbdl, "eye", lambda f: f(-1), ("n_rows", "-1", "at least 0")),
    (nbdl, "tril_indices triu_indices", lambda f: f(-1), ("n_rows", "-1", "at least 0")),
    (nbdl, "randint", lambda f: f(3, 3), ("high", "3", "low < high")),
    (nbdl, "randperm", lambda f: f(-1), ("n", "-1", "at least 0")),
    (nbdl, "meshgrid", lambda f: f(x, x), ("argument 0", "(2, 3)", "vector")),
    (nbdl, "from_dlpack", lambda f: f("a"), ("", "str", "__dlpack__")),
    (nbdl, "mvlgamma", lambda f: f(x, 0), ("p", "0", "1")),
    (nbdl, "polygamma", lambda f: f(-1, x), ("n", "-1", "0")),
    (nbdl, "broadcast_to", lambda f: f(x, (3, 2)), ("shape", "(3, 2)", "equal or 1")),
    (nbdl, "expand", lambda f: f(x, 3, 2), ("shape", "(3, 2)", "equal or 1")),
    (nbdl, "reshape", lambda f: f(x, (4, 2)), ("reshape", "(4, 2)", "must stay the same")),
    (nbdl, "unflatten", lambda f: f(x, 1, (2, 2)), ("sizes", "(2, 2)", "3")),
    (nbdl, "flatten", lambda f: f(x, 1, 0), ("start_axis", "1", "<= end_axis")),
    (nbdl, "permute_dims", lambda f: f(x, (0, 0)), ("axes", "(0, 0)", "once")),
    (nbdl, "permute", lambda f: f(x, 0, 0), ("axes", "(0, 0)", "once")),
    (nbdl, "moveaxis movedim", lambda f: f(x, 7, 0), ("source=7", "2 dimensions", "-2 to 1")),
    (nbdl, "swapaxes transpose", lambda f: f(x, 7, 0), ("axis1=7", "2 dimensions", "-2 to 1")),
    (nbdl, "diagonal", lambda f: f(x, axis1=7), ("axis1=7", "2 dimensions", "-2 to 1")),
    (nbdl, "rot90", lambda f: f(x, axes=(0, 0)), ("axes", "(0, 0)", "two different")),
    (nbdl, "tile", lambda f: f(x, (-1, 2)), ("repetitions", "(-1, 2)", "negative")),
    (nbdl, "pad", lambda f: f(x, (1,)), ("pad", "(1,)", "two entries")),
    (nbdl, "tril triu trace matrix_transpose", lambda f: f(v), ("", "(3,)", "2 axes")),
    (nbdl, "diag", lambda f: f(nbdl.ones((1, 1, 1))), ("", "(1, 1, 1)", "1 or 2 axes")),
    (nbdl, "diag_embed", lambda f: f(T(1.0)), ("", "()", "axis")),
    (nbdl, "cov corrcoef", lambda f: f(nbdl.ones((2, 2, 2))), ("x", "(2, 2, 2)", "2 axes")),
    (nbdl, "linear_scan", lambda f: f(x, v), ("a and b", "(3,)", "one shape")),
    (nbdl, "searchsorted", lambda f: f(x, nbdl.ones((3, 1))), ("x", "(3, 1)", "equal sizes")),
    (nbdl, "bucketize", lambda f: f(x, x), ("boundaries", "(2, 3)", "vector")),
    (nbdl, "isin", lambda f: f(x, "a"), ("", "<U1", "numbers or bools")),
    (nbdl, "bincount", lambda f: f(T([-1])), ("", "int64", "not negative")),
    (nbdl, "histc", lambda f: f(x, 0), ("bins", "0", "positive")),
    (nbdl, "frexp", lambda f: f(T([1j])), ("", "complex64", "real")),
    (nbdl, "quantile", lambda f: f(x, 2), ("q", "2", "0 to 1")),
    (nbdl, "pdist", lambda f: f(v), ("x", "(3,)", "points")),
    (nbdl, "cdist", lambda f: f(x, v), ("x2", "(3,)", "points")),
    (nbdl, "dist", lambda f: f(x, nbdl.ones(4)), ("", "(4,)", "equal or 1")),
    (nbdl, "renorm", lambda f: f(x, 2, 7, 1.0), AXIS),
    (nbdl, "combinations", lambda f: f(x), ("vector", "(2, 3)", "vector")),
    (nbdl, "cartesian_prod", lambda f: f(x), ("", "(2, 3)", "vectors")),
    (nbdl, "block_diag", lambda f: f(nbdl.ones((1, 1, 1))), ("blocks", "(1, 1, 1)", "two axes")),
    (nbdl, "hsplit vsplit", lambda f: f(x, 5), ("axis", "5", "equal pieces")),
    (nbdl, "dsplit", lambda f: f(x, 5), ("", "(2, 3)", "at least 3 axes")),
    (nbdl, "diagonal_scatter", lambda f: f(x, v), ("source", "(3,)", "(2,)")),
    (nbdl, "select_scatter", lambda f: f(x, x, 0, 0), ("source", "(2, 3)", "(3,)")),
    (nbdl, "slice_scatter", lambda f: f(x, v), ("source", "(3,)", "(2, 3)")),
    (nbdl, "matmul mm", lambda f: f(x, x), ("x", "(2, 3)", "must equal")),
    (nbdl, "mv", lambda f: f(x, nbdl.ones(4)), ("x", "(2, 3)", "must equal")),
    (nbdl, "bmm", lambda f: f(x, x), ("x", "(2, 3)", "3 axes")),
    (nbdl, "dot vdot outer", lambda f: f(x, x), ("x", "(2, 3)", "1 axes")),
    (nbdl, "inner", lambda f: f(x, nbdl.ones((2, 4))), ("x", "(2, 4)", "different sizes")),
    (nbdl, "vecdot", lambda f: f(x, nbdl.ones((2, 2))), ("y", "(2, 2)", "sizes 3 and 2")),
    (nbdl, "tensordot", lambda f: f(x, x, axes=1), ("axes", "[1]", "different sizes")),
    (nbdl, "kron", lambda f: f("a", x), TEXT),
    (nbdl, "einsum", lambda f: f("i->i", x), ("operand 0", "(2, 3)", "1")),
    (nbdl, "addmm", lambda f: f(x, x, x), ("x", "(2, 3)", "must equal")),
    (nbdl, "addmv", lambda f: f(x, x, nbdl.ones(4)), ("x", "(2, 3)", "must equal")),
    (nbdl, "addr", lambda f: f(x, x, x), ("x", "(2, 3)", "1 axes")),
    (nbdl, "baddbmm addbmm", lambda f: f(x, x, x), ("x", "(2, 3)", "3 axes")),
    (nbdl, "normalize", lambda f: f(x, axis=7), AXIS),
    (nbdl, "view_as_complex", lambda f: f(x), ("", "(2, 3)", "2")),
    (nbdl, "view_as_real", lambda f: f(x), ("", "float32", "complex")),
)

NN_AND_LINALG: tuple[Row, ...] = (
    (F, """celu elu hardsigmoid hardswish leaky_relu logsigmoid mish relu relu6 selu sigmoid silu
        softsign tanh tanhshrink hardshrink softplus rrelu""", lambda f: f("a"), TEXT),
    (F, "threshold", lambda f: f("a", 0.0, 0.0), TEXT),
    (F, "gelu", lambda f: f(x, "tan"), ("approximate", "'tan'", "tanh")),
    (F, "softshrink", lambda f: f(x, -1.0), ("lambd", "-1.0", "not be negative")),
    (F, "hardtanh", lambda f: f(x, 1.0, -1.0), ("min_val", "1.0", "max_val")),
    (F, "prelu", lambda f: f(x, nbdl.ones(2)), ("weight", "(2,)", "(3,)")),
    (F, "glu", lambda f: f(x, 1), ("", "3", "even")),
    (F, "softmax log_softmax softmin", lambda f: f(x, 7), ("dim=7", "2 dimensions", "-2 to 1")),
    (F, "normalize", lambda f: f(x, dim=7), ("dim=7", "2 dimensions", "-2 to 1")),
    (F, "cosine_similarity", lambda f: f(x, x, 7), ("dim=7", "2 dimensions", "-2 to 1")),
    (F, "pairwise_distance", lambda f: f(x, nbdl.ones(4)), ("", "(4,)", "equal or 1")),
    (F, "pdist", lambda f: f(v), ("x", "(3,)", "points")),
    (F, "linear", lambda f: f(x, x.T), ("weight", "(3, 2)", "3")),
    (F, "bilinear", lambda f: f(x, x, nbdl.ones((1, 2, 3))), ("weight", "(1, 2, 3)", "3")),
    (F, "one_hot", lambda f: f(T([3]), 2), ("class", "3", "0..1")),
    (F, "pad", lambda f: f(x, (1,)), ("pad", "(1,)", "two entries")),
    (F, """binary_cross_entropy binary_cross_entropy_with_logits hinge_embedding_loss huber_loss
        kl_div l1_loss mse_loss poisson_nll_loss smooth_l1_loss soft_margin_loss""",
        lambda f: f(x, x, reduction="abc"), REDUCTION),
    (F, "margin_ranking_loss triplet_margin_loss cosine_embedding_loss gaussian_nll_loss",
        lambda f: f(x, x, x, reduction="abc"), REDUCTION),
    (F, "cross_entropy nll_loss", lambda f: f(x, T([0, 9])), ("class", "9", "2")),
    (F, "ctc_loss", lambda f: f(nbdl.ones((4, 1, 3)), T([[1]]), T([4]), T([1]), reduction="abc"),
        REDUCTION),
    (F, "multi_margin_loss", lambda f: f(x, T([0, 9])), ("target", "9", "0..2")),
    (F, "multilabel_margin_loss", lambda f: f(x, T([[0, 9, -1]] * 2)), ("target", "9", "0..2")),
    (F, "multilabel_soft_margin_loss", lambda f: f(x, v), ("target", "(3,)", "(..., classes)")),
    (F, "triplet_margin_with_distance_loss", lambda f: f(x, x, x, margin=0.0),
        ("margin", "0.0", "above 0")),
    (F, "linear_cross_entropy", lambda f: f(x, x.T, T([0, 1])),
        ("linear_weight", "(3, 2)", "(classes, ..., features)")),
    (F, "sigmoid_focal_loss", lambda f: f(x, x, 2.0), ("alpha", "2.0", "0 to 1")),
    (F, "dice_loss tversky_loss quantile_loss", lambda f: f(x, x, reduction="abc"), REDUCTION),
    (F, "info_nce_loss nt_xent_loss distillation_loss", lambda f: f(x, x, temperature=0),
        ("temperature", "0", "above 0")),
    (F, "batch_hard_triplet_loss", lambda f: f(x, v), ("labels", "(3,)", "(2, 3)")),
    (F, "gumbel_softmax", lambda f: f(x, 0), ("tau", "0", "above 0")),
    (F, "conv1d conv_transpose1d", lambda f: f(images[1], nbdl.ones((2, 2, 3)), stride=0),
        ("stride", "(0,)", "1 or more")),
    (F, "conv2d conv_transpose2d", lambda f: f(images[2], nbdl.ones((2, 2, 3, 3)), stride=0),
        ("stride", "(0, 0)", "1 or more")),
    (F, "conv3d conv_transpose3d", lambda f: f(images[3], nbdl.ones((2, 2, 3, 3, 3)), stride=0),
        ("stride", "(0, 0, 0)", "1 or more")),
    (F, "avg_pool1d max_pool1d", lambda f: f(images[1], 0), ("kernel_size", "(0,)", "1 or more")),
    (F, "avg_pool2d max_pool2d", lambda f: f(images[2], 0), ("kernel_size", "(0, 0)", "1 or more")),
    (F, "avg_pool3d max_pool3d", lambda f: f(images[3], 0), ("kernel_size", "(0, 0, 0)", "1 or")),
    (F, "lp_pool1d", lambda f: f(images[1], 2.0, 0), ("kernel_size", "0", "1 or more")),
    (F, "lp_pool2d", lambda f: f(images[2], 2.0, 0), ("kernel_size", "0", "1 or more")),
    (F, "lp_pool3d", lambda f: f(images[3], 2.0, 0), ("kernel_size", "0", "1 or more")),
    (F, "adaptive_avg_pool1d adaptive_max_pool1d", lambda f: f(images[1], -1),
        ("output_size", "-1", "negative")),
    (F, "adaptive_avg_pool2d adaptive_max_pool2d", lambda f: f(images[2], -1),
        ("output_size", "-1", "negative")),
    (F, "adaptive_avg_pool3d adaptive_max_pool3d", lambda f: f(images[3], -1),
        ("output_size", "-1", "negative")),
    (F, "fractional_max_pool2d", lambda f: f(images[2], 2, 9), ("windows", "(9, 9)", "(4, 4)")),
    (F, "fractional_max_pool3d", lambda f: f(images[3], 2, 9),
        ("windows", "(9, 9, 9)", "(4, 4, 4)")),
    (F, "max_unpool1d", lambda f: f(images[1], i, 2), ("indices", "(3,)", "(1, 2, 4)")),
    (F, "max_unpool2d", lambda f: f(images[2], i, 2), ("indices", "(3,)", "(1, 2, 4, 4)")),
    (F, "max_unpool3d", lambda f: f(images[3], i, 2), ("indices", "(3,)", "(1, 2, 4, 4, 4)")),
    (F, "unfold", lambda f: f(images[2], 9), ("kernel_size", "9", "4")),
    (F, "fold", lambda f: f(nbdl.ones((1, 5, 4)), 3, 2), ("input", "5", "4")),
    (F, "affine_grid", lambda f: f(nbdl.ones((1, 2, 2)), (1, 1, 4, 4)),
        ("theta", "(1, 2, 2)", "3")),
    (F, "grid_sample", lambda f: f(images[2], nbdl.zeros((1, 4, 4, 2)), "linear"),
        ("mode", "'linear'", "bilinear")),
    (F, "interpolate upsample", lambda f: f(images[2], 4, mode="cubic"),
        ("mode", "'cubic'", "bicubic")),
    (F, "upsample_nearest upsample_bilinear", lambda f: f(images[2]), ("size", "", "scale_factor")),
    (F, "pixel_shuffle", lambda f: f(images[2], 3), ("upscale_factor", "(1, 2, 4, 4)", "multiple")),
    (F, "pixel_unshuffle", lambda f: f(images[2], 3), ("downscale_factor", "3", "4")),
    (F, "channel_shuffle", lambda f: f(images[2], 3), ("groups", "3", "2")),
    (F, "dropout alpha_dropout feature_alpha_dropout", lambda f: f(x, 2.0), PROBABILITY),
    (F, "dropout1d", lambda f: f(images[1], 2.0), PROBABILITY),
    (F, "dropout2d", lambda f: f(images[2], 2.0), PROBABILITY),
    (F, "dropout3d", lambda f: f(images[3], 2.0), PROBABILITY),
    (F, "embedding", lambda f: f(T([9]), x), ("input[0]", "9", "0 to 1")),
    (F, "embedding_bag", lambda f: f(T([[9]]), x), ("input[0, 0]", "9", "0 to 1")),
    (F, "layer_norm rms_norm", lambda f: f(x, (4,)), ("normalized_shape", "(4,)", "(3,)")),
    (F, "group_norm", lambda f: f(images[2], 3), ("num_groups", "3", "2")),
    (F, "batch_norm", lambda f: f(x, nbdl.ones(2), nbdl.ones(2)),
        ("running_mean", "(2,)", "3 channels")),
    (F, "instance_norm", lambda f: f(images[2], weight=v), ("weight", "(3,)", "2 channels")),
    (F, "local_response_norm", lambda f: f(images[2], 0), ("size", "0", "1")),
    (F, "scaled_dot_product_attention", lambda f: f(x, nbdl.ones((2, 4)), x),
        ("key", "(2, 4)", "3")),
    (F, "rnn gru", lambda f: f(nbdl.ones((4, 1, 3)), nbdl.zeros((1, 2)), x, x),
        ("weight_hh", "(2, 3)", "hidden)")),
    (F, "rnn_cell gru_cell", lambda f: f(nbdl.ones((1, 3)), nbdl.zeros((1, 2)), x, x),
        ("weight_hh", "(2, 3)", "hidden)")),
    (F, "lstm", lambda f: f(nbdl.ones((4, 1, 3)), (nbdl.zeros((1, 2)),) * 2, x, x),
        ("weight_hh", "(2, 3)", "hidden)")),
    (F, "lstm_cell", lambda f: f(nbdl.ones((1, 3)), (nbdl.zeros((1, 2)),) * 2, x, x),
        ("weight_hh", "(2, 3)", "hidden)")),
    (linalg, """inv inv_ex pinv cholesky cholesky_ex qr lu lu_factor lu_factor_ex svd svdvals eig
        eigvals eigh eigvalsh det slogdet logdet matrix_norm matrix_rank cond matrix_exp geqrf
        ldl_factor ldl_factor_ex""", lambda f: f(v), ("", "(3,)", "2 axes")),
    (linalg, "matrix_power", lambda f: f(v, 2), ("", "(3,)", "2 axes")),
    (linalg, "solve solve_ex", lambda f: f(x, x), ("a", "(2, 3)", "square")),
    (linalg, "solve_triangular", lambda f: f(x, x, upper=True), ("a", "(2, 3)", "square")),
    (linalg, "cholesky_solve", lambda f: f(x, x), ("factor", "(2, 3)", "square")),
    (linalg, "cholesky_inverse", lambda f: f(x), ("factor", "(2, 3)", "square")),
    (linalg, "lstsq", lambda f: f(v, v), ("a", "(3,)", "2 axes")),
    (linalg, "lu_solve ldl_solve", lambda f: f(x, i, x), ("factors", "(2, 3)", "square")),
    (linalg, "lu_unpack", lambda f: f(v, i), ("factors", "(3,)", "2 axes")),
    (linalg, "tensorsolve", lambda f: f(x, v), ("a", "(2, 3)", "")),
    (linalg, "tensorinv", lambda f: f(x, ind=1), ("a", "(2, 3)", "")),
    (linalg, "householder_product", lambda f: f(v, v), ("x", "(3,)", "2 axes")),
    (linalg, "ormqr", lambda f: f(v, v, v), ("x", "(3,)", "2 axes")),
    (linalg, "vander", lambda f: f(T(1.0)), ("x", "()", "")),
    (linalg, "cross", lambda f: f(nbdl.ones(2), nbdl.ones(2)), ("x", "(2,)", "3 elements")),
    (linalg, "multi_dot", lambda f: f([x, x]), ("", "(2, 3)", "")),
    (linalg, "adjoint", lambda f: f(v), ("", "(3,)", "2 axes")),
    (fft, "fft ifft rfft irfft hfft ihfft", lambda f: f(x, axis=7), AXIS),
    (fft, "fftn ifftn rfftn irfftn hfftn ihfftn fft2 ifft2 rfft2 irfft2 hfft2 ihfft2",
        lambda f: f(x, axes=(0, 7)), ("axes=7", "2 dimensions", "-2 to 1")),
    (fft, "fftshift ifftshift", lambda f: f(x, axes=7), ("axes=7", "2 dimensions", "-2 to 1")),
    (fft, "fftfreq rfftfreq", lambda f: f(0), ("n", "0", "1")),
)
