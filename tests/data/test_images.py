"""Images, patches and binarised images: from files made here, the digits, and the real files."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from repro.data.binarisation import binarise
from repro.data.images import digest, load_images
from repro.data.patches import cut_patches
from repro.data.pickles import read_pickle
from repro.errors import DataError

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
RNG = np.random.RandomState(0)


def _write_idx(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    path.write_bytes(gzip.compress(header + values.tobytes()))


def _write_batch(path: Path, count: int) -> np.ndarray:
    """A file as CIFAR-10's authors made theirs: by Python 2, in protocol 2."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.randint(0, 256, (count, 3072)).astype(np.uint8)
    batch = {b"data": pixels, b"labels": [i % 10 for i in range(count)], b"batch_label": b"x"}
    path.write_bytes(pickle.dumps(batch, protocol=2))
    return pixels.reshape(count, 3, 32, 32)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_idx_sets_come_with_a_channel(tmp_path: Path, name: str) -> None:
    images = RNG.randint(0, 256, (5, 4, 4)).astype(np.uint8)
    for stem, values in {"train": images, "t10k": images[:2]}.items():
        _write_idx(tmp_path / name / f"{stem}-images-idx3-ubyte.gz", values)
        _write_idx(tmp_path / name / f"{stem}-labels-idx1-ubyte.gz", values[:, 0, 0])
    found = load_images(name, tmp_path)
    np.testing.assert_array_equal(found.train, images[:, None])
    np.testing.assert_array_equal(found.test_labels, images[:2, 0, 0])
    _write_idx(tmp_path / name / "train-labels-idx1-ubyte.gz", images[:3, 0, 0])
    with pytest.raises(DataError, match=rf"its labels are.*repro data fetch {name}"):
        load_images(name, tmp_path)


def test_cifar_batches_keep_their_order(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    made = {n: _write_batch(folder / n, 3) for n in ("data_batch_2", "data_batch_4", "test_batch")}
    found = load_images("cifar-10", tmp_path, batches=(2, 4))
    expected = np.concatenate([made["data_batch_2"], made["data_batch_4"]])
    np.testing.assert_array_equal(found.train, expected)
    np.testing.assert_array_equal(found.test, made["test_batch"])
    assert found.train_labels.tolist() == [0, 1, 2, 0, 1, 2]
    with pytest.raises(
        DataError, match=r"data_batch_1 is missing; run 'repro data fetch cifar-10"
    ):
        load_images("cifar-10", tmp_path)
    with pytest.raises(DataError, match="no batches"):
        load_images("cifar-10", tmp_path, batches=(6,))


class _Evil:
    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("/nonexistent/evil"),))


def test_a_pickle_runs_no_code_and_says_what_it_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps({b"data": _Evil()}))
    with pytest.raises(DataError, match=r"asks for pathlib.*repro data fetch"):
        read_pickle(path)
    for content in (b"", b"garbage", pickle.dumps([1]), pickle.dumps({1: 2})[:-3]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="repro data fetch"):
            read_pickle(path)
    with pytest.raises(DataError, match="is missing"):
        read_pickle(tmp_path / "nothing")
    path.write_bytes(pickle.dumps({b"data": np.zeros((2, 3)), b"labels": [1, 2]}))
    with pytest.raises(DataError, match="not a batch of CIFAR-10"):
        _load_as_cifar(tmp_path, path)


def _load_as_cifar(tmp_path: Path, batch: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in ("data_batch_1", "test_batch"):
        (folder / name).write_bytes(batch.read_bytes())
    load_images("cifar-10", tmp_path, batches=(1,))


def test_the_digits_need_no_file_and_are_always_the_same(tmp_path: Path) -> None:
    found = load_images("digits", tmp_path)
    assert found.train.shape == (1500, 1, 8, 8)
    assert found.test.shape == (297, 1, 8, 8)
    assert (found.train.min(), found.train.max()) == (0, 255)
    assert digest(found.test) == "c8dba7250d08e1fb36ee47a13266a3c5333b92149ac62f9d8b549e29c6d58fc0"


def test_an_unknown_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="use one of digits"):
        load_images("imagenet", tmp_path)


def test_static_binarisation_is_fixed_and_follows_the_greys() -> None:
    greys = np.repeat(np.array([0, 51, 204, 255], dtype=np.uint8), 20_000).reshape(4, 1, 100, 200)
    white = binarise(greys, "static", 7, "train")
    assert set(np.unique(white)) <= {0, 1}
    assert white.mean(axis=(1, 2, 3)) == pytest.approx([0, 0.2, 0.8, 1], abs=0.01)
    assert (white[0] == 0).all()
    assert (white[3] == 1).all()
    np.testing.assert_array_equal(white, binarise(greys, "static", 7, "train"))
    for seed, split in ((8, "train"), (7, "test")):
        assert (white != binarise(greys, "static", seed, split)).any()
    assert digest(white) == "82f669f38278fa6f77e4523cc943dded88a56245dbb1356cc257b40f7f080d88"


def test_the_threshold_is_half_of_the_range_and_other_words_are_refused() -> None:
    greys = np.array([0, 127, 128, 255], dtype=np.uint8).reshape(1, 1, 2, 2)
    assert binarise(greys, "threshold", 1, "test").ravel().tolist() == [0, 0, 1, 1]
    for method, split in (("dynamic", "train"), ("static", "validation")):
        with pytest.raises(ValueError, match="is unknown"):
            binarise(greys, method, 1, split)


def test_patches_are_windows_of_their_image_at_fixed_places() -> None:
    images = np.arange(2 * 3 * 9 * 10).reshape(2, 3, 9, 10).astype(np.uint8)
    found = cut_patches(images, 8, 5, 1, "test")
    assert found.shape == (10, 3, 8, 8)
    places = {
        (int(i), top, left)
        for i in range(2)
        for top in range(2)
        for left in range(3)
        for patch in found[5 * i : 5 * i + 5]
        if (images[i, :, top : top + 8, left : left + 8] == patch).all()
    }
    assert {image for image, _, _ in places} == {0, 1}
    assert len(places) > 4
    np.testing.assert_array_equal(found, cut_patches(images, 8, 5, 1, "test"))
    assert (found != cut_patches(images, 8, 5, 2, "test")).any()
    np.testing.assert_array_equal(
        cut_patches(images[:, :, :8, :8], 8, 1, 1, "test"), images[:, :, :8, :8]
    )
    with pytest.raises(DataError, match="no 11x11 patch"):
        cut_patches(images, 11, 1, 1, "test")


@pytest.mark.skipif(not SHARED.is_dir(), reason="no folder of real data beside the project")
def test_the_real_cifar_files_are_read() -> None:
    found = load_images("cifar-10", SHARED, batches=(1,))
    assert found.train.shape == found.test.shape == (10_000, 3, 32, 32)
    assert np.bincount(found.test_labels).tolist() == [1000] * 10


@pytest.mark.skipif(not SHARED.is_dir(), reason="no folder of real data beside the project")
def test_the_real_test_set_is_binarised_as_in_the_stored_runs() -> None:
    found = load_images("mnist", SHARED)
    header = struct.pack(">IIII", 2051, *found.test[:, 0].shape)
    sha = hashlib.sha256(header + found.test.tobytes()).hexdigest()
    assert sha == "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
    assert (
        digest(binarise(found.test, "static", 1, "test"))
        == "1cd77e36428c0a68982164c73a96a4fd5b8e513c70abae470cc4e7cae85b670b"
    )
