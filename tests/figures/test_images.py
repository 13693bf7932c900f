"""Tables and pictures of image densities, from rows that are made up."""

import numpy as np
import pandas as pd
import pytest

from repro.errors import MissingResult
from repro.figures import iflow_mnist, nvf_images, nvf_latents
from repro.figures.image_sheets import GAP, PAPER, above, mosaic
from repro.figures.material import Material, save_products
from repro.figures.published import load_published

PUBLISHED = "conf/published"


def nvf_row(bits_per_dim=1.5, without=1.3, seed=1, status="done", **settings):
    data = {"dataset": "mnist", "bits": 8, "pictures": "plain", "noise": "uniform"}
    model = {"name": "nvf_image", "likelihood": "flow", "latent": "sequential"}
    for name, value in settings.items():
        (data if name in data else model)[name] = value
    metrics = {
        "bits_per_dim": bits_per_dim, "bits_per_dim_se": 0.01, "without_latent": without,
        "latent_bits_per_dim": bits_per_dim - without, "uniform_prior_bits_per_dim": 0.25,
        "values": 784, "frechet": 12.0, "frechet_floor": 0.5, "frechet_samples": 2000,
        "frechet_reconstructions": 3.0, "latent_nats": 40.0, "classifier_accuracy": 0.98,
    }  # fmt: skip
    return {
        "task": "nvf_image", "id": "0", "data_seed": 1, "model_seed": seed, "status": status,
        "metrics": metrics if status == "done" else {"diverged_at": 3}, "arrays": "some.npz",
        "config": {"data": data, "model": model,
                   "evaluation": {"features": "classifier", "temperature": 0.7, "sheet": 40}},
    }  # fmt: skip


def arrays(row):
    del row
    grey = np.arange(40 * 64, dtype=np.uint8).reshape(40, 1, 8, 8)
    lines = np.zeros((45, 1, 8, 8), dtype=np.uint8)
    return {
        "samples": grey, "cooler": grey, "interpolations": lines, "morphs": lines,
        "real": grey[:20], "reconstructions": grey[:20],
    }  # fmt: skip


@pytest.fixture(scope="module")
def published():
    return load_published(PUBLISHED)


def cells(table):
    keys = [column.key for column in table.columns]
    return pd.DataFrame([dict(zip(keys, row, strict=True)) for row in table.rows])


def test_table_3_has_published_and_ours_side_by_side(published):
    rows = [nvf_row(), nvf_row(1.7, 1.7, latent="none"), nvf_row(1.6, 1.4, seed=2)]
    found = cells(nvf_images.table_3(rows, published))
    nvf = found[(found["dataset"] == "MNIST") & (found["model"] == "nvf")].iloc[0]
    assert nvf["published"] == 0.78
    assert nvf["ours"] == (pytest.approx(1.55), pytest.approx(0.0707, abs=1e-3))
    assert (nvf["without_latent"], nvf["n"]) == (pytest.approx(1.35), 2)
    flow = found[found["model"] == "flow_ours"].iloc[0]
    assert pd.isna(flow["published"])
    assert flow["ours"][0] == 1.7
    imagenet = found[found["dataset"] == "ImageNet64"]
    assert len(imagenet) == 9
    affine = imagenet[imagenet["model"] == "affine"].iloc[0]
    assert affine["published"] == 3.91
    assert imagenet["ours"].isna().all()


def test_each_correction_is_a_number(published):
    released = {"bits": 5, "pictures": "released"}
    rows = [
        nvf_row(0.9, 0.8, noise="none", **released),
        nvf_row(1.2, 1.1, **released),
        nvf_row(2.2, 2.0, bits=5),
        nvf_row(3.3, 3.0),
    ]
    found = cells(nvf_images.table_corrections(rows, published))
    assert found["without"].tolist() == [0.8, 1.1, 2.0, 3.0]
    assert found["change"].tolist()[1:] == pytest.approx([0.3, 0.9, 1.0])
    assert found["latent"].tolist() == pytest.approx([0.1, 0.1, 0.2, 0.3])


def test_what_the_released_codes_could_cost_is_told(published):
    notes = nvf_images.table_corrections([nvf_row()], published).notes
    [told] = [note for note in notes if "released 256 codes" in note]
    assert "at most 0.333 bits" in told
    assert "1.37 on CIFAR-10 of 5 bits would be 1.70 (NSF: 1.70)" in told
    assert "2.98 on CIFAR-10 of 8 bits would be 3.31 (Flow++: 3.08)" in told


def test_a_setting_alone_is_no_correction(published):
    rows = [nvf_row(3.3, 3.0, dataset="fashion-mnist"), nvf_row(), nvf_row(bits=5)]
    assert set(cells(nvf_images.table_corrections(rows, published))["dataset"]) == {"MNIST"}
    assert nvf_images.table_corrections(rows[:1], published).rows == ()


def test_names_that_would_overlap_share_a_line():
    named = {"Glow": 1.05, "RealNVP": 1.06, "NVF": 0.78}
    assert nvf_images._labels(named, [0.78, 1.06]) == [
        (0.78, "NVF"),
        (pytest.approx(1.055), "RealNVP, Glow"),
    ]
    assert len(nvf_images._labels(named, [1.0, 1.06])) == 3


def test_long_lists_of_names_stay_on_the_page(published):
    rows = [nvf_row(dataset="cifar-10", bits=8)]
    figure = nvf_images.figure_3(rows, published)
    figure.draw_without_rendering()
    ends = [text.get_window_extent().x1 for ax in figure.axes for text in ax.texts]
    assert max(ends) <= figure.bbox.x1


def test_table_4_shows_every_latent_of_both_likelihoods(published):
    rows = [nvf_row(latent="continuous", likelihood="gaussian"), nvf_row()]
    table = nvf_latents.table_4(rows, published)
    found = cells(table)
    assert found["published"].tolist() == [47.82, 126.27, 31.57, 18.85, 68.34, 16.23]
    assert found["n"].tolist() == [1, 0, 0, 0, 0, 1]
    assert any("small classifier" in note for note in table.notes)


def test_diverged_runs_are_counted_and_in_no_mean(published):
    rows = [nvf_row(), nvf_row(seed=2, status="diverged")]
    table = nvf_images.table_3(rows, published)
    assert any("1 of 2 runs diverged" in note for note in table.notes)
    found = cells(table)
    assert found[(found["dataset"] == "MNIST") & (found["model"] == "nvf")].iloc[0]["n"] == 1


@pytest.mark.parametrize(
    ("draw", "task", "names"),
    [
        (iflow_mnist.draw_iflow_mnist, "iflow_image", {"figure_samples", "figure_interpolations"}),
        (nvf_images.draw_nvf_images, "nvf_image", {"figure_table_3", "figure_samples"}),
        (nvf_latents.draw_nvf_latents, "nvf_image", {"figure_table_4", "figure_6", "figure_7"}),
    ],
)
def test_everything_is_drawn_also_without_arrays(draw, task, names, published, tmp_path):
    rows = [nvf_row() | {"task": task}, nvf_row(latent="none") | {"task": task, "arrays": None}]
    for row in rows:
        row["metrics"] |= {
            "class_agreement": 0.9, "class_agreement_cooler": 0.95, "class_by_density": 0.8,
            "frechet_cooler": 9.0, "cdf_error": 1e-15,
    }  # fmt: skip
    paths = save_products(draw(Material(rows, arrays, published, ["A note."])), tmp_path)
    assert names <= {path.stem for path in paths}
    assert all(path.stat().st_size > 0 for path in paths)


@pytest.mark.parametrize(
    "draw",
    [iflow_mnist.draw_iflow_mnist, nvf_images.draw_nvf_images, nvf_latents.draw_nvf_latents],
)
def test_no_rows_name_the_command_that_makes_them(draw, published, tmp_path):
    with pytest.raises(MissingResult, match="repro run experiment="):
        save_products(draw(Material([], arrays, published)), tmp_path)


def test_a_mosaic_lays_images_out_in_rows():
    images = np.stack([np.full((1, 3, 4), shade, dtype=np.uint8) for shade in (10, 20, 30)])
    page = mosaic(images, 2)
    assert page.shape == (6 + GAP, 8 + GAP, 3)
    assert (page[0, 0, 0], page[0, 4 + GAP, 1], page[3 + GAP, 0, 2]) == (10, 20, 30)
    assert (page[3], page[-1, -1, 0]) == (pytest.approx(PAPER), PAPER)


def test_reconstructions_stand_under_their_images():
    one, two = (np.full((4, 1, 1, 1), shade, dtype=np.uint8) for shade in (1, 2))
    assert above(one, two, 2).flatten().tolist() == [1, 1, 2, 2, 1, 1, 2, 2]
