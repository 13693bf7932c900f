"""The GPT-2 prior over codes: a normalised distribution, its samples, its weights' file."""

import itertools
import math

import pytest
import torch

from repro.errors import DataError
from repro.models.sequence_prior import PRETRAINED, make_sequence_prior
from repro.training.seed_stack import SeedStack

SMALL = {"pretrained": False, "width": 8, "layers": 1, "heads": 2}


@pytest.fixture(autouse=True)
def _float64():
    """In the place of the folder's fixture: images are float32."""


@pytest.fixture
def prior(tmp_path):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = make_sequence_prior(SMALL, 3, 4, tmp_path)
        with torch.no_grad():
            for parameter in made.parameters():
                parameter += 0.3 * torch.randn(parameter.shape)
    return made.requires_grad_(False)


def all_sequences():
    return torch.tensor(list(itertools.product(range(3), repeat=4)))


def test_the_probabilities_of_all_sequences_add_up_to_one(prior):
    assert float((-prior.cost(all_sequences())).exp().sum()) == pytest.approx(1, rel=1e-5)


def test_the_loss_is_the_cost_per_code(prior):
    codes = all_sequences()[10:20]
    assert float(prior(codes)) == pytest.approx(float(prior.cost(codes).mean()) / 4, rel=1e-6)


def test_samples_come_as_often_as_their_probabilities_say(prior):
    count = 4000
    drawn = prior.sample(torch.rand(count, 4, generator=torch.Generator().manual_seed(0)))
    index = (drawn * torch.tensor([27, 9, 3, 1])).sum(dim=1)
    shares = torch.bincount(index, minlength=81) / count
    expected = (-prior.cost(all_sequences())).exp()
    assert float((shares - expected).abs().max()) < 4 * math.sqrt(float(expected.max()) / count)


def test_an_untrained_prior_of_zero_logits_costs_the_log_of_the_vocabulary(tmp_path):
    prior = make_sequence_prior(SMALL, 3, 4, tmp_path)
    with torch.no_grad():
        prior.network.lm_head.weight.zero_()
    torch.testing.assert_close(prior.cost(all_sequences()), torch.full((81,), 4 * math.log(3)))


def test_missing_weights_are_named_with_the_remedy(tmp_path):
    with pytest.raises(DataError, match="pretrained=false"):
        make_sequence_prior({**SMALL, "pretrained": True}, 3, 4, tmp_path)


def test_weights_in_the_public_format_are_read_and_get_the_codes_vocabulary(tmp_path):
    from transformers import GPT2Config, GPT2LMHeadModel

    public = GPT2LMHeadModel(
        GPT2Config(vocab_size=50, n_positions=16, n_embd=8, n_layer=1, n_head=2,
                   bos_token_id=0, eos_token_id=0)
    )  # fmt: skip
    public.save_pretrained(tmp_path / PRETRAINED)
    prior = make_sequence_prior({**SMALL, "pretrained": True}, 3, 4, tmp_path).requires_grad_(
        False
    )
    block = prior.network.transformer.h[0].mlp.c_fc.weight
    assert torch.equal(block, public.transformer.h[0].mlp.c_fc.weight)
    assert float((-prior.cost(all_sequences())).exp().sum()) == pytest.approx(1, rel=1e-5)


def test_stacked_priors_cost_what_each_costs_alone(prior, tmp_path):
    other = make_sequence_prior(SMALL, 3, 4, tmp_path)
    stack = SeedStack([prior, other])
    codes = all_sequences()[:5]
    found = stack.call("cost", codes, in_dims=(None,))
    torch.testing.assert_close(found[0], prior.cost(codes))
    torch.testing.assert_close(found[1], other.cost(codes))
    torch.testing.assert_close(stack.member(1).cost(codes), other.cost(codes))
