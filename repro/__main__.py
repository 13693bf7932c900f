"""Lets `python -m repro` be `repro`."""

import sys

from repro.cli import main

if __name__ == "__main__":
    sys.exit(main())
