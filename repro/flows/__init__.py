"""Bijections, one family a file: plain modules for one seed, safe under `torch.func.vmap`."""
