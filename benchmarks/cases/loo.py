"""loo: leave-one-out cross-validation of many samples in little memory."""

from statistics import median
from typing import Any

import numpy as np

from benchmarks.facts import missing
from benchmarks.peers.loo import ARVIZ, BAYESGLM, LARGE, SOLVERS, SUBSAMPLED
from benchmarks.race import Row
from benchmarks.verdict import ours, verdict
from benchmarks.work import Array, Spec
from benchmarks.worker import Reply, Worker

WORK = (
    "PSIS-LOO of a logistic and of a Poisson regression from 4,000 draws, n=50,000, p=20. The same "
    "draws of the same posterior for both, made before the clock starts, and for ArviZ the log "
    "likelihood of every draw and sample (1.6 GB) too. The gap is the largest difference of any "
    "sample's elpd from ArviZ's. Peak memory is that of the process: Python, libraries, data and "
    "drawing the posterior included. And of spikes in 1,200,000 bins, with 30 lags of a stimulus "
    "and 50 of the response's own past, from 4,000 draws: all samples, and 1,000 of them."
)
_LIMIT_S = 600.0
_RUNS = 3
_MOST_MB = 500
_SAME = 1e-8
_MOST_LARGE_MB, _MOST_LARGE_S, _MOST_SOME_S = 1000, 90, 3
_ERRORS = 4  # standard errors of the drawing of few, within which they tell the score of all


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
    return [*contests, _large(quick)], []


def _large(quick: bool) -> dict[str, Any]:
    """Score a long recording, all of its samples once and some of them."""
    spec = Spec("lags", "poisson", 120_000 if quick else 1_200_000, 30, 50)
    rows, found = [], {}
    for solver, n_runs in ((LARGE, 1), (SUBSAMPLED, _RUNS)):
        worker = Worker(solver, spec)
        replies = [worker.fit({}, _LIMIT_S) for _ in range(n_runs)]
        worker.stop()
        if replies[-1].fault:
            rows.append({"solver": solver.name, "status": f"failed: {replies[-1].fault}"})
            continue
        found[solver.name] = replies[-1].found
        rows.append(_timed(solver.name, replies) | {"cpu_s": median(r.cpu_s for r in replies)})
    verdicts = [
        _under(f"all samples in under {_MOST_LARGE_S} s", rows[0], "median_s", _MOST_LARGE_S, "s"),
        _under(f"peak memory under {_MOST_LARGE_MB} MB", rows[0], "peak_mb", _MOST_LARGE_MB, "MB"),
        _under(f"some in under {_MOST_SOME_S} s", rows[1], "median_s", _MOST_SOME_S, "s"),
    ]
    if len(found) == len(rows):
        whole, some = found[LARGE.name].elpd, found[SUBSAMPLED.name]
        told = verdict(
            f"some tell the score of all, within {_ERRORS} errors",
            f"{some.elpd:.3f} +- {some.error:.3f} against {whole:.3f}",
            abs(some.elpd - whole) < _ERRORS * some.error,
        )
        verdicts.append(told)
    title = f"poisson, {spec.n:,} bins, {spec.p} + {spec.many} lags, 4,000 draws"
    return {"title": title, "rows": rows, "verdicts": verdicts}


def _under(bar: str, row: Row, name: str, most: float, unit: str) -> dict[str, Any]:
    figure = row.get(name)
    return verdict(
        bar, "failed" if figure is None else f"{figure:.3g} {unit}", bool(figure and figure < most)
    )


def _timed(name: str, replies: list[Reply]) -> Row:
    seconds = [one.seconds for one in replies]
    return {
        "solver": name,
        "status": "timed",
        "seconds": seconds,
        "median_s": median(seconds),
        "peak_mb": round(max(one.peak_mb for one in replies)),
    }


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
        scores[name] = own[-1].found.elpd_i
        rows.append(_timed(name, own))
    for worker in workers.values():
        worker.stop()
    return rows, scores
