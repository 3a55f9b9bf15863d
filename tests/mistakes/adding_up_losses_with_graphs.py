# expect: MistakeWarning
# words: the sum holds the graph of every step
# cure: total += loss.item()
import nbdl
from nbdl import nn, optim
from nbdl.nn import functional as F

net = nn.Linear(4, 3)
optimizer = optim.SGD(net.parameters(), lr=0.1)
x, y = nbdl.randn(8, 4), nbdl.tensor([0, 1, 2, 0, 1, 2, 0, 1])
total = 0
for _ in range(3):
    optimizer.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimizer.step()
    total += loss  # here
