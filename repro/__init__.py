"""Reproduces papers on normalizing flows and identifiable models, from config to verdict."""

import os

# Matrix products must round the same wherever their operands stand in memory: a seed's result may
# not depend on its place in a stack. MKL promises that in this mode, at no measurable cost.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")

__version__ = "0.1.0"
