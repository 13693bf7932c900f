"""Settings for all tests: one thread a process, since pytest itself runs several."""

import os

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
