"""What the stored rows say: statistics and, built on them, the report."""
