# expect: MistakeWarning
# words: softmax along axis 0 of (8, 3)
# cure: dim=-1
# layer: 1 (Softmax)
import nbdl
from nbdl import nn

net = nn.Sequential(nn.Linear(4, 3), nn.Softmax(0))
y = net(nbdl.randn(8, 4))  # here
