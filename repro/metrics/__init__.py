"""Measures of what a trained model found, in NumPy alone."""
