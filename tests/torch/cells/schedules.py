"""Learning-rate schedules and parameter groups."""

import torch
from torch import nn
from torch.optim import lr_scheduler

model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
result = []
for make in (
    lambda o: lr_scheduler.StepLR(o, 2),
    lambda o: lr_scheduler.MultiStepLR(o, milestones=[2, 4], gamma=0.5),
    lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=5),
    lambda o: lr_scheduler.LambdaLR(o, lr_lambda=lambda epoch: 0.95**epoch),
    lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.5, steps_per_epoch=5, epochs=2),
    lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3),
):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = make(optimizer)
    for _ in range(6):
        optimizer.step()
        scheduler.step()
        result.append(optimizer.param_groups[0]["lr"])
        result.append(scheduler.get_last_lr()[0])
optimizer = torch.optim.SGD(
    [{"params": model[0].parameters()}, {"params": model[1].parameters(), "lr": 1e-3}],
    lr=1e-2, momentum=0.9,
)  # fmt: skip
for group in optimizer.param_groups:
    group["lr"] *= 0.5
optimizer.add_param_group({"params": [nn.Parameter(torch.ones(1))]})
result += [group["lr"] for group in optimizer.param_groups]
warm = lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=3)
after = lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
both = lr_scheduler.SequentialLR(optimizer, schedulers=[warm, after], milestones=[3])
for _ in range(6):
    optimizer.step()
    both.step()
    result += both.get_last_lr()
