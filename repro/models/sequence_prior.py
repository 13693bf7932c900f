"""A GPT-2 prior over sequences of codes: their cost in nats, and new sequences."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from repro.errors import DataError

PRETRAINED = "gpt2"  # the folder below the data root that holds the public 124M weights


class SequencePrior(nn.Module):
    """p(codes) as a transformer: each of L codes of V values given those before it.

    Source: Dong et al. 2022 (NVF), appendix: GPT-2 over the codes; Radford et al. 2019 (GPT-2), in
    the implementation of the transformers library.
    """

    noise_stream = "noise"

    def __init__(self, network: nn.Module, vocabulary: int, length: int) -> None:
        super().__init__()
        self.network, self.vocabulary, self.length = network, vocabulary, length

    def draw_noise(self, batch: int, source: torch.Generator) -> None:
        """Training takes no random input: there is no dropout."""

    def forward(self, codes: Tensor, noise: Tensor | None = None) -> Tensor:
        """Mean cost of codes (B, L) in nats per code, a scalar."""
        return self.cost(codes).mean() / self.length

    def cost(self, codes: Tensor) -> Tensor:
        """Minus log p(codes) (B,) in nats, of codes (B, L)."""
        codes = codes.long()
        start = torch.full_like(codes[:, :1], self.vocabulary)
        log_p = self._log_probabilities(torch.cat((start, codes[:, :-1]), dim=1))
        return -log_p.gather(2, codes[..., None]).squeeze(-1).sum(dim=1)

    def sample(self, uniforms: Tensor) -> Tensor:
        """New codes (B, L), each the quantile of a uniform (B, L) in its own distribution."""
        from transformers import DynamicCache

        last = uniforms.new_full((len(uniforms), 1), self.vocabulary, dtype=torch.long)
        codes, cache = [], DynamicCache()  # what the layers keep of the codes so far
        for place in range(self.length):
            seen = self.network(last, cache, use_cache=True)  # the cache by place: it was renamed
            shares = seen.logits[:, -1, : self.vocabulary].softmax(dim=-1).cumsum(dim=-1)
            drawn = (shares < uniforms[:, place, None]).sum(dim=-1, keepdim=True)
            last = drawn.clamp(max=self.vocabulary - 1)
            codes.append(last)
        return torch.cat(codes, dim=1)

    def _log_probabilities(self, codes: Tensor) -> Tensor:
        """Log p (B, L, V) of the code after each of codes (B, L); the start symbol is no code."""
        logits = self.network(input_ids=codes, use_cache=False).logits
        return torch.log_softmax(logits[..., : self.vocabulary], dim=-1)


def make_sequence_prior(
    config: Mapping[str, Any], vocabulary: int, length: int, data_root: Path
) -> SequencePrior:
    """A prior for L codes of V values: small and untrained, or from the public 124M weights.

    Raises:
        DataError: if `pretrained` asks for weights that are not below the data root.
    """
    from transformers import GPT2Config, GPT2LMHeadModel

    if config["pretrained"]:
        network = _pretrained(data_root / PRETRAINED, vocabulary)
    else:
        network = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=vocabulary + 1,
                n_positions=length + 1,
                n_embd=config["width"],
                n_layer=config["layers"],
                n_head=config["heads"],
                resid_pdrop=0.0,
                embd_pdrop=0.0,
                attn_pdrop=0.0,
                bos_token_id=vocabulary,
                eos_token_id=vocabulary,
                attn_implementation="eager",  # the one that vmap can stack
            )
        )
    return SequencePrior(_untied(network), vocabulary, length)


def _untied(network: Any) -> nn.Module:  # noqa: ANN401 - a model of the transformers library
    """The network with an output layer of its own, which starts equal to the embeddings.

    A parameter with two names cannot be stacked.
    """
    network.config.tie_word_embeddings = False
    network.lm_head.weight = nn.Parameter(network.lm_head.weight.detach().clone())
    return network


def require_pretrained(data_root: Path) -> None:
    """Refuse to go on without the public weights below the data root.

    Raises:
        DataError: if they are not there.
    """
    folder = data_root / PRETRAINED
    if not (folder / "config.json").is_file() or not (folder / "model.safetensors").is_file():
        raise DataError(
            f"no GPT-2 weights in {folder}; put config.json and model.safetensors of the public "
            "124M model there, or set model.prior_pretrained=false"
        )


def _pretrained(folder: Path, vocabulary: int) -> Any:  # noqa: ANN401 - as above
    from transformers import GPT2LMHeadModel

    require_pretrained(folder.parent)
    network = GPT2LMHeadModel.from_pretrained(
        folder,
        local_files_only=True,
        attn_implementation="eager",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    )
    network.resize_token_embeddings(vocabulary + 1, mean_resizing=False)
    return network
