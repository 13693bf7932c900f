"""Image data sets as arrays, all of one shape: MNIST, Fashion-MNIST, CIFAR-10 and the digits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from repro.data.idx import read_idx
from repro.data.pickles import read_pickle
from repro.data.registry import batch_paths
from repro.errors import DataError

Pixels = NDArray[np.uint8]  # (N, C, H, W)
Labels = NDArray[np.uint8]  # (N,)

IDX_SETS = ("mnist", "fashion-mnist")
NAMES = ("digits", *IDX_SETS, "cifar-10")
CIFAR_BATCHES = (1, 2, 3, 4, 5)
DIGITS_TO_TRAIN = 1500  # of 1,797, in the order of scikit-learn's file


@dataclass(frozen=True)
class Images:
    """A data set's images (N, C, H, W), 0 to 255, and labels (N,), in the official order."""

    name: str
    train: Pixels
    train_labels: Labels
    test: Pixels
    test_labels: Labels


def load_images(name: str, root: Path | str, batches: Sequence[int] = CIFAR_BATCHES) -> Images:
    """The images of `name` (one of `NAMES`) below the data root.

    Args:
        name: digits (scikit-learn's, 8x8, bundled: it needs no file), mnist, fashion-mnist or
            cifar-10.
        root: the data root, `paths.data`.
        batches: which of CIFAR-10's five training batches.

    Raises:
        DataError: for a name that is not there, or a file that is missing or damaged.
    """
    root = Path(root)
    if name == "digits":
        found = _digits()
    elif name in IDX_SETS:
        found = _idx_set(name, root / name)
    elif name == "cifar-10":
        found = _cifar(root, batches)
    else:
        raise DataError(f"there is no image data set {name}; use one of {', '.join(NAMES)}")
    return found


def digest(values: NDArray[np.uint8]) -> str:
    """The SHA-256 of an array's shape and bytes, in hex: the same array has it everywhere."""
    whole = hashlib.sha256(repr(values.shape).encode())
    whole.update(np.ascontiguousarray(values).data)
    return whole.hexdigest()


def _digits() -> Images:
    from sklearn.datasets import load_digits  # takes a second to import

    found = load_digits()
    pixels = np.rint(found.images * (255 / 16)).astype(np.uint8)[:, None]
    labels = found.target.astype(np.uint8)
    cut = DIGITS_TO_TRAIN
    return Images("digits", pixels[:cut], labels[:cut], pixels[cut:], labels[cut:])


_IDX_FILES = {
    "train": "train-images-idx3-ubyte.gz",
    "train_labels": "train-labels-idx1-ubyte.gz",
    "test": "t10k-images-idx3-ubyte.gz",
    "test_labels": "t10k-labels-idx1-ubyte.gz",
}


def _idx_set(name: str, folder: Path) -> Images:
    arrays = {part: _read_idx(folder / file, name) for part, file in _IDX_FILES.items()}
    for part in ("train", "test"):
        images, labels = arrays[part], arrays[f"{part}_labels"]
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise DataError(
                f"{folder / _IDX_FILES[part]} holds {images.shape} values and its labels are "
                f"{labels.shape}; delete both and run 'repro data fetch {name}'"
            )
        arrays[part] = images[:, None]
    return Images(name, **arrays)


def _read_idx(path: Path, name: str) -> NDArray[np.uint8]:
    if not path.is_file():
        raise _absent(path, name)
    return read_idx(path).astype(np.uint8, copy=False)


def _cifar(root: Path, batches: Sequence[int]) -> Images:
    if not batches or not set(batches) <= set(CIFAR_BATCHES):
        raise DataError(f"CIFAR-10 has no batches {list(batches)}; choose from 1 to 5")
    parts = [_cifar_batch(root / path) for path in batch_paths(batches)]
    train, labels = (np.concatenate(each) for each in zip(*parts[:-1], strict=True))
    return Images("cifar-10", train, labels, *parts[-1])


def _cifar_batch(path: Path) -> tuple[Pixels, Labels]:
    if not path.is_file():
        raise _absent(path, "cifar-10")
    found = read_pickle(path)
    pixels, labels = found.get(b"data"), found.get(b"labels")
    if not isinstance(pixels, np.ndarray) or not isinstance(labels, list):
        raise _no_batch(path)
    if pixels.dtype != np.uint8 or pixels.shape != (len(labels), 3072):
        raise _no_batch(path)
    return pixels.reshape(-1, 3, 32, 32), np.asarray(labels, dtype=np.uint8)


def _no_batch(path: Path) -> DataError:
    return DataError(
        f"{path} is not a batch of CIFAR-10; delete it and run 'repro data fetch cifar-10'"
    )


def _absent(path: Path, name: str) -> DataError:
    return DataError(
        f"{path} is missing; run 'repro data fetch {name}', or set paths.data to the folder that"
        " has it"
    )
