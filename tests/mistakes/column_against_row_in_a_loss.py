# expect: ShapeError
# words: (8, 1) and target of shape (8,)
# cure: input.squeeze(-1)
import nbdl
from nbdl import nn
from nbdl.nn import functional as F

net = nn.Linear(4, 1)
x, y = nbdl.randn(8, 4), nbdl.randn(8)
loss = F.mse_loss(net(x), y)  # here
