"""Times without a race: solvers that end elsewhere than one another, in turn."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks.facts import missing
from benchmarks.race import Row
from benchmarks.solver import Solver
from benchmarks.verdict import verdict
from benchmarks.work import Spec
from benchmarks.worker import Reply, Worker

RUNS = 3


def in_turn(
    spec: Spec, solvers: Sequence[Solver], limit: float, runs: int = RUNS
) -> tuple[list[Row], dict[str, Reply]]:
    """Return a row for each solver, and its last reply; each seed once, after a warm-up."""
    absent = [solver.name for solver in solvers if missing(solver.needs)]
    solvers_here = [solver for solver in solvers if solver.name not in absent]
    workers = {solver.name: Worker(solver, spec) for solver in solvers_here}
    replies: dict[str, list[Reply]] = {solver.name: [] for solver in solvers_here}
    for seed in range(runs):
        for solver in solvers_here:
            own = replies[solver.name]
            if not own or not own[-1].fault:
                own.append(workers[solver.name].fit({**solver.ladder[0], "seed": seed}, limit))
    for worker in workers.values():
        worker.stop()
    rows = [
        {"solver": solver.name, "status": "not installed"}
        if solver.name in absent
        else _row(solver.name, replies[solver.name])
        for solver in solvers
    ]
    return rows, {name: own[-1] for name, own in replies.items()}


def _row(name: str, replies: list[Reply]) -> Row:
    fault = replies[-1].fault
    if fault:
        return {"solver": name, "status": fault if "limit" in fault else f"failed: {fault}"}
    above = [one.above_mb for one in replies if one.above_mb is not None]
    return {
        "solver": name,
        "status": "timed",
        "seconds": [one.seconds for one in replies],
        "median_s": median(one.seconds for one in replies),
        "cpu_s": median(one.cpu_s for one in replies),
        "peak_mb": round(max(one.peak_mb for one in replies)),
        "above_mb": max(above, default=None),
    }


def under(row: Row, most_s: float) -> dict[str, Any]:
    """Say whether a row's median is under so many seconds."""
    bar = f"{row['solver']} under {most_s:g} s"
    if row["status"] != "timed":
        return verdict(bar, row["status"], False)
    return verdict(bar, f"{row['median_s']:.3g} s", row["median_s"] < most_s)


def light(row: Row, most_mb: float) -> dict[str, Any]:
    """Say whether a row's peak above its data is under so many MB."""
    above = row.get("above_mb")
    figure = row["status"] if above is None else f"{above:.0f} MB"
    met = None if row["status"] == "timed" and above is None else bool(above and above < most_mb)
    return verdict(f"{row['solver']} in under {most_mb:g} MB above the data", figure, met)
