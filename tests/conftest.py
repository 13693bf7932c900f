"""Settings for all tests: one thread a process, as pytest itself runs several; one cache.

Folders that the environment names for one's own runs are no matter to the tests.
"""

import os
from pathlib import Path

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("REPRO_CACHE", str(Path(__file__).parents[1] / ".pytest_cache" / "repro"))
for name in ("REPRO_RESULTS", "REPRO_LOCKS", "REPRO_SPILL"):
    os.environ.pop(name, None)
