# expect: MistakeWarning
# words: a prediction in training mode
# cure: model.eval()
# layer: 1 (Dropout)
import nbdl
from nbdl import nn

net = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 3))
with nbdl.no_grad():
    y = net(nbdl.randn(8, 4))  # here
