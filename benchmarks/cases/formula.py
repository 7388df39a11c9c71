"""formula: a table with categories, from its formula to the summary; many levels, their MAP."""

from statistics import median
from typing import Any

from benchmarks.facts import missing
from benchmarks.peers.tables import MAP, SUMMARIES
from benchmarks.race import Row, race
from benchmarks.solver import Solver
from benchmarks.verdict import ours, verdict
from benchmarks.work import Spec
from benchmarks.worker import Worker

WORK = (
    "Logistic regression by a formula on 8 columns. From formula to summary: n=2,000, 4 standard "
    "normal columns and 4 of text with 4 labels each; the posterior under default priors by `fit` "
    "(Bambi: its own) or maximum likelihood (statsmodels), then the table of coefficients. First "
    "call: of a fresh process that has imported NumPy and scipy.special, all other imports "
    "included, with what earlier processes compiled on disk. Second call: the next in that "
    "process. Many levels: MAP under ridge(1) of n=1,000,000, 7 standard normal columns and a "
    "pandas category of 10,000 levels; "
    "memory above the data as in the case lags."
)
_LIMIT_S = 600.0
_RUNS = 5
_FIRST_S, _SECOND_S, _MAP_S, _MAP_MB = 4.0, 0.3, 5.0, 1000


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Time first and second calls of fresh processes in turn, then the MAP."""
    spec = Spec("columns", "bernoulli", 2000, 4, 4)
    calls: dict[str, list[list[float]]] = {solver.name: [] for solver in SUMMARIES}
    for _ in range(2 if quick else _RUNS):
        for solver in SUMMARIES:
            if not missing(solver.needs):
                calls[solver.name].append(_two_calls(solver, spec))
    first, second = ([_row(name, calls[name], k) for name in calls] for k in (0, 1))
    many = Spec("columns", "bernoulli", 100_000 if quick else 1_000_000, 7, 10_000)
    rows = race(many, (MAP,), limit=_LIMIT_S, fresh=True)
    above = ours(rows).get("above_mb")
    light = verdict(
        f"MAP in under {_MAP_MB} MB above the data",
        "unknown" if above is None else f"{above:.0f} MB",
        None if above is None else above < _MAP_MB,
    )
    return [
        _contest("formula to summary, n=2,000: first call", first, _FIRST_S),
        _contest("formula to summary, n=2,000: second call", second, _SECOND_S),
        {
            "title": f"MAP, n={many.n:,}, {many.many:,} levels",
            "rows": rows,
            "verdicts": [_quick(rows, _MAP_S), light],
        },
    ], []


def _two_calls(solver: Solver, spec: Spec) -> list[float]:
    """Return the seconds of the first two calls of a process; none where one failed."""
    worker = Worker(solver, spec, warm_up=False)
    replies = [worker.fit({}, _LIMIT_S) for _ in range(2)]
    worker.stop()
    return [] if any(one.fault for one in replies) else [one.seconds for one in replies]


def _row(name: str, calls: list[list[float]], which: int) -> Row:
    taken = [times[which] for times in calls if times]
    if not taken:
        return {"solver": name, "status": "failed" if calls else "not installed"}
    return {"solver": name, "status": "timed", "seconds": taken, "median_s": median(taken)}


def _contest(title: str, rows: list[Row], most: float) -> dict[str, Any]:
    return {"title": title, "rows": rows, "verdicts": [_quick(rows, most)]}


def _quick(rows: list[Row], most: float) -> dict[str, Any]:
    mine = ours(rows)
    if mine["status"] != "timed":
        return verdict(f"under {most:g} s", f"bayesglm: {mine['status']}", False)
    return verdict(f"under {most:g} s", f"{mine['median_s']:.3g} s", mine["median_s"] < most)
