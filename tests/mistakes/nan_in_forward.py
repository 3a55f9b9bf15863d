# expect: AnomalyError
# words: Log made the first NaN
# cure: log or sqrt of what is not positive
import nbdl

x = nbdl.tensor([1.0, -1.0], requires_grad=True)
with nbdl.detect_anomaly():
    y = x.log().sum()  # here
