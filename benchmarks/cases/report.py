"""report: what a user waits for between fits and a page that others read."""

import json
import subprocess
import sys
from statistics import median
from typing import Any

from benchmarks.jobs.every import JOBS
from benchmarks.jobs.job import Job
from benchmarks.race import OURS, Row
from benchmarks.verdict import verdict

WORK = (
    "Fits of 4,000 draws are made first, and are not timed. Reports: `report(fits, 'r.html')` with "
    "its defaults, leave-one-out scores included: four fits of the demo's recording (10,000 bins "
    "of 1 ms), two models of a table of 2,000 rows and 8 columns, 4 of them text, and one model of "
    "20 units x 30,000 bins. Effects: averages over the rows of a logistic regression on 100,000 x "
    "6, 2 of them text, by `predictions`, `comparisons` and `slopes`. Projections: `project(fit)` "
    "of 40 correlated terms of 1,000 rows, of which 5 are in the data, with and without a search "
    "in each of 10 folds; a true term that is not among the first five is missed. A fresh process "
    "each time, whose imports of pictures are included; peak memory is that of the process, making "
    "the fits included."
)
_RUNS = 3


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Time each job in processes of its own."""
    return [_contest(name, job, quick) for name, job in JOBS.items()], []


def _contest(name: str, job: Job, quick: bool) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.jobs.every", name, *(["quick"] if quick else [])]
    done = []
    for _ in range(1 if quick else _RUNS):
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        done.append(json.loads(told.splitlines()[-1]))
        print(f"  {name}: {done[-1]['seconds']:.3g} s", flush=True)
    seconds = [one["seconds"] for one in done]
    row: Row = {
        "solver": OURS,
        "status": "timed",
        "seconds": seconds,
        "median_s": median(seconds),
        "cpu_s": median(one["cpu_s"] for one in done),
        "peak_mb": round(max(one["peak_mb"] for one in done)),
    }
    verdicts = [
        verdict(f"under {job.most_s:g} s", f"{row['median_s']:.3g} s", row["median_s"] < job.most_s)
    ]
    for figure, most in job.most.items():
        worst = max(one[figure] for one in done)
        verdicts.append(verdict(f"{figure} under {most:g}", f"{worst:.3g}", worst < most))
    return {"title": job.title, "rows": [row], "verdicts": verdicts}
