"""BSDS300: 8x8 patches of photographs, the published draw or a fresh one from the images."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from repro.data.tabular.files import first_there
from repro.data.tabular.splits import Floats, Splits
from repro.errors import DataError

FILE = "data/BSDS300/BSDS300.hdf5"
IMAGES_FILES = ("bsds300/BSDS300-images.tar", "bsds300/BSDS300-images.tgz")
SIDE = 8  # pixels
VALIDATION_IMAGES = 20  # the last of the 200 training images, in the order of their numbers
GREYS = 256


def load_bsds300(root: Path) -> Splits:
    """BSDS300: 1,000,000, 50,000 and 250,000 patches of 63 pixels, used as they are.

    Raises:
        DataError: if the file is missing, damaged or lacks a data set.

    Source: gpapamak/maf datasets/bsds300.py.
    """
    import h5py  # slow to import

    path = root / FILE
    if not path.is_file():
        raise DataError(f"{path} is missing; run 'repro data fetch maf-tabular'")
    try:
        with h5py.File(path, "r") as file:
            parts = [np.asarray(file[name][:], np.float32) for name in _NAMES]
    except (OSError, KeyError) as error:
        raise DataError(
            f"{path} is damaged ({error}); delete it and run 'repro data fetch maf-tabular'"
        ) from error
    return Splits(*parts)


_NAMES = ("train", "validation", "test")


def load_bsds300_patches(root: Path, rows: tuple[int, int, int], seed: int) -> Splits:
    """Freshly drawn patches: `rows` from 180 training, 20 other and the 100 test images.

    The same distribution as BSDS300, not the same sample.

    Raises:
        DataError: if the archive of images is missing, damaged or holds too few.
    """
    path = first_there(root, IMAGES_FILES, "bsds300-images")
    train, test = _grey_images(path)
    if len(train) <= VALIDATION_IMAGES or not test:
        raise DataError(
            f"{path} holds {len(train)} training and {len(test)} test images; "
            "200 and 100 belong there"
        )
    groups = (train[:-VALIDATION_IMAGES], train[-VALIDATION_IMAGES:], test)
    random = np.random.RandomState(seed)
    return Splits(*(draw_patches(g, n, random) for g, n in zip(groups, rows, strict=True)))


def draw_patches(
    images: list[NDArray[np.uint8]], count: int, random: np.random.RandomState
) -> NDArray[np.float32]:
    """Patches (count, 63) at random places of grey images: dequantised, centred, last pixel off.

    Grey levels get noise U(0, 1) and are divided by 256; the patch's mean is taken off; the
    bottom right pixel, which the others then determine, goes.

    Source: Zoran & Weiss 2011 and Uria et al. 2013 (RNADE), the preparation of BSDS300 patches.
    """
    chosen = random.randint(len(images), size=count)
    patches: Floats = np.empty((count, SIDE, SIDE))
    for index, image in enumerate(images):
        own = np.flatnonzero(chosen == index)
        rows = random.randint(image.shape[0] - SIDE + 1, size=len(own))
        columns = random.randint(image.shape[1] - SIDE + 1, size=len(own))
        windows = np.lib.stride_tricks.sliding_window_view(image, (SIDE, SIDE))
        patches[own] = windows[rows, columns]
    patches = (patches + random.rand(*patches.shape)) / GREYS
    flat = patches.reshape(count, -1)
    return (flat - flat.mean(axis=1, keepdims=True))[:, :-1].astype(np.float32)


def _grey_images(path: Path) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]]]:
    """The grey images of the folders `train` and `test` in a tar file, by their numbers."""
    try:
        with tarfile.open(path) as tar:
            names = sorted((n for n in tar.getnames() if n.endswith(".jpg")), key=_number)
            groups = ([n for n in names if f"/{part}/" in n] for part in ("train", "test"))
            train, test = ([_grey(tar, name) for name in group] for group in groups)
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"{path} is damaged ({error}); delete it and fetch it again") from error
    return train, test


def _number(name: str) -> int:
    stem = name.rpartition("/")[2].removesuffix(".jpg")
    return int(stem) if stem.isdigit() else 0


def _grey(tar: tarfile.TarFile, name: str) -> NDArray[np.uint8]:
    from PIL import Image  # slow to import

    file = tar.extractfile(name)
    assert file is not None, "'name' is a file of the archive."
    with Image.open(io.BytesIO(file.read())) as image:
        return np.asarray(image.convert("L"))
