"""Images as data, the latent Gaussian model of them, and how its bounds are measured."""

from __future__ import annotations

from dataclasses import dataclass

from repro.config.schema.limits import limited

IMAGE_SETS = ("digits", "mnist", "fashion-mnist", "cifar-10")
BINARISATIONS = ("static", "threshold")
LIKELIHOODS = ("bernoulli", "logit_normal")
POSTERIOR_FLOWS = ("none", "planar", "radial", "nice", "sylvester", "convolution", "iaf")
MIXINGS = ("orthogonal", "permutation")
ANNEALINGS = ("none", "joint", "kl")
SPLITS = ("test", "validation")


@dataclass
class BinaryImages:
    """Grey images made black and white once; the data seed chooses the draws.

    `validation` is how many training images, the last ones, are kept from training.
    """

    name: str
    dataset: str = limited(choices=IMAGE_SETS[:-1], registered=True)
    binarisation: str = limited(choices=BINARISATIONS)
    validation: int = limited(at_least=0)


@dataclass
class ImagePatches:
    """Squares cut from images, their values in [margin, 1 - margin]; the data seed places them.

    `batches` are those of CIFAR-10's training batches that are used, and `validation` is how many
    training images, the last ones, are kept from training.
    """

    name: str
    dataset: str = limited(choices=IMAGE_SETS, registered=True)
    batches: list[int] = limited(at_least=1, at_most=5)  # noqa: RUF009
    size: int = limited(at_least=2)
    per_image: int = limited(at_least=1)
    margin: float = limited(above=0.0, below=0.5, example=0.0001)
    validation: int = limited(at_least=0)


@dataclass
class LatentGaussian:
    """A deep latent Gaussian model whose approximate posterior a flow may bend.

    `units` is the number of a maxout layer's outputs, each the largest of `window` values.
    `flow_hidden` is the width of the networks of nice and iaf and the hidden units of sylvester,
    `mixing` is of nice. Annealing weighs the log-joint (`joint`) or what holds
    the posterior to the prior (`kl`) by min(1, .01 + updates so far / annealing_updates).
    """

    name: str
    latents: int = limited(at_least=1)
    units: int = limited(at_least=1)
    window: int = limited(at_least=1)
    likelihood: str = limited(choices=LIKELIHOODS)
    flow: str = limited(choices=POSTERIOR_FLOWS)
    flow_length: int = limited(at_least=0)
    amortised: bool = limited()
    flow_hidden: int = limited(at_least=1)
    mixing: str = limited(choices=MIXINGS)
    annealing: str = limited(choices=ANNEALINGS)
    annealing_updates: int = limited(at_least=1)


@dataclass
class Bounds:
    """How bounds on the log-likelihood are measured, and on which images (null: all).

    On the first `annealed_images` of them -log p is also estimated by annealed importance sampling
    with `annealed_chains` chains an image and `annealed_temperatures` steps, whose sizes
    `annealed_pilots` further chains an image find beforehand (0: each chain's follow its own past,
    which leaves -log p too high). On the first `tighter_images` it is estimated once more by
    `tighter_samples` importance samples.
    """

    name: str
    split: str = limited(choices=SPLITS)
    images: int | None = limited(at_least=1)
    importance_samples: int = limited(at_least=1)
    tighter_images: int = limited(at_least=0, omitted_at=0)
    tighter_samples: int = limited(at_least=1, omitted_at=5000)
    annealed_images: int = limited(at_least=0)
    annealed_chains: int = limited(at_least=1)
    annealed_temperatures: int = limited(at_least=1)
    annealed_pilots: int = limited(at_least=0, omitted_at=0)


@dataclass
class InferenceGaps:
    """How the gaps of approximate posteriors are measured, on the first `images` test images.

    Encoders of `encoder_units` outputs a maxout layer are trained for `encoder_updates` on the
    fixed decoder. The best posterior of each image is sought with `local_updates` of Adam at
    `local_rate` on `local_samples` draws, a flow's with `local_flow_length` planar layers. The
    grid goes from -`grid_reach` to `grid_reach`; `pictures` images' posteriors are kept.
    """

    name: str
    images: int = limited(at_least=1)
    encoder_units: list[int] = limited(at_least=1)  # noqa: RUF009
    encoder_updates: int = limited(at_least=1)
    local_updates: int = limited(at_least=1)
    local_samples: int = limited(at_least=2)
    local_rate: float = limited(above=0.0, example=0.05)
    local_flow_length: int = limited(at_least=1)
    grid_reach: float = limited(above=0.0, example=6.0)
    grid_step: float = limited(above=0.0, example=0.02)
    pictures: int = limited(at_least=1)
