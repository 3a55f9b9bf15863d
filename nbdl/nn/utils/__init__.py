"""What is done to the parameters of a model (PyTorch's ``torch.nn.utils``)."""

from nbdl.core.clipping import clip_grad_norm_, clip_grad_value_, get_total_norm
from nbdl.nn.utils.vectors import parameters_to_vector, vector_to_parameters

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "get_total_norm",
    "parameters_to_vector",
    "vector_to_parameters",
]
