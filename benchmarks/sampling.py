"""The contest of samplers: the same posterior first, then effective draws per second.

Every run is the first call of a fresh process whose imports are done. Its smallest effective size
is that of ArviZ in the bulk, over every scalar; of importance draws no more than the number of
distinct ones and than they tell of their own weights. Means and standard deviations must agree
with a long reference run within Monte-Carlo error.
"""

from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from benchmarks.facts import missing
from benchmarks.race import OURS, Row
from benchmarks.solver import Setting, Solver
from benchmarks.verdict import verdict
from benchmarks.work import Array, Drawn, Spec
from benchmarks.worker import Reply, Worker, compiled_code

LIMIT_S = 900.0
_RUNS = 5
_RUNS_IF_SLOW = 3
_SLOW_S = 20.0
SEEDS = 20
ERRORS = 5.0  # Monte-Carlo errors of the furthest of all means and standard deviations
AGREE = 0.15  # of what the means of many seeds vary, beside what their effective size says


class Reference(NamedTuple):
    """Means and standard deviations of every scalar, with their Monte-Carlo errors."""

    mean: Array
    sd: Array
    mean_error: Array
    sd_error: Array


class Run(NamedTuple):
    """One run: seconds, smallest effective size, and the furthest scalar in Monte-Carlo errors."""

    seconds: float
    ess: float
    furthest: float


def refer(spec: Spec, solver: Solver) -> Reference:
    """Sample the reference."""
    return summary(_draw(solver, spec, 0).found.draws)


def sizes(draws: Array, kind: str) -> Array:
    """Return ArviZ's effective size of every scalar."""
    from arviz_stats.base import array_stats

    return np.array([array_stats.ess(scalar, method=kind) for scalar in np.moveaxis(draws, -1, 0)])


def summary(draws: Array) -> Reference:
    """Return means and standard deviations with the errors that ArviZ's effective sizes give."""
    mean, sd = draws.mean(axis=(0, 1)), draws.std(axis=(0, 1))
    # The error of a standard deviation is that of the mean of squares, over twice itself.
    squares = (draws - mean) ** 2
    of_squares = squares.std(axis=(0, 1)) / np.sqrt(sizes(draws, "sd"))
    return Reference(mean, sd, sd / np.sqrt(sizes(draws, "mean")), of_squares / (2.0 * sd))


def effective(drawn: Drawn) -> float:
    """Return the smallest effective size over every scalar."""
    found = float(np.min(sizes(drawn.draws, "bulk")))
    if drawn.importance_ess is None:
        return found
    return min(found, drawn.importance_ess, _distinct(drawn.draws))


def _distinct(draws: Array) -> int:
    return len(np.unique(draws.reshape(-1, draws.shape[-1]), axis=0))


def furthest(drawn: Drawn, reference: Reference) -> float:
    """Return the largest distance from the reference, in Monte-Carlo errors of both."""
    own = summary(drawn.draws)
    means = (own.mean - reference.mean) / np.hypot(own.mean_error, reference.mean_error)
    sds = (own.sd - reference.sd) / np.hypot(own.sd_error, reference.sd_error)
    return float(np.max(np.abs([means, sds])))


def _draw(solver: Solver, spec: Spec, seed: int) -> Reply:
    """Draw once in a fresh process."""
    worker = Worker(solver, spec, warm_up=False)
    reply = worker.fit(_setting(solver, seed), LIMIT_S)
    worker.stop()
    return reply


def _setting(solver: Solver, seed: int) -> Setting:
    return {**solver.ladder[0], "seed": seed}


def contest(
    title: str,
    spec: Spec,
    solvers: Sequence[Solver],
    reference: Reference,
    on_disk: bool,
    bars: dict[str, float],
    quick: bool = False,
) -> dict[str, Any]:
    """Run all samplers in turn; ``bars``: how many times as fast as the fastest peer ours must be.

    ``on_disk`` says whether compiled code of earlier processes may be used.
    """
    runs: dict[str, list[Run]] = {solver.name: [] for solver in solvers}
    faults = {solver.name: "not installed" for solver in solvers if missing(solver.needs)}
    for turn in range(1 if quick else _RUNS):
        for solver in solvers:
            own = runs[solver.name]
            slow = turn >= _RUNS_IF_SLOW and median(run.seconds for run in own) > _SLOW_S
            if solver.name in faults or slow:
                continue
            with compiled_code(on_disk):
                reply = _draw(solver, spec, turn)
            if reply.fault:
                faults[solver.name] = f"failed: {reply.fault}"
                continue
            drawn = reply.found
            own.append(Run(reply.seconds, effective(drawn), furthest(drawn, reference)))
    rows = [_row(solver, runs[solver.name], faults.get(solver.name, "")) for solver in solvers]
    verdicts = [ess_verdict(rows, name, least) for name, least in bars.items()]
    return {"kind": "sampling", "title": title, "rows": rows, "verdicts": verdicts}


def _row(solver: Solver, runs: list[Run], fault: str) -> Row:
    row: Row = {"solver": solver.name, "status": fault or "timed"}
    if not runs:
        return row
    far = max(run.furthest for run in runs)
    if far > ERRORS and not fault:
        row["status"] = "another posterior"
    return {
        **row,
        "seconds": [run.seconds for run in runs],
        "median_s": median(run.seconds for run in runs),
        "ess": [run.ess for run in runs],
        "ess_per_s": median(run.ess / run.seconds for run in runs),
        "furthest": far,
    }


def ess_verdict(rows: Sequence[Row], name: str, least: float) -> dict[str, Any]:
    """Compare one of ours with the fastest peer by effective draws per second."""
    bar = f"{name} has at least {least:g} times the effective draws per second of any peer"
    mine = next(row for row in rows if row["solver"] == name)
    if mine["status"] != "timed":
        return verdict(bar, f"{name}: {mine['status']}", False)
    peers = [row for row in rows if row["status"] == "timed" and not row["solver"].startswith(OURS)]
    if not peers:
        return verdict(bar, "no peer sampled this posterior", None)
    fastest = max(peers, key=lambda row: row["ess_per_s"])
    ratio = mine["ess_per_s"] / fastest["ess_per_s"]
    return verdict(bar, f"{ratio:.3g} times those of {fastest['solver']}", ratio >= least)


def replicate_verdict(spec: Spec, solver: Solver, reference: Reference) -> dict[str, Any]:
    """Compare how the means of many seeds vary with what their effective sizes say.

    In coordinates in which the draws of all seeds are uncorrelated, so that the average over them
    varies little by chance.
    """
    bar = f"means of {SEEDS} seeds vary as the effective sizes say, within {AGREE:.0%}"
    worker = Worker(solver, spec, warm_up=False)
    replies = [worker.fit(_setting(solver, seed), LIMIT_S) for seed in range(SEEDS)]
    worker.stop()
    if any(reply.fault for reply in replies):
        return verdict(bar, f"failed: {replies[-1].fault}", False)
    draws = np.stack([reply.found.draws for reply in replies])
    scalars = draws.shape[-1]
    factor = np.linalg.cholesky(np.linalg.inv(np.cov(draws.reshape(-1, scalars).T)))
    white = (draws - reference.mean) @ factor
    varied = white.mean(axis=(1, 2)).var(axis=0, ddof=1)
    claimed = np.mean(
        [
            np.minimum(sizes(coordinates, "bulk"), _distinct(one))
            for coordinates, one in zip(white, draws, strict=True)
        ],
        axis=0,
    )
    ratio = float(np.mean(varied * claimed))
    return verdict(bar, f"{ratio:.3g} times as much", abs(ratio - 1.0) <= AGREE)
