"""Several data sets as one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from nbdl.data.adoption import as_dataset
from nbdl.data.dataset import Dataset
from nbdl.errors import DataError, IndexRangeError


class ConcatDataset(Dataset):
    """Data sets one after the other: ``ConcatDataset([a, b])``, anything ``as_dataset`` takes."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = [as_dataset(dataset) for dataset in datasets]
        if not self.datasets:
            raise DataError("ConcatDataset needs at least one data set")
        self.cumulative_sizes = np.cumsum([len(d) for d in self.datasets]).tolist()
        self.classes = self.datasets[0].classes
        self.features = self.datasets[0].features

    def __len__(self) -> int:
        return int(self.cumulative_sizes[-1])

    def __getitem__(self, index: int) -> Any:
        n = len(self)
        if not -n <= index < n:
            raise IndexRangeError(f"sample {index} of a data set with {n} samples")
        index = int(index) % n
        which = int(np.searchsorted(self.cumulative_sizes, index, side="right"))
        return self.datasets[which][index - (self.cumulative_sizes[which - 1] if which else 0)]

    def labels(self) -> np.ndarray:
        return np.concatenate([dataset.labels() for dataset in self.datasets])
