"""Figures of the audit: what each choice is worth, from the arms of the audit experiments."""
