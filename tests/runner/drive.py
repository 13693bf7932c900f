"""Runs jobs as a launcher of its own: drive.py RESULTS JOBS.json WORKERS, a summary on stdout."""

import json
import sys
from collections import Counter
from pathlib import Path

from repro.runner.launch import LocalOptions
from repro.runner.local import run_local
from repro.runner.paths import StorePaths
from repro.runner.progress import LineReporter
from repro.runner.protocol import decode_job
from repro.runner.store import Store

jobs = [decode_job(json.dumps(job).encode()) for job in json.loads(Path(sys.argv[2]).read_text())]
store = Store(StorePaths(Path(sys.argv[1]), "smoke"))
summary = run_local(jobs, store, LocalOptions(workers=int(sys.argv[3])), LineReporter(sys.stderr))
sys.stdout.write(json.dumps({**Counter(summary.states.values()), "ok": summary.ok}))
sys.exit(0 if summary.ok else 1)
