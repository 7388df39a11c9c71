"""The race: the same optimum first, then time.

A solver is timed at its loosest setting that lands within `SAME` relative of the best objective
found by anyone, at every value where there are several. All solvers run in turn.
"""

from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np

from benchmarks.facts import missing
from benchmarks.solver import Setting, Solver
from benchmarks.work import Array, Spec, make, objective
from benchmarks.worker import Reply, Worker

SAME = 1e-8
OURS = "bayesglm"
_SLOW_S = 20.0
_VERY_SLOW_S = 100.0
# A whole ladder may take this many times the limit of one fit.
_LADDER_LIMITS = 3

type Row = dict[str, Any]


class Entrant:
    """One solver's state in a race: what it has tried, and the times that count."""

    def __init__(self, solver: Solver, spec: Spec) -> None:
        self.solver = solver
        self.worker = Worker(solver, spec)
        self.tried: list[tuple[Setting, Reply, Array | None]] = []
        self.times: list[float] = []
        self.peak_mb = 0.0
        self.last: Reply | None = None

    def gaps(self, best: Array | None) -> list[float]:
        """Return how far above the best each try ended, relative; infinite where it failed."""
        return [
            float("inf")
            if values is None or best is None or not np.all(np.isfinite(values))
            else float(np.max((values - best) / np.abs(best)))
            for _, _, values in self.tried
        ]

    def chosen(self, best: Array | None) -> int | None:
        """Return which try is the loosest at the optimum."""
        return next((k for k, gap in enumerate(self.gaps(best)) if gap <= SAME), None)

    def wants_more(self, best: Array | None, limit: float) -> bool:
        """Say whether to try a tighter setting: none has arrived, or one is to confirm it."""
        if self.worker.fault or len(self.tried) == len(self.solver.ladder):
            return False
        if not self.tried:
            return True
        spent = sum(reply.seconds for _, reply, _ in self.tried)
        chosen = self.chosen(best)
        if chosen is None:
            return spent < _LADDER_LIMITS * limit
        return chosen == len(self.tried) - 1 and self.tried[-1][1].seconds < _SLOW_S


def race(
    spec: Spec,
    solvers: Sequence[Solver],
    limit: float = 600.0,
    fresh: bool = False,
) -> list[Row]:
    """Race the solvers; `fresh` starts new processes for the timed runs, to tell their memory."""
    work = make(spec)
    entrants, rows = [], {}
    solvers = [solver for solver in solvers if spec.family in solver.families]
    for solver in solvers:
        lacking = missing(solver.needs)
        if lacking:
            rows[solver.name] = {"solver": solver.name, "status": "not installed"}
        else:
            entrants.append(Entrant(solver, spec))
    best: Array | None = None
    while any(one.wants_more(best, limit) for one in entrants):
        for one in entrants:
            if not one.wants_more(best, limit):
                continue
            setting = one.solver.ladder[len(one.tried)]
            reply = one.worker.fit(setting, limit)
            values = None if reply.found is None else objective(work, reply.found)
            one.tried.append((setting, reply._replace(found=None), values))
            if values is not None and np.all(np.isfinite(values)):
                best = values if best is None else np.minimum(best, values)
    _time(entrants, best, spec, limit, fresh)
    for one in entrants:
        rows[one.solver.name] = _row(one, best)
        one.worker.stop()
    return [rows[solver.name] for solver in solvers]


def _runs(seconds: float) -> int:
    """Return how often to time a fit that takes so long."""
    if seconds > _VERY_SLOW_S:
        return 1
    if seconds > _SLOW_S:
        return 3
    return 5 if seconds > 0.1 else 15


def _time(
    entrants: list[Entrant], best: Array | None, spec: Spec, limit: float, fresh: bool
) -> None:
    runs = {}
    for one in entrants:
        chosen = one.chosen(best)
        if chosen is None:
            continue
        _, reply, _ = one.tried[chosen]
        runs[one.solver.name] = _runs(reply.seconds)
        if runs[one.solver.name] == 1:
            one.times, one.peak_mb, runs[one.solver.name] = [reply.seconds], reply.peak_mb, 0
        elif fresh or one.worker.fault:
            one.worker.stop()
            one.worker = Worker(one.solver, spec)
    for turn in range(max(runs.values(), default=0)):
        for one in entrants:
            if turn >= runs.get(one.solver.name, 0):
                continue
            chosen = one.chosen(best)
            assert chosen is not None
            reply = one.worker.fit(one.tried[chosen][0], limit)
            if not reply.fault:
                one.times.append(reply.seconds)
                one.last = reply._replace(found=None)
                one.peak_mb = max(one.peak_mb, reply.peak_mb)


def _row(one: Entrant, best: Array | None) -> Row:
    gaps, chosen = one.gaps(best), one.chosen(best)
    row: Row = {
        "solver": one.solver.name,
        "status": "timed",
        "threads": one.worker.threads,
        "tried": [
            {
                "setting": label(setting),
                "seconds": reply.seconds,
                "gap": gap if np.isfinite(gap) else None,
                "fault": reply.fault,
            }
            for (setting, reply, _), gap in zip(one.tried, gaps, strict=True)
        ],
    }
    if chosen is None:
        nearest = min((gap for gap in gaps if np.isfinite(gap)), default=None)
        faults = [reply.fault for _, reply, _ in one.tried if reply.fault]
        fault = one.worker.fault or (faults[-1] if faults else "")
        reason = "does not reach the optimum"
        if fault and (nearest is None or one.worker.fault):
            reason = fault if "limit" in fault else f"failed: {fault}"
        if one.solver.name == OURS and "has no attribute" in fault:
            reason = "not available yet"
        return {**row, "status": reason, "gap": nearest}
    return {
        **row,
        "setting": label(one.tried[chosen][0]),
        "seconds": one.times,
        "median_s": median(one.times) if one.times else one.tried[chosen][1].seconds,
        "gap": gaps[chosen],
        "peak_mb": round(one.peak_mb),
        "cpu_s": (one.last or one.tried[chosen][1]).cpu_s,
        "above_mb": (one.last or one.tried[chosen][1]).above_mb,
    }


def label(setting: Setting) -> str:
    """Write a setting for the table."""
    numbers = {
        name: f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in setting.items()
    }
    return ", ".join(f"{name}={value}" for name, value in numbers.items())
