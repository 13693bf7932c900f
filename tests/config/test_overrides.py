"""Overrides: Hydra's grammar, checked names, and what counts as a sweep."""

from typing import Any

import pytest

from repro.config.overrides import Vocabulary, parse_words
from repro.config.tree import Tree
from repro.errors import ConfigError


@pytest.fixture(scope="module")
def vocabulary() -> Any:
    return Tree().vocabulary


def setting(vocabulary: Vocabulary, word: str) -> Any:
    [(key, value)] = parse_words([word])
    found = vocabulary.setting(key, value)
    return found.key, found.values


@pytest.mark.parametrize(
    ("word", "key", "values"),
    [
        ("data.layers=3", "data.layers", (3,)),
        ("layers=3", "data.layers", (3,)),
        ("layers=3,4", "data.layers", (3, 4)),
        ("layers=[3,4]", "data.layers", (3, 4)),
        ("data.layers=range(3,6)", "data.layers", (3, 4, 5)),
        ("data.layers=choice(3,5)", "data.layers", (3, 5)),
        ("model=iflow,ivae", "model", ("iflow", "ivae")),
        ("model=[iflow,ivae]", "model", ("iflow", "ivae")),
        ("training/schedule=glob(c*)", "training/schedule", ("constant", "cosine")),
        ("scale=glob([q*,p*],exclude=quick)", "scale", ("paper",)),
        ("scale=glob(*)", "scale", ("smoke", "quick", "reduced", "paper")),
        ("scale=smoke,smoke", "scale", ("smoke",)),
        ("experiment=mcc_sweep,mcc_sweep", "experiment", ("mcc_sweep",)),
        ("training/schedule=cosine", "training/schedule", ("cosine",)),
        ("training.schedule=cosine", "training/schedule", ("cosine",)),
        ("evaluation.at=[1,2]", "evaluation.at", ([1, 2],)),
        ("evaluation.at=[1],[2]", "evaluation.at", ([1], [2])),
        ("model.lambda_hidden=[40,30]", "model.lambda_hidden", ([40, 30],)),
        ("model.lambda_hidden=null", "model.lambda_hidden", (None,)),
        ("seeds=1-4,7", "seeds", (["1-4", 7],)),
        ("seeds=[1,2,49]", "seeds", ([1, 2, 49],)),
        ("keep_arrays=[49,1-4]", "keep_arrays", ([49, "1-4"],)),
        ("keep_arrays=1-4,49", "keep_arrays", (["1-4", 49],)),
        ("keep_arrays=false", "keep_arrays", (False,)),
        ("training.learning_rate=1e-3", "training.learning_rate", (0.001,)),
        ("launcher.gpus=0,2", "launcher.gpus", ([0, 2],)),
        ("launcher.gpus=2", "launcher.gpus", ([2],)),
        ("launcher.gpus=[0,2]", "launcher.gpus", ([0, 2],)),
        ("launcher.gpus=null", "launcher.gpus", (None,)),
        ("paths.results='a b'", "paths.results", ("a b",)),
        ("paths.results=/a b/é (1),2=ü", "paths.results", ("/a b/é (1),2=ü",)),
        ("paths.results=2026", "paths.results", ("2026",)),
        ("paths.locks=null", "paths.locks", (None,)),
    ],
)
def test_words_are_read_as_hydra_reads_them(
    vocabulary: Vocabulary, word: str, key: str, values: Any
) -> None:
    assert setting(vocabulary, word) == (key, values)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("training.batchsize=3", "nearest valid name is training.batch_size"),
        ("layer=3", "nearest valid name is layers"),
        ("seed=3", "nearest valid name is seeds"),
        ("experimnt=x", "nearest valid name is experiment"),
        ("training.schedul.factor=1", "nearest valid name is training.schedule.factor"),
        ("lancher.workers=2", "nearest valid name is launcher.workers"),
        ("experiment=identifiabilty_2d", "nearest valid name is experiment=identifiability_2d"),
        ("model=iflw", "nearest valid name is model=iflow"),
        ("training/schedule=plato", "nearest valid name is training/schedule=plateau"),
        ("model.name=ivae", "|iflow|"),
        ("hydra.run.dir=x", "is not a key"),
        ("title=x", "is not a key"),
        ("~data.dim", "cannot be removed"),
        ("data.dim", "write KEY=VALUE"),
        ("=3", "write KEY=VALUE"),
        ("data.dim={", "write KEY=VALUE"),
        ("model@other=iflow", "packages"),
        ("data.dim=interval(1,2)", "interval"),
        ("data.dim=[]", "has no value"),
        ("data.dim=", "data.dim has no value; write data.dim=VALUE"),
        ("arm=", "arm has no value; write arm=VALUE"),
        ("1-60", "write KEY=VALUE without blanks"),
        ("arm=glob(hid*)", "write arm=NAME"),
        ("scale=glob(zz*)", "scale=glob(zz*) matches none of smoke, quick"),
        ("experiment=glob([zz*],exclude=[y*])", "=glob([zz*],exclude=[y*]) matches none of"),
        ("training/schedule=glob(zz*)", "matches none of"),
        ("data.dim=glob(2*)", "data.dim takes no glob"),
        ("seeds=glob(1*)", "seeds takes no glob"),
        ("device=cpu,cuda", "takes one value"),
        ("launcher.workers=1,2", "takes one value"),
        ("training.checkpoint_minutes=1,2", "takes one value"),
    ],
)
def test_what_cannot_be_meant_is_refused(vocabulary: Vocabulary, word: str, hint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        setting(vocabulary, word)
    assert hint in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_glob_over_experiments_leaves_all_out(vocabulary: Vocabulary) -> None:
    _, names = setting(vocabulary, "experiment=glob(a*)")
    assert names
    assert "all" not in names


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("experiment", "write experiment=VALUE without blanks"),
        ("layers", "write layers=VALUE without blanks"),
        ("=", "write KEY=VALUE without blanks"),
        ("gin_source", "write experiment=gin_sources"),
        ("papr", "write scale=paper"),
        ("~seeds", "give it a value instead: seeds=VALUE"),
    ],
)
def test_a_word_that_stands_alone_is_refused_as_it_has_to_be_written(
    vocabulary: Vocabulary, word: str, hint: str
) -> None:
    with pytest.raises(ConfigError, match=hint):
        vocabulary.refuse_bare(word)


def test_every_shorthand_names_a_key(vocabulary: Vocabulary) -> None:
    assert vocabulary.shorthands
    for short, key in vocabulary.shorthands.items():
        assert key in vocabulary.keys, short
