"""Statistics: intervals, tests, effect sizes and sample sizes, of numbers by seed."""
