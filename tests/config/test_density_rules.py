"""What the density experiments refuse before anything runs, and as what they are released."""

from __future__ import annotations

import pytest

from repro.config.compose import compose_all
from repro.errors import ConfigError


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["experiment=nvf_toy", "model.slope_limit=2"], "use null elsewhere"),
        (["experiment=nvf_toy", "arm=nvf", "model.match=discrete"], "use model.match=none"),
        (["experiment=nvf_toy", "training.batch_size=2000"], "nearest valid value is 1024"),
        (["experiment=nvf_toy", "evaluation.every=5000"], "nearest valid value is 1000"),
        (["experiment=nvf_jacobian", "model.flow=spline_coupling"], "spline_autoregressive"),
        (["experiment=nvf_toy", "model.latent=discret"], "discrete"),
        (["experiment=nvf_times", "data=moons"], "standard_normal"),
        (
            ["experiment=convolution_density", "arm=affine", "model.boundary=symmetric"],
            "set model.transformer=convolution",
        ),
        (["experiment=convolution_density", "arm=stack", "model.boundary=mirror"], "symmetric"),
        (["experiment=tabular_gaussian", "data=moons"], "has no use for data=moons"),
    ],
)
def test_wrong_values_are_refused_with_a_remedy(words: list[str], remedy: str) -> None:
    with pytest.raises(ConfigError, match=remedy):
        compose_all([*words, "scale=paper"])


def test_the_released_behaviour_is_three_words_away() -> None:
    words = ["training.zero_grad=false", "evaluation.rows=10", "evaluation.dropout=true"]
    base = ["experiment=nvf_tabular", "scale=reduced", "data=power_half_year", "arm=nvf_ar"]
    [[kept], [released]] = (one.cells for one in compose_all(base) + compose_all([*base, *words]))
    assert kept.id != released.id
    assert released.config["training"]["zero_grad"] is False
    assert released.config["evaluation"]["rows"] == 10
    assert released.config["evaluation"]["dropout"] is True


def test_a_published_data_set_has_nsfs_settings_at_paper_scale_alone() -> None:
    [composition] = compose_all(["experiment=nvf_miniboone", "scale=paper"])
    by_arm = {cell.arm: cell.config for cell in composition.cells}
    assert by_arm["nsf_c"]["model"]["hidden"] == 32
    assert by_arm["nsf_c"]["training"]["updates"] == 200_000
    assert by_arm["nvf_ar"]["model"]["hidden"] == 64
    assert by_arm["nvf_ar"]["training"]["updates"] == 250_000
    assert by_arm["nvf_ar_released"]["evaluation"]["rows"] == 10
    names = ("nvf_miniboone", "nvf_tabular")
    quick = [compose_all([f"experiment={name}", "scale=quick"]) for name in names]
    ids = [{cell.id for cell in composition.cells} for [composition] in quick]
    assert ids[0] == ids[1]
