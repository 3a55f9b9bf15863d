# expect: MistakeWarning
# words: backward of a loss that is
# cure: a smaller learning rate
import nbdl
from nbdl import nn, optim
from nbdl.nn import functional as F

net = nn.Linear(4, 1)
optimizer = optim.SGD(net.parameters(), lr=1e4)
x, y = nbdl.randn(8, 4), nbdl.randn(8, 1)
for _ in range(30):
    optimizer.zero_grad()
    loss = F.mse_loss(net(x), y)
    loss.backward()  # here
    optimizer.step()
