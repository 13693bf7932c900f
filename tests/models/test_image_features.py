"""Feature extractors: a classifier that learns, and a stand-in for Inception's file."""

import warnings

import pytest
import torch
from torch import nn

from repro.errors import DataError
from repro.models.image_features import (
    INCEPTION,
    accuracy,
    features_of,
    inception,
    train_classifier,
)


@pytest.fixture(autouse=True)
def _float64():
    """In the place of the folder's fixture: images are float32."""


def bars(n=400):
    """Images with a bright row or a bright column, and which."""
    source = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % 2
    images = torch.randint(0, 60, (n, 1, 8, 8), generator=source, dtype=torch.uint8)
    places = torch.randint(0, 8, (n,), generator=source)
    for image, label, place in zip(images, labels, places, strict=True):
        (image[0, place] if label else image[0, :, place]).fill_(255)
    return images, labels


def test_the_classifier_learns_and_is_the_same_each_time():
    images, labels = bars()
    first, second = (train_classifier(images[:300], labels[:300], epochs=12) for _ in range(2))
    assert accuracy(first, images[300:], labels[300:]) > 0.9
    found = features_of(first.features, images[300:])
    assert found.shape == (100, 64)
    assert torch.equal(found, features_of(second.features, images[300:]))


class StandIn(nn.Module):
    """What the public file offers: uint8 images of three channels in, features out."""

    def forward(self, images: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        assert images.dtype == torch.uint8
        assert images.shape[1] == 3
        return images.float().mean(dim=3).flatten(1) if return_features else images.float()


def test_an_inception_file_is_read_and_shown_three_channels(tmp_path):
    path = tmp_path / INCEPTION
    path.parent.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(StandIn()).save(str(path))
        extract = inception(tmp_path)
    images, _ = bars(6)
    found = features_of(extract, images)
    torch.testing.assert_close(found[:, :8], images[:, 0].float().mean(dim=2))
    assert torch.equal(found[:, :8], found[:, 8:16])


def test_missing_or_broken_weights_are_named_with_the_remedy(tmp_path):
    with pytest.raises(DataError, match="features=classifier"):
        inception(tmp_path)
    (tmp_path / INCEPTION).parent.mkdir()
    (tmp_path / INCEPTION).write_bytes(b"no module")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with pytest.raises(DataError, match="download it again"):
            inception(tmp_path)
