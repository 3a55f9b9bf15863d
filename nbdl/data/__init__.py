"""Data: data sets, loaders, transforms, tokenizers, readers, and data sets ready to use."""

from nbdl.data.adoption import TARGET_KEYS, adopted, as_dataset, split
from nbdl.data.arrays import as_array, check_finite, encode_labels
from nbdl.data.arrow import arrow, parquet
from nbdl.data.bundled import breast_cancer, diabetes, digits, iris, wine
from nbdl.data.collate import (
    batch_length,
    collate,
    default_collate,
    map_arrays,
    pad_sequences,
    to_tensors,
)
from nbdl.data.combining import ConcatDataset, StackDataset, random_split
from nbdl.data.dataset import (
    Dataset,
    Mapped,
    Subset,
    TensorDataset,
)
from nbdl.data.downloads import cifar10, fashion_mnist, mnist, read_idx
from nbdl.data.images import (
    CenterCrop,
    Compose,
    Normalize,
    RandomCrop,
    RandomHorizontalFlip,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
    Rotate,
    ToTensor,
    Transform,
)
from nbdl.data.loader import DataLoader
from nbdl.data.mapped import mapped
from nbdl.data.readers import ImageFolder, image_folder, read_numpy
from nbdl.data.samplers import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from nbdl.data.sampling import sample_key, sample_rng
from nbdl.data.sharing import WorkerInfo, get_worker_info
from nbdl.data.streams import ChainDataset, IterableDataset, stream
from nbdl.data.tables import from_pandas, read_csv
from nbdl.data.text import CharTokenizer, SequenceWindows, Tokenizer, WordTokenizer

__all__ = [
    "TARGET_KEYS",
    "BatchSampler",
    "CenterCrop",
    "ChainDataset",
    "CharTokenizer",
    "ConcatDataset",
    "Compose",
    "DataLoader",
    "Dataset",
    "ImageFolder",
    "IterableDataset",
    "Mapped",
    "Normalize",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomSampler",
    "RandomVerticalFlip",
    "Resize",
    "Rotate",
    "Sampler",
    "SequenceWindows",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "ToTensor",
    "Tokenizer",
    "Transform",
    "WeightedRandomSampler",
    "WordTokenizer",
    "WorkerInfo",
    "adopted",
    "arrow",
    "as_array",
    "as_dataset",
    "batch_length",
    "breast_cancer",
    "check_finite",
    "cifar10",
    "collate",
    "default_collate",
    "diabetes",
    "digits",
    "encode_labels",
    "fashion_mnist",
    "from_pandas",
    "get_worker_info",
    "image_folder",
    "iris",
    "map_arrays",
    "mapped",
    "mnist",
    "pad_sequences",
    "parquet",
    "random_split",
    "read_csv",
    "read_idx",
    "read_numpy",
    "sample_key",
    "sample_rng",
    "split",
    "stream",
    "to_tensors",
    "wine",
]
