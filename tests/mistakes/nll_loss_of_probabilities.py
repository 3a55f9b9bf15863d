# expect: MistakeWarning
# words: nll_loss got probabilities
# cure: log_softmax as the last layer
# layer: 1 (Softmax)
import nbdl
from nbdl import nn
from nbdl.nn import functional as F

net = nn.Sequential(nn.Linear(4, 3), nn.Softmax(-1))
x, y = nbdl.randn(8, 4), nbdl.tensor([0, 1, 2, 0, 1, 2, 0, 1])
loss = F.nll_loss(net(x), y)  # here
