# expect: IndexRangeError
# words: target[2] is 3, but input (8, 3) has 3 classes
# cure: count classes from 0
import nbdl
from nbdl import nn
from nbdl.nn import functional as F

net = nn.Linear(4, 3)
x, y = nbdl.randn(8, 4), nbdl.tensor([0, 1, 2, 0, 1, 2, 0, 1])
loss = F.cross_entropy(net(x), y + 1)  # here
