"""Figures and tables, drawn from stored rows and published numbers alone."""
