# expect: MistakeWarning
# words: x == y of shapes (8, 1) and (8,) gives (8, 8)
# cure: squeeze(-1)
import nbdl
from nbdl import nn

net = nn.Linear(4, 3)
x, y = nbdl.randn(8, 4), nbdl.tensor([0, 1, 2, 0, 1, 2, 0, 1])
guess = net(x).argmax(1, keepdims=True)
correct = (guess == y).sum().item()  # here
