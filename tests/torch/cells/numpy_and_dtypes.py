"""Going between NumPy and tensors, and dtypes by all their names."""

from typing import Optional

import numpy as np
import torch

a = np.ones(3, dtype=np.float32)
t = torch.from_numpy(a)


def scale(x: torch.Tensor, dtype: torch.dtype = torch.float32, by: Optional[torch.Tensor] = None):  # noqa: UP045
    return x.to(torch.device("cpu"), dtype) * (2 if by is None else by)


w = torch.ones(2, requires_grad=True)
result = [
    t.numpy(), t + t, np.asarray(t), torch.as_tensor(a), torch.tensor(a),
    t.detach().cpu().numpy(), torch.tensor(np.float32(2.0)), torch.tensor(np.int64(3)), scale(t),
    torch.tensor([[1, 2], [3, 4]], dtype=torch.float).mean(dim=0).tolist(),
    list(map(float, torch.linspace(0, 1, 3))), w.detach().numpy(), scale(t, torch.double),
    torch.tensor([1, 2, 3], dtype=torch.long).dtype == torch.int64,
    torch.tensor(np.array([1.0])).dtype == torch.float64,
    torch.tensor([1.0]).dtype == torch.float32, torch.tensor([1, 2.0]).dtype == torch.float,
    torch.tensor([1]).double().dtype == torch.float64, torch.tensor([1]).bool().dtype == torch.bool,
    torch.is_tensor(a), torch.is_tensor(t), isinstance(t, torch.Tensor), t.element_size(),
    torch.finfo(t.dtype).max, torch.get_default_dtype() == torch.float32,
    torch.tensor([1, 2]) / 2, torch.tensor([7]) // 2, 5 - torch.tensor([1.5]), -t, ~(t > 2),
    (t == 1).all().item(), torch.Tensor([[1, 2]]), torch.arange(3).float().var().item(),
]  # fmt: skip
