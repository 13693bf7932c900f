"""Where random numbers come from: one generator a (seed, stream), blind to the seed's pack."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

# A stream's place decides its numbers: new ones go to the end.
STREAMS = (
    "data",
    "init",
    "order",
    "noise",
    "dropout",
    "evaluation",
    "samples",
    "perturbation",
    "annealing",
    "tighter",
    "annealing_pilots",
)


def generator(seed: int, stream: str) -> torch.Generator:
    """CPU generator of one stream of one seed; the same pair always starts the same sequence.

    Raises:
        ValueError: for a stream that is not in `STREAMS`.
    """
    if stream not in STREAMS:
        raise ValueError(f"unknown stream '{stream}'; use one of {', '.join(STREAMS)}")
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(STREAMS.index(stream),))
    return torch.Generator().manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> 1))


def keep_masks(shape: tuple[int, ...], dropout: float, source: torch.Generator) -> Tensor:
    """Float32 dropout masks of `shape`: 0 with probability `dropout`, else 1 / (1 - dropout).

    They are cut from 64-bit draws: a byte a mask where the probability is a multiple of 1/256
    (.25 is), four bytes otherwise.
    """
    kind = torch.uint8 if (dropout * 256).is_integer() else torch.int32
    bits = torch.iinfo(kind).bits
    count = int(np.prod(shape))
    words = torch.empty(-(-count * bits // 64), dtype=torch.int64)
    words.random_(-(2**63), None, generator=source)
    draws = words.view(kind)[:count].view(shape)
    lowest = torch.iinfo(kind).min
    threshold = lowest + round(dropout * 2**bits)
    return (draws >= threshold).float().mul_(1 / (1 - dropout))
