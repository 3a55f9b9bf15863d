"""Training with PyTorch: as it is, with images in channels_last, or through torch.compile."""

from __future__ import annotations

from typing import Any

from benchmarks.contenders.training import Training
from benchmarks.models import Example


class WithTorch(Training):
    """A step of PyTorch's.

    ``torch.compile`` is given network and loss in one; the optimizer is PyTorch's default one in
    all three ways.
    """

    def __init__(
        self, example: Example, small: bool, threads: int, channels_last: bool, compiled: bool
    ) -> None:
        super().__init__(example, small)
        self.threads, self.channels_last, self.compiled = threads, channels_last, compiled

    def load(self) -> Any:
        import torch

        torch.set_num_threads(self.threads)
        return torch

    def prepare(self) -> None:
        torch = self.framework
        if self.channels_last:
            self.network = self.network.to(memory_format=torch.channels_last)
        self.compiled_loss, self.compiled_network = super().loss, self.network
        if self.compiled:
            self.compiled_loss = torch.compile(super().loss)
            self.compiled_network = torch.compile(self.network, dynamic=False)

    def place(self, x: Any) -> Any:
        tensor = super().place(x)
        if self.channels_last:
            return tensor.contiguous(memory_format=self.framework.channels_last)
        return tensor

    def loss(self, x: Any, y: Any) -> Any:
        return self.compiled_loss(x, y)

    def predict(self, x: Any) -> Any:
        with self.framework.inference_mode():
            return self.compiled_network(x)

    def memory(self) -> int:
        """What was alive before, and how much more the profiler sees at the worst moment."""
        from torch.profiler import ProfilerActivity, profile

        self.optimizer.zero_grad()  # freeing what was made before it began, the profiler misses
        alive = sum(tensor.nbytes for tensor in self._alive())
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
            self.step()
        events = profiler.profiler.kineto_results.events()
        changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
        now = peak = 0
        for _, change in changes:
            now += change
            peak = max(peak, now)
        return alive + peak

    def _alive(self) -> list[Any]:
        """All tensors there are between two steps, when gradients are gone."""
        parameters = list(self.network.parameters())
        state = [v for slots in self.optimizer.state.values() for v in slots.values()]
        tensors = [v for v in state if self.framework.is_tensor(v)]
        return [*parameters, *self.network.buffers(), *tensors, self.x, self.y]
