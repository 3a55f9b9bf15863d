"""A step of deep Q-learning: gather, masks, a target network that follows slowly."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class DQN(nn.Module):
    def __init__(self, n_observations, n_actions):
        super().__init__()
        self.layer1 = nn.Linear(n_observations, 16)
        self.layer2 = nn.Linear(16, n_actions)

    def forward(self, x):
        return self.layer2(F.relu(self.layer1(x)))


policy_net, target_net = DQN(4, 2), DQN(4, 2)
for p in policy_net.parameters():
    p.data = torch.linspace(-1, 1, p.numel()).view(p.shape)
target_net.load_state_dict(policy_net.state_dict())
optimizer = torch.optim.AdamW(policy_net.parameters(), lr=1e-2, amsgrad=True)
state = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float32).unsqueeze(0)
with torch.no_grad():
    action = policy_net(state).max(1).indices.view(1, 1)
state_batch = torch.cat([state * k for k in range(4)])
action_batch = torch.cat([action] * 4)
reward_batch = torch.tensor([1.0, 0, 1, -1])
non_final_mask = torch.tensor(
    tuple(s is not None for s in (1, None, 1, 1)), device="cpu", dtype=torch.bool
)
state_action_values = policy_net(state_batch).gather(1, action_batch)
next_state_values = torch.zeros(4)
with torch.no_grad():
    next_state_values[non_final_mask] = target_net(state_batch[non_final_mask]).max(1).values
expected = (next_state_values * 0.99) + reward_batch
loss = nn.SmoothL1Loss()(state_action_values, expected.unsqueeze(1))
optimizer.zero_grad()
loss.backward()
torch.nn.utils.clip_grad_value_(policy_net.parameters(), 100)
optimizer.step()
target_state, policy_state = target_net.state_dict(), policy_net.state_dict()
for key in policy_state:
    target_state[key] = policy_state[key] * 0.005 + target_state[key] * (1 - 0.005)
target_net.load_state_dict(target_state)
result = [loss, policy_net.layer2.weight, target_net.layer1.weight, action]
