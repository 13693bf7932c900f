"""What is done to stacked gradients before they are used: piling up, and a bound on their norm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor


class Gradients:
    """Gradients (S, ...) as a training loop prepares them for its optimiser.

    Args:
        parameters: (S, ...) by name.
        clip_norm: the largest norm of a seed's gradient over all its parameters; None: no bound.
        zero_grad: False leaves out what `optimiser.zero_grad()` does: each update's gradient is
            added to all earlier ones, as these were after clipping.
        clip_only: the bound is for the parameters alone whose name begins so, their norm alone
            counts; the others are left as they are.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        clip_norm: float | None = None,
        zero_grad: bool = True,
        clip_only: str = "",
    ) -> None:
        self.clip_norm = clip_norm
        self._chosen = [name.startswith(clip_only) for name in parameters]
        self._names = list(parameters)
        piled: Iterable[Tensor] = [] if zero_grad else parameters.values()
        self._piled = [torch.zeros_like(value, requires_grad=False) for value in piled]

    def prepared(self, fresh: Sequence[Tensor]) -> Sequence[Tensor]:
        """The gradients that the optimiser is to see after an update's own, in the same order."""
        ready = fresh
        if self._piled:
            ready = [pile.add_(one) for pile, one in zip(self._piled, fresh, strict=True)]
        if self.clip_norm is not None:
            ready = self._clipped(ready, self.clip_norm)
            for pile, one in zip(self._piled, ready, strict=bool(self._piled)):
                pile.copy_(one)
        return ready

    def _clipped(self, gradients: Sequence[Tensor], largest: float) -> list[Tensor]:
        """The gradients, those of the chosen parameters scaled down together."""
        pairs = list(zip(gradients, self._chosen, strict=True))
        scaled = iter(clipped([one for one, chosen in pairs if chosen], largest))
        return [next(scaled) if chosen else one for one, chosen in pairs]

    def state(self) -> dict[str, Tensor]:
        """Piled gradients (S, ...), for a checkpoint; nothing where none pile up."""
        return dict(zip(self._names, self._piled, strict=False))

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take the gradients of `state`, in place."""
        for name, value in self.state().items():
            value.copy_(state[name])


def clipped(gradients: Sequence[Tensor], largest: float) -> list[Tensor]:
    """Gradients (S, ...), each seed's scaled down to the norm `largest` where it is greater.

    Source: Pascanu et al. 2013, algorithm 1, as in torch.nn.utils.clip_grad_norm_.
    """
    squares = [gradient.reshape(len(gradient), -1).square().sum(dim=1) for gradient in gradients]
    norms = torch.stack(squares).sum(dim=0).sqrt()
    scale = (largest / (norms + 1e-6)).clamp(max=1.0)
    return [g * scale.view(-1, *[1] * (g.dim() - 1)) for g in gradients]
