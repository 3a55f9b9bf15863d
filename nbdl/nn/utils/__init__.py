"""What is done to the parameters of a model (PyTorch's ``torch.nn.utils``)."""

from nbdl.core.clipping import (
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from nbdl.nn.utils import parametrizations, parametrize, prune, rnn
from nbdl.nn.utils.fusion import (
    fuse_conv_bn_eval,
    fuse_conv_bn_weights,
    fuse_linear_bn_eval,
    fuse_linear_bn_weights,
)
from nbdl.nn.utils.skipping import skip_init
from nbdl.nn.utils.spectral_normalization import remove_spectral_norm, spectral_norm
from nbdl.nn.utils.vectors import parameters_to_vector, vector_to_parameters
from nbdl.nn.utils.weight_normalization import remove_weight_norm, weight_norm

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
    "get_total_norm",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "prune",
    "remove_spectral_norm",
    "remove_weight_norm",
    "rnn",
    "skip_init",
    "spectral_norm",
    "vector_to_parameters",
    "weight_norm",
]
