"""A whole script: data set, split, loaders, training, evaluation, the best weights kept."""

import copy

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "cpu"
X = torch.randn(200, 3)
y = (X.sum(dim=1, keepdim=True) > 0).float()
dataset = TensorDataset(X, y)
train_size = int(0.8 * len(dataset))
train_set, test_set = random_split(dataset, [train_size, len(dataset) - train_size])
train_loader = DataLoader(train_set, batch_size=16, shuffle=True, num_workers=0)
test_loader = DataLoader(test_set, batch_size=20)


class NeuralNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.stack = nn.Sequential(
            nn.Linear(3, 16), nn.ReLU(inplace=True), nn.Dropout(0.1), nn.Linear(16, 1), nn.Sigmoid()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.stack(x)


def train(dataloader, model, loss_fn, optimizer):
    size = len(dataloader.dataset)
    model.train()
    running_loss = 0.0
    for X, y in dataloader:
        X, y = X.to(device), y.to(device)
        pred = model(X)
        loss = loss_fn(pred, y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        running_loss += loss.item() * X.size(0)
    return running_loss / size


def test(dataloader, model):
    model.eval()
    correct = 0
    with torch.no_grad():
        for X, y in dataloader:
            pred = (model(X.to(device)) > 0.5).float()
            correct += (pred == y).type(torch.float).sum().item()
    return correct / len(dataloader.dataset)


model = NeuralNetwork().to(device)
print(model)
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, "min", patience=2, factor=0.5)
best, best_state = 0.0, None
for _ in range(40):
    epoch_loss = train(train_loader, model, nn.BCELoss(), optimizer)
    scheduler.step(epoch_loss)
    accuracy = test(test_loader, model)
    if accuracy > best:
        best, best_state = accuracy, copy.deepcopy(model.state_dict())
model.load_state_dict(best_state)
assert test(test_loader, model) == best
result = [len(train_loader), len(train_loader.dataset), len(test_loader), best > 0.9]
