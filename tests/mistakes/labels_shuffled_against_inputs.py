# expect: MistakeWarning
# words: the model has learned nothing but the classes' frequencies
# cure: are the labels in the order of the inputs?
import numpy as np

import nbdl
from nbdl import nn

rng = np.random.default_rng(0)
y = rng.choice(3, size=1600, p=[0.6, 0.3, 0.1])
x = rng.normal(size=(1600, 8)).astype("float32") + np.eye(3, 8, dtype="float32")[y]
order = rng.permutation(1600)
net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
run = nbdl.train(net, (x[order], y), batch_size=32, epochs=6, lr=0.01, store=False)  # here
