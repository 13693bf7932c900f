"""Tabular density benchmarks with the preprocessing of the MAF paper, known faults included."""
