# expect: MistakeWarning
# words: got the output of sigmoid
# cure: leave the sigmoid out
# layer: 1 (Sigmoid)
import nbdl
from nbdl import nn
from nbdl.nn import functional as F

net = nn.Sequential(nn.Linear(4, 1), nn.Sigmoid())
x, y = nbdl.randn(8, 4), nbdl.ones((8, 1))
loss = F.binary_cross_entropy_with_logits(net(x), y)  # here
