"""Sequences of different lengths: padded to one, or packed without padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nbdl.backends import has_data, to_numpy
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError, TraceError, unknown
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.concatenation import concat, stack
from nbdl.ops.conversion import astensor, to
from nbdl.ops.gathering import gather, take
from nbdl.ops.movement import reshape, swapaxes
from nbdl.ops.selection import where

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class PackedSequence(NamedTuple):
    """Sequences without padding: all first steps, then all second steps, and so on.

    Made by ``pack_padded_sequence`` and ``pack_sequence``; RNN, LSTM and GRU take it.

    Attributes:
        data: (steps of all sequences, ...), the longest sequence first within each step.
        batch_sizes: (longest length,) how many sequences have that step.
        sorted_indices: (batch,) which sequence came first, second, … by length; or None.
        unsorted_indices: (batch,) the way back; or None.
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """With ``data`` of another dtype or on another device."""
        return self._replace(data=to(self.data, *args, **kwargs))

    @property
    def lengths(self) -> np.ndarray:
        """Each sequence's length, longest first."""
        sizes = to_numpy(self.batch_sizes.value)
        return (sizes[:, None] > np.arange(sizes[0] if sizes.size else 0)).sum(0)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another.  (n,) -> (n,)."""
    if permutation is None:
        return None
    return astensor(np.argsort(to_numpy(permutation.value)))


def _known_lengths(lengths: Any, batch: int, longest: int) -> np.ndarray:
    """Lengths as int64 on the host, checked."""
    given = astensor(lengths)
    if not has_data(given.value):
        raise TraceError("packing needs the lengths' values: how much is packed depends on them")
    found = to_numpy(given.value)
    if found.shape != (batch,) or found.dtype.kind not in "iu":
        raise ShapeError(
            f"packing needs one length for each of {batch} sequences, got {found.dtype} of shape "
            f"{found.shape}"
        )
    if found.size and (found.min() < 1 or found.max() > longest):
        raise ArgumentError(
            f"lengths must be 1 to the padded length {longest}, got {found.tolist()}"
        )
    return found.astype(np.int64)


def pack_padded_sequence(
    input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Padded sequences without their padding.

    input: (length, batch, ...), lengths: (batch,) -> a PackedSequence.

    Args:
        batch_first: input is (batch, length, ...).
        enforce_sorted: refuse sequences that are not sorted by falling length; False sorts them.

    Raises:
        ShapeError, ArgumentError: lengths that do not fit the input, or are not sorted.
    """
    x = astensor(input)
    if x.ndim < 2:
        raise ShapeError(f"pack_padded_sequence needs (length, batch, ...), got {x.shape}")
    x = swapaxes(x, 0, 1) if batch_first else x
    longest, batch = x.shape[:2]
    sizes = _known_lengths(lengths, batch, longest)
    order = None
    if not enforce_sorted:
        order = np.argsort(-sizes, kind="stable")
        sizes = sizes[order]
        x = take(x, order, axis=1)
    elif (np.diff(sizes) > 0).any():
        raise ArgumentError(
            f"pack_padded_sequence: lengths {sizes.tolist()} do not fall",
            hint="enforce_sorted=False sorts the sequences, and puts results back in order",
        )
    present = np.arange(longest)[:, None] < sizes
    flat = reshape(x, (longest * batch, *x.shape[2:]))
    data = take(flat, np.flatnonzero(present), axis=0)
    counts = present[: sizes.max(initial=0)].sum(1).astype(np.int64)
    if order is None:
        return PackedSequence(data, astensor(counts))
    return PackedSequence(data, astensor(counts), astensor(order), astensor(np.argsort(order)))


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The way back from ``pack_padded_sequence``, sequences in their first order.

    -> (padded (length, batch, ...), lengths (batch,) int64).

    Args:
        batch_first: give (batch, length, ...).
        padding_value: what stands after the end of a sequence.
        total_length: pad up to this length; default the longest one's.

    Raises ArgumentError for a ``total_length`` below the longest sequence's.
    """
    lengths = sequence.lengths
    longest = len(sequence.batch_sizes)
    if total_length is not None and total_length < longest:
        raise ArgumentError(
            f"pad_packed_sequence: total_length={total_length} is less than the longest "
            f"sequence's {longest}"
        )
    padded = unpacked(sequence, padding_value, total_length)
    if sequence.unsorted_indices is not None:
        padded = take(padded, sequence.unsorted_indices, axis=1)
        lengths = lengths[to_numpy(sequence.unsorted_indices.value)]
    return swapaxes(padded, 0, 1) if batch_first else padded, astensor(lengths)


def unpacked(
    sequence: PackedSequence, padding_value: float = 0.0, total_length: int | None = None
) -> Tensor:
    """Padded, but still in the order of falling lengths.  -> (length, batch, ...)."""
    sizes, data = to_numpy(sequence.batch_sizes.value), sequence.data
    batch = int(sizes[0]) if sizes.size else 0
    length = sizes.size if total_length is None else total_length
    present = np.zeros((length, batch), bool)
    present[: sizes.size] = np.arange(batch) < sizes[:, None]
    places = np.where(present, np.cumsum(present).reshape(present.shape) - 1, 0)
    x = take(data, places, axis=0)
    here = astensor(present.reshape(*present.shape, *(1,) * (data.ndim - 1)), like=x)
    return where(here, x, padding_value)


class Ends:
    """Where sequences end within a padded batch."""

    def __init__(self, lengths: np.ndarray, longest: int) -> None:
        steps = np.arange(longest)[:, None]
        self.lengths = lengths
        self.mirrored = np.where(steps < lengths, lengths - 1 - steps, steps)

    def reversed(self, x: Tensor) -> Tensor:
        """Each sequence from its end to its beginning.  x: (length, batch, n)."""
        index = astensor(self.mirrored[..., None], like=x)
        return gather(x, 0, broadcast_to(index, x.shape))

    def last(self, x: Tensor) -> Tensor:
        """Each sequence's last step.  x: (length, batch, n) -> (batch, n)."""
        index = astensor((self.lengths - 1)[None, :, None], like=x)
        return gather(x, 0, broadcast_to(index, (1, *x.shape[1:])))[0]


def packed_like(padded: Tensor, sequence: PackedSequence) -> PackedSequence:
    """Outputs for each step of ``sequence``, (length, batch, ...), packed as it is."""
    sizes = to_numpy(sequence.batch_sizes.value)
    present = np.arange(padded.shape[1]) < sizes[:, None]
    flat = reshape(padded, (-1, *padded.shape[2:]))
    return sequence._replace(data=take(flat, np.flatnonzero(present), axis=0))


def pad_sequence(
    sequences: Sequence[Any],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences of different lengths in one tensor.

    sequences: of shapes (length, ...) -> (longest, batch, ...), or (batch, longest, ...) with
    ``batch_first``. ``padding_side``: "right" pads after their ends, "left" before.
    """
    if padding_side not in ("left", "right"):
        raise unknown("padding side", padding_side, ("left", "right"))
    xs = [astensor(x) for x in sequences]
    if not xs or any(x.ndim < 1 or x.shape[1:] != xs[0].shape[1:] for x in xs):
        raise ShapeError(
            "pad_sequence needs sequences (length, ...) that differ in their first size only, got "
            f"{[x.shape for x in xs]}"
        )
    longest = max(x.shape[0] for x in xs)
    return stack(
        [_padded(x, longest, padding_value, padding_side) for x in xs], axis=0 if batch_first else 1
    )


def _padded(x: Tensor, length: int, value: float, side: str) -> Tensor:
    missing = np.full((length - x.shape[0], *x.shape[1:]), value, x.dtype)
    rest = astensor(missing, like=x)
    return concat([x, rest] if side == "right" else [rest, x], axis=0)


def unpad_sequence(
    padded_sequences: Any, lengths: Any, batch_first: bool = False
) -> list[Tensor]:
    """The way back from ``pad_sequence``: a list of tensors (length, ...)."""
    x = astensor(padded_sequences)
    if x.ndim < 2:
        raise ShapeError(f"unpad_sequence needs (length, batch, ...), got {x.shape}")
    x = x if batch_first else swapaxes(x, 0, 1)
    sizes = _known_lengths(lengths, x.shape[0], x.shape[1])
    return [x[i, : int(n)] for i, n in enumerate(sizes)]


def pack_sequence(sequences: Sequence[Any], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences of shapes (length, ...) packed; see ``pack_padded_sequence``."""
    lengths = [astensor(x).shape[0] for x in sequences]
    return pack_padded_sequence(
        pad_sequence(sequences), np.array(lengths), enforce_sorted=enforce_sorted
    )


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The way back from ``pack_sequence``: a list of tensors (length, ...)."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
