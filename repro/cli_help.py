"""What `--help` says beneath the verbs: the words that each takes, and examples."""

from __future__ import annotations

EPILOG = """\
overrides are Hydra's: KEY=VALUE, GROUP=NAME, and KEY=A,B or KEY=[A,B] for a sweep
  experiment=NAME|all    which paper artefact (files in conf/experiment)
  scale=quick            smoke | quick | reduced | paper
  seeds=1-60             data seeds; also [1,2,49], 7 or 1-4,7; model_seeds likewise
  layers=3,4             short for data.layers=3,4
  arm=NAME,NAME          some of an experiment's arms
  fidelity=as_published  what the papers say instead of what their code does
  launcher.workers=2 device=cpu paths.results=DIR

examples
  repro plan                                     what is done, and how long the rest takes
  repro run experiment=identifiability_2d        make what is missing
  repro run experiment=identifiability_2d scale=paper layers=[3,4,5]
  repro figures experiment=identifiability_2d    draw from what is stored
  repro report                                   every claim's verdict with its evidence, a page
  repro config experiment=identifiability_2d fidelity=as_published
  repro data generate sources data_seed=49 data.dim=5 data.segments=40 out=FILE.npz
"""

REPORT_EPILOG = """\
a report is about everything that is stored, so it takes no experiment and no seeds
  scale=quick            the rows and figures of this scale alone; else each claim's own scales
  paths.results=DIR      another results folder

examples
  repro report                                   every claim's verdict with its evidence, a page
  repro report scale=smoke                       in the scale's own folder
  repro report --readme                          the tables of README.md and docs/paper-and-code.md
"""

VERIFY_EPILOG = """\
these words choose among the stored rows; a cheap one of them is drawn
  id=ID                  of this config; see --all-ids
  scale=quick            smoke | quick | reduced | paper
  seeds=7 model_seeds=1  of these data seeds, of these model seeds
  draw=3                 another draw

a row says itself what is run; overrides say how and where
  device=cpu threads=1 launcher.workers=2 paths.results=DIR paths.data=DIR

examples
  repro verify                                   a cheap row, drawn
  repro verify --all-ids                         what can be verified
  repro verify id=ID seeds=7                     this one
"""

EPILOGS = {"report": REPORT_EPILOG, "verify": VERIFY_EPILOG}
