"""loo: leave-one-out cross-validation of many samples in little memory."""

from statistics import median
from typing import Any

import numpy as np

from benchmarks.facts import missing
from benchmarks.peers.loo import ARVIZ, BAYESGLM, SOLVERS
from benchmarks.race import Row
from benchmarks.verdict import ours, verdict
from benchmarks.work import Array, Spec
from benchmarks.worker import Worker

WORK = (
    "PSIS-LOO of a logistic and of a Poisson regression from 4,000 draws, n=50,000, p=20. The same "
    "draws of the same posterior for both, made before the clock starts, and for ArviZ the log "
    "likelihood of every draw and sample (1.6 GB) too. The gap is the largest difference of any "
    "sample's elpd from ArviZ's. Peak memory is that of the process: Python, libraries, data and "
    "drawing the posterior included."
)
_LIMIT_S = 600.0
_RUNS = 3
_MOST_MB = 500
_SAME = 1e-8


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Score both families."""
    n = 5000 if quick else 50_000
    contests = []
    for family in ("bernoulli", "poisson"):
        rows, scores = _score(Spec("dense", family, n, 20))
        peak, mine, theirs = ours(rows).get("peak_mb"), scores.get(BAYESGLM.name), None
        light = verdict(
            f"peak memory under {_MOST_MB} MB",
            f"{peak or 'unknown'} MB",
            bool(peak and peak < _MOST_MB),
        )
        theirs = scores.get(ARVIZ.name)
        if mine is None or theirs is None:
            same = verdict("the same elpd as ArviZ", "not to be compared", None)
        else:
            gap = float(np.max(np.abs(mine - theirs)))
            ours(rows)["gap"] = gap
            figure = f"{mine.sum():.6f} against {theirs.sum():.6f}"
            same = verdict("the same elpd as ArviZ, sample by sample", figure, gap < _SAME)
        title = f"{family}, n={n:,}, 4,000 draws"
        contests.append({"title": title, "rows": rows, "verdicts": [light, same]})
    return contests, []


def _score(spec: Spec) -> tuple[list[Row], dict[str, Array]]:
    """Return a row for each way, and the elpd of every sample by it."""
    rows, scores, workers = [], {}, {}
    for solver in SOLVERS:
        if not missing(solver.needs):
            workers[solver.name] = Worker(solver, spec)
    replies = [
        {name: worker.fit({}, _LIMIT_S) for name, worker in workers.items()} for _ in range(_RUNS)
    ]
    for solver in SOLVERS:
        name = solver.name
        own = [one[name] for one in replies if name in one]
        if not own or own[-1].fault:
            status = f"failed: {own[-1].fault}" if own else "not installed"
            rows.append({"solver": name, "status": status})
            continue
        seconds, scores[name] = [one.seconds for one in own], own[-1].found.elpd_i
        rows.append(
            {
                "solver": name,
                "status": "timed",
                "seconds": seconds,
                "median_s": median(seconds),
                "peak_mb": round(max(one.peak_mb for one in own)),
            }
        )
    for worker in workers.values():
        worker.stop()
    return rows, scores
