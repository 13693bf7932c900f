"""Watches jobs on Slurm: drive_slurm.py RESULTS JOBS.json OPTIONS.json, a summary on stdout."""

import json
import sys
from collections import Counter
from pathlib import Path

from repro.runner.paths import StorePaths
from repro.runner.progress import LineReporter
from repro.runner.protocol import decode_job
from repro.runner.slurm import run_slurm
from repro.runner.store import Store

jobs = [decode_job(json.dumps(job).encode()) for job in json.loads(Path(sys.argv[2]).read_text())]
store = Store(StorePaths(Path(sys.argv[1]), "smoke"))
summary = run_slurm(jobs, store, json.loads(sys.argv[3]), 1, LineReporter(sys.stderr))
sys.stdout.write(json.dumps({**Counter(summary.states.values()), "ok": summary.ok}))
