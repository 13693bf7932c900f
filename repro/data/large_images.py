"""CelebA and ImageNet64 from the files that their homes offer, as arrays of one shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from repro.data.images import Images
from repro.errors import DataError

LARGE = ("celeba", "imagenet64")
SIDE = 64
CELEBA_CROP = 148  # of the aligned pictures of 178 x 218, around their middle
CELEBA_FOLDER = "celeba"
IMAGENET_FOLDER = "imagenet64"


def load_large(name: str, root: Path) -> Images:
    """Images (N, 3, 64, 64) of CelebA or ImageNet64 below the data root; labels are all 0.

    Raises:
        DataError: for files that are missing or not what they should be.
    """
    return _celeba(Path(root) / CELEBA_FOLDER) if name == "celeba" else _imagenet(Path(root))


def _celeba(folder: Path) -> Images:
    """The aligned JPEGs, split by the official list: 0 and 1 to train, 2 to test.

    Source: Liu et al. 2015 (CelebA), list_eval_partition.txt; the crop of 148 pixels is that of
    Larsen et al. 2016 and of most later work.
    """
    listed = folder / "list_eval_partition.txt"
    if not listed.is_file():
        raise DataError(
            f"no {listed}; put CelebA's list_eval_partition.txt and img_align_celeba/ there"
        )
    train: list[Path] = []
    test: list[Path] = []
    for line in listed.read_text().split("\n"):
        name, _, part = line.strip().partition(" ")
        if name:
            (test if part.strip() == "2" else train).append(folder / "img_align_celeba" / name)
    return _images("celeba", _photographs(train), _photographs(test))


def _photographs(paths: list[Path]) -> NDArray[np.uint8]:
    from PIL import Image

    shown = np.empty((len(paths), 3, SIDE, SIDE), dtype=np.uint8)
    for index, path in enumerate(paths):
        try:
            with Image.open(path) as picture:
                left, top = ((length - CELEBA_CROP) // 2 for length in picture.size)
                box = (left, top, left + CELEBA_CROP, top + CELEBA_CROP)
                middle = picture.convert("RGB").crop(box)
                small = middle.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        except OSError as error:
            raise DataError(f"cannot read {path} ({error}); unpack CelebA again") from error
        shown[index] = np.asarray(small).transpose(2, 0, 1)
    return shown


def _imagenet(root: Path) -> Images:
    """The npz batches of the downsampled ImageNet: train_data_batch_1..10.npz and val_data.npz.

    Source: Chrabaszcz, Loshchilov & Hutter 2017 (arXiv 1707.08819); its box-downsampled pictures
    differ from the older 64 x 64 ones of van den Oord et al. 2016, which Glow used.
    """
    folder = root / IMAGENET_FOLDER
    batches = sorted(folder.glob("train_data_batch_*.npz"))
    if not batches or not (folder / "val_data.npz").is_file():
        raise DataError(
            f"no train_data_batch_*.npz and val_data.npz in {folder}; put the downsampled "
            "ImageNet64 of image-net.org (npz format) there"
        )
    train = np.concatenate([_batch(path) for path in batches])
    return _images("imagenet64", train, _batch(folder / "val_data.npz"))


def _batch(path: Path) -> NDArray[np.uint8]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return file["data"].astype(np.uint8, copy=False).reshape(-1, 3, SIDE, SIDE)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} is no batch of ImageNet64 ({error}); fetch it again") from error


def _images(name: str, train: NDArray[np.uint8], test: NDArray[np.uint8]) -> Images:
    labels = [np.zeros(len(part), dtype=np.uint8) for part in (train, test)]
    return Images(name, train, labels[0], test, labels[1])
