# expect: MistakeWarning
# words: in evaluation mode
# cure: model.train() before training
import nbdl
from nbdl import nn, optim
from nbdl.nn import functional as F

net = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 3))
optimizer = optim.SGD(net.parameters(), lr=0.1)
x, y = nbdl.randn(8, 4), nbdl.tensor([0, 1, 2, 0, 1, 2, 0, 1])
net.eval()
F.cross_entropy(net(x), y).backward()
optimizer.step()  # here
