"""Reproduces papers on normalizing flows and identifiable models, from config to verdict."""

__version__ = "0.1.0"
