# expect: AnomalyError
# words: the gradient of Sqrt has the first NaN in backward
# cure: log or sqrt of what is not positive
import nbdl

x = nbdl.tensor([0.0, 1.0], requires_grad=True)
with nbdl.detect_anomaly():
    y = nbdl.where(x > 0, x.sqrt(), 0).sum()  # here
    y.backward()
