# expect: MistakeWarning
# words: added to those of the step before
# cure: optimizer.zero_grad()
import nbdl
from nbdl import nn, optim
from nbdl.nn import functional as F

net = nn.Linear(4, 3)
optimizer = optim.SGD(net.parameters(), lr=0.1)
x, y = nbdl.randn(8, 4), nbdl.tensor([0, 1, 2, 0, 1, 2, 0, 1])
for _ in range(3):
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimizer.step()  # here
