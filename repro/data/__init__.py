"""Data sets: synthetic sources with known truth, and public files held to their checksums."""
