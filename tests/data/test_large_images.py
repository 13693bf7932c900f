"""CelebA and ImageNet64 from small files of the same format."""

import numpy as np
import pytest
from PIL import Image

from repro.data.large_images import load_large
from repro.errors import DataError


def test_celeba_is_cropped_and_split_by_its_list(tmp_path):
    folder = tmp_path / "celeba" / "img_align_celeba"
    folder.mkdir(parents=True)
    for name, shade in (("1", 10), ("2", 100), ("3", 200)):
        pixels = np.zeros((218, 178, 3), dtype=np.uint8)
        pixels[35:183, 15:163] = [shade, 0, 255]  # all that the crop sees
        Image.fromarray(pixels).save(folder / f"{name}.png")
    lines = "1.png 0\n2.png 1\n3.png 2\n"
    (tmp_path / "celeba" / "list_eval_partition.txt").write_text(lines)
    images = load_large("celeba", tmp_path)
    assert (images.train.shape, images.test.shape) == ((2, 3, 64, 64), (1, 3, 64, 64))
    assert images.train[:, 0].mean(axis=(1, 2)).tolist() == [10, 100]
    assert np.unique(images.test[0, 2]).tolist() == [255]


def test_imagenet64_is_read_from_its_batches(tmp_path):
    folder = tmp_path / "imagenet64"
    folder.mkdir()
    data = np.arange(4 * 12288, dtype=np.int64).reshape(4, 12288).astype(np.uint8)
    for batch in (1, 2):
        np.savez(folder / f"train_data_batch_{batch}.npz", data=data + batch, labels=np.ones(4))
    np.savez(folder / "val_data.npz", data=data, labels=np.ones(4))
    images = load_large("imagenet64", tmp_path)
    assert (images.train.shape, images.test.shape) == ((8, 3, 64, 64), (4, 3, 64, 64))
    assert np.array_equal(images.test.reshape(4, -1), data)
    assert np.array_equal(images.train[4:].reshape(4, -1), data + 2)


@pytest.mark.parametrize(
    ("name", "word"), [("celeba", "list_eval_partition"), ("imagenet64", "val_data")]
)
def test_missing_files_are_named(tmp_path, name, word):
    with pytest.raises(DataError, match=word):
        load_large(name, tmp_path)


def test_a_damaged_batch_is_named(tmp_path):
    (tmp_path / "imagenet64").mkdir()
    for name in ("train_data_batch_1.npz", "val_data.npz"):
        (tmp_path / "imagenet64" / name).write_bytes(b"nothing")
    with pytest.raises(DataError, match="train_data_batch_1"):
        load_large("imagenet64", tmp_path)
