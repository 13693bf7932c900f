"""The kinds of job: each module turns a frozen config and seeds into outcomes."""
