"""The autograd tutorial: graphs, switching off, Jacobian products, a penalty on gradients."""

import torch

x = torch.ones(5)
y = torch.zeros(3)
w = torch.full((5, 3), 0.1, requires_grad=True)
b = torch.zeros(3, requires_grad=True)
z = torch.matmul(x, w) + b
loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)
print(z.grad_fn is not None, z.requires_grad, w.is_leaf, z.is_leaf)
root, place = loss.grad_fn.next_functions[0]
assert root is not None
assert place == 0
loss.backward()
with torch.no_grad():
    z = torch.matmul(x, w) + b
print(z.requires_grad, z.detach().requires_grad)

inp = torch.eye(4, 5, requires_grad=True)
out = (inp + 1).pow(2).t()
out.backward(torch.ones_like(out), retain_graph=True)
print(f"First call\n{inp.grad}")
out.backward(torch.ones_like(out), retain_graph=True)
inp.grad.zero_()
out.backward(torch.ones_like(out), True)

critic = torch.nn.Linear(3, 1)
torch.nn.init.constant_(critic.weight, 0.5)
real = torch.arange(6.0).view(2, 3).requires_grad_(True)
score = critic(real) ** 2
gradients = torch.autograd.grad(
    outputs=score, inputs=real, grad_outputs=torch.ones_like(score), create_graph=True,
    retain_graph=True, only_inputs=True,
)[0]  # fmt: skip
penalty = ((gradients.view(2, -1).norm(2, dim=1) - 1) ** 2).mean()
critic.zero_grad()
torch.nn.init.zeros_(critic.bias)
penalty.backward()
(hessian,) = torch.autograd.grad(real.pow(3).sum(), real, create_graph=True)
second = torch.autograd.grad(hessian.sum(), real)[0]
result = [w.grad, b.grad, inp.grad, gradients.shape, second]
