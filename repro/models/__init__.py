"""Models of the papers, as plain modules for one seed."""
