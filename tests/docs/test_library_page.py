"""The page on flows and models on data of one's own: its code runs as it stands."""

import math
import re
from pathlib import Path

import torch

PAGE = Path(__file__).parents[2] / "docs" / "as-a-library.md"


def test_the_code_of_the_page_runs_and_fits():
    flow, model = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), flags=re.M | re.S)
    found = {}
    exec(flow, found)
    assert found["samples"].shape == (500, 2)
    assert found["loss"].item() < 2.6  # a standard normal gives about 6
    found = {}
    exec(model, found)
    assert found["latents"].shape == (1000, 2)
    assert math.isfinite(found["loss"].item())
    assert torch.isfinite(found["latents"]).all()
