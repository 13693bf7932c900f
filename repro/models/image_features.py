"""What a Frechet distance is measured in: Inception's features, or a small classifier's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from repro.errors import DataError
from repro.models.image_likelihoods import Image
from repro.randomness import generator

Extractor = Callable[[Tensor], Tensor]  # pixels (B, C, H, W) in 0..255 to features (B, F)
INCEPTION = "inception/inception-2015-12-05.pt"  # below the data root
SEED = 1  # of the classifier: one for all runs, so that all distances are in the same features
ROWS = 500  # images a pass


class Classifier(nn.Module):
    """A small convolutional classifier; its last hidden layer of 64 units are the features."""

    def __init__(self, image: Image, classes: int) -> None:
        super().__init__()
        channels, height, width = image
        places = ((height + 3) // 4) * ((width + 3) // 4)
        self.body = nn.Sequential(
            nn.Conv2d(channels, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * places, 64),
            nn.ReLU(),
        )
        self.head = nn.Linear(64, classes)

    def features(self, pixels: Tensor) -> Tensor:
        """Features (B, 64) of pixels (B, C, H, W) in 0..255."""
        return self.body(pixels / 255)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits (B, classes) of pixels (B, C, H, W) in 0..255."""
        return self.head(self.features(pixels))


def train_classifier(pixels: Tensor, labels: Tensor, epochs: int) -> Classifier:
    """A classifier of training images (N, C, H, W), uint8, the same for the same images.

    Adam at 0.001 on batches of 100; weights and order come from a fixed seed.
    """
    classes = int(labels.max()) + 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator(SEED, "init").initial_seed())
        model = Classifier(tuple(pixels.shape[1:]), classes)  # type: ignore[arg-type]
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    order = generator(SEED, "order")
    for _ in range(epochs):
        for rows in torch.randperm(len(pixels), generator=order).split(100):
            loss = F.cross_entropy(model(pixels[rows].float()), labels[rows].long())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return model.eval()


def inception(root: Path) -> Extractor:
    """The 2048 features of InceptionV3 that published FIDs are measured in.

    The file is the TorchScript module of the public StyleGAN evaluation code; grey images are
    shown as three equal channels.

    Raises:
        DataError: if the weights are not below the data root, or not a TorchScript module.
    """
    path = require_inception(root)
    try:
        network = torch.jit.load(str(path), map_location="cpu").eval()
    except RuntimeError as error:
        raise DataError(f"{path} is not a TorchScript module; download it again") from error

    def extract(pixels: Tensor) -> Tensor:
        coloured = pixels.expand(-1, 3, -1, -1).to(torch.uint8)
        return network(coloured, return_features=True)

    return extract


def require_inception(root: Path) -> Path:
    """The file of Inception's weights below the data root.

    Raises:
        DataError: if it is not there.
    """
    path = root / INCEPTION
    if not path.is_file():
        raise DataError(
            f"no Inception weights at {path}; put inception-2015-12-05.pt of NVIDIA's public "
            "StyleGAN2-ADA metrics there, or set evaluation.features=classifier"
        )
    return path


def features_of(extract: Extractor, pixels: Tensor) -> Tensor:
    """Features (N, F) of pixels (N, C, H, W) in 0..255, a few hundred at a time."""
    with torch.no_grad():
        parts = [extract(rows.float()).flatten(1) for rows in pixels.split(ROWS)]
    return torch.cat(parts)


def accuracy(model: Classifier, pixels: Tensor, labels: Tensor) -> float:
    """The share of pixels (N, C, H, W) in 0..255 that the classifier gives their labels (N,)."""
    with torch.no_grad():
        found = torch.cat([model(rows.float()).argmax(dim=1) for rows in pixels.split(ROWS)])
    return float((found == labels).double().mean())
