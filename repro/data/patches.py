"""Small squares cut from images at random places, the same in every run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from repro.data.binarisation import SPLITS
from repro.errors import DataError


def cut_patches(
    pixels: NDArray[np.uint8], size: int, per_image: int, seed: int, split: str
) -> NDArray[np.uint8]:
    """Patches (N x per_image, C, size, size) of images (N, C, H, W), image after image.

    Their places depend on `seed` and `split` ("train" or "test") alone.

    Raises:
        DataError: if the images are smaller than `size`.
    """
    height, width = pixels.shape[2:]
    if size > min(height, width):
        raise DataError(
            f"no {size}x{size} patch fits into {height}x{width}; choose a smaller size"
        )
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(SPLITS.index(split),))
    draws = np.random.RandomState(np.random.MT19937(sequence))  # numpy never changes its numbers
    count = len(pixels) * per_image
    tops = draws.randint(0, height - size + 1, count)
    lefts = draws.randint(0, width - size + 1, count)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (size, size), axis=(2, 3))
    return np.ascontiguousarray(
        windows[np.repeat(np.arange(len(pixels)), per_image), :, tops, lefts]
    )
