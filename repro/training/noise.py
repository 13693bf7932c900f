"""The random inputs of training, one stream a model seed, whoever shares the pack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from repro.randomness import generator

Draw = Callable[[int, torch.Generator], Tensor | None]


class NoiseSource:
    """Draws each iteration's random input for S seeds.

    Seeds with the same model seed have, as in the published runs, the same noise: it is drawn
    once for them. `draw(batch, source)` makes one model's input, or None.
    """

    def __init__(
        self, model_seeds: Sequence[int], stream: str, draw: Draw, device: str = "cpu"
    ) -> None:
        self._draw = draw
        self._sources = {seed: generator(seed, stream) for seed in dict.fromkeys(model_seeds)}
        order = list(self._sources)
        self._member = torch.tensor([order.index(seed) for seed in model_seeds], device=device)

    def next(self, batch: int) -> tuple[Tensor | None, int | None]:
        """The next input and its seed dimension: shared by all (None) or (S, ...) along 0."""
        draws = [self._draw(batch, source) for source in self._sources.values()]
        if draws[0] is None:
            return None, None
        if len(draws) == 1:
            return self._sent(draws[0]), None
        stacked = self._sent(torch.stack([d for d in draws if d is not None]))
        return stacked[self._member], 0

    def _sent(self, draw: Tensor) -> Tensor:
        """The draw on the device; the host does not wait for its arrival."""
        if self._member.device.type == "cuda":
            draw = draw.pin_memory()
        return draw.to(self._member.device, non_blocking=True)

    def state(self) -> dict[str, Tensor]:
        """Generator states by model seed."""
        return {str(seed): source.get_state() for seed, source in self._sources.items()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Set the generators to the states of `state`."""
        for seed, source in self._sources.items():
            source.set_state(state[str(seed)])
