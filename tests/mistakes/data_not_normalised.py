# expect: MistakeWarning
# words: column 1 of the input has the mean 201
# cure: nn.BatchNorm1d(n)
# layer: 0 (Linear)
import nbdl
from nbdl import nn

x = nbdl.randn(256, 3) * nbdl.tensor([1.0, 3.0, 1.0]) + nbdl.tensor([0.0, 2013.0, 0.0])
y = x[:, :1]
net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
run = nbdl.train(net, (x, y), loss="mse", epochs=1, store=False)  # here
