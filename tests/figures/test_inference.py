"""The gaps of approximate posteriors add up, and have intervals over images and over seeds."""

import numpy as np
import pytest

from repro.figures.inference import gap_table, per_image
from repro.report.statistics import mean_interval

LOG_P = np.array([[-80.0, -90.0, -100.0], [-81.0, -92.0, -103.0]])  # (model seeds, images)
LOST = {"local_gaussian": 1.0, "local_flow": 0.5, "amortised_joint": 3.0, "amortised_8": 5.0}
SCALE = np.array([[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]])
ARRAYS = [
    {"log_p": log_p, "chosen": np.arange(2), "map_exact": np.zeros((2, 4, 4))}
    | {name: log_p - lost * scale for name, lost in LOST.items()}
    for log_p, scale in zip(LOG_P, SCALE, strict=True)
]


@pytest.mark.parametrize(("encoder", "amortisation"), [("joint", 2.0), ("8", 4.0)])
def test_the_inference_gap_is_approximation_plus_amortisation(encoder, amortisation):
    gaps = per_image(ARRAYS)
    assert gaps[encoder]["approximation"] == pytest.approx(SCALE)
    assert gaps[encoder]["amortisation"] == pytest.approx(amortisation * SCALE)
    assert gaps[encoder]["inference"] == pytest.approx((1 + amortisation) * SCALE)
    assert gaps["flow"] == {"approximation": pytest.approx(0.5 * SCALE)}


def test_a_line_has_its_intervals_over_images_and_over_seeds():
    lines = {line[:2]: line[2:] for line in gap_table(ARRAYS).rows}
    images, seeds = mean_interval(SCALE.mean(axis=0)), mean_interval(SCALE.mean(axis=1))
    mean, over_images, over_seeds, *counts, share = lines["trained jointly", "approximation"]
    assert mean == pytest.approx(2.5)
    assert over_images == pytest.approx((images.low, images.high))
    assert over_seeds == pytest.approx((seeds.low, seeds.high))
    assert counts == [3, 2]
    assert share == pytest.approx(1 / 3)
