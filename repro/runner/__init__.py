"""Turns frozen configs into jobs, hands them to workers and keeps what they found."""
