"""Identity: any scientific value changes it, and nothing else does."""

from typing import Any

import pytest

from repro.config.compose import compose_defaults
from repro.config.identity import canonical, identity
from repro.config.tree import Tree

TREE = Tree()


def id_of(*words: str) -> Any:
    [cell] = compose_defaults(TREE, words).cells
    return cell.id


@pytest.mark.parametrize(
    "words",
    [
        ["seeds=1-60"],
        ["model_seeds=1-3"],
        ["scale=paper"],
        ["device=cpu"],
        ["threads=2"],
        ["keep_arrays=false"],
        ["keep_arrays=[49]"],
        ["launcher.workers=2", "launcher.seeds_per_pack=1"],
        ["paths.results=/elsewhere", "paths.data=/elsewhere"],
        ["training.checkpoint_minutes=0"],
        ["fidelity=as_released"],
        ["data.layers=3.0"],
        ["training.learning_rate=1e-3"],
        ["training.learning_rate=0.0010"],
        ["training.batch_size=64.0"],
        ["model.tail_bound=3"],
        ["data.noise=0"],
        ["data.noise=-0.0"],
        ["evaluation.at=[10000,7500,5000,2500,2500]"],
        ["model.natural_parameters=softplus"],
        ["training/schedule=plateau"],
    ],
)
def test_spelling_and_surroundings_do_not_change_it(words: list[str]) -> None:
    assert id_of(*words) == id_of()


SCIENCE = [
    "data.dim=3", "data.segments=40", "data.points_per_segment=999", "data.layers=4",
    "data.prior=laplace", "data.centered=true", "data.noise=0.1", "data.spread=variance",
    "model=ivae", "model.flow_length=9", "model.bins=7", "model.tail_bound=4", "model.hidden=255",
    "model.blocks=1", "model.dropout=0", "model.lambda_hidden=[4,4]",
    "model.natural_parameters=xi_only", "model.log_pi=true",
    "training.learning_rate=0.01", "training.batch_size=8", "training.epochs=21",
    "training.max_updates=100", "training.order=reshuffle", "training/schedule=constant",
    "training/schedule=cosine", "training.schedule.factor=0.5", "training.schedule.patience=9",
    "training.log_every=50", "evaluation.at=[2500]", "evaluation.latent=mean",
    "evaluation.importance_samples=65", "fidelity=as_published", "data.held_out=0.5",
    "data.repeat_matrix=true",
    "training.perturbation=1e-7", "evaluation.held_out_samples=65",
    "evaluation.held_out_points=50", "evaluation.samples_per_segment=10",
]  # fmt: skip


def test_every_scientific_value_changes_it() -> None:
    ids = [id_of(), *(id_of(word) for word in SCIENCE)]
    assert len(set(ids)) == len(ids)


def test_every_scientific_key_is_tried_above() -> None:
    config = compose_defaults(TREE, []).cells[0].config
    keys = {f"{s}.{key}" for s in ("data", "model", "evaluation") for key in config[s]}
    keys |= {f"training.{key}" for key in config["training"]}
    fixed = {"data.name", "model.name", "training.optimiser", "training.schedule",
             "evaluation.primary"}  # fmt: skip
    assert keys - fixed == {w.partition("=")[0] for w in SCIENCE if w.count(".") and "/" not in w
                            and not w.startswith("training.schedule.")}  # fmt: skip


def test_it_is_twelve_hex_digits_and_blind_to_the_order_of_keys() -> None:
    config = compose_defaults(TREE, []).cells[0].config
    assert identity(dict(reversed(config.items()))) == identity(config)
    assert len(identity(config)) == 12
    int(identity(config), 16)


def test_canonical_json_refuses_nan() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        canonical({"x": float("nan")})
