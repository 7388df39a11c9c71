"""map-pymc: the first call of a fresh process, against pm.find_MAP."""

from statistics import median
from typing import Any

from benchmarks.peers.dense import BAYESGLM, PYMC
from benchmarks.race import OURS, Row, label, race
from benchmarks.solver import Solver
from benchmarks.verdict import ratio_verdict
from benchmarks.work import Spec
from benchmarks.worker import Worker, compiled_code

WORK = (
    "MAP of a logistic regression under ridge(1), n=10,000, p=20. First call: of a fresh process "
    "whose imports are done, nothing warmed up. It is timed twice: with nothing on disk that "
    "PyTensor or numba compiled before, as where a model is fitted for the first time, and with "
    "what an earlier process left there for the very same model and data. Second call: the next "
    "in that process. PyMC's model is built inside the clock each time."
)
_LIMIT_S = 600.0
_RUNS = 5
_RUNS_IF_SLOW = 3
_SLOW_S = 20.0

type Times = dict[str, list[float]]


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Choose the settings by a race, then time first and second calls of fresh processes."""
    n = 2000 if quick else 10_000
    spec = Spec("dense", "bernoulli", n, 20)
    solvers = (BAYESGLM, PYMC)
    raced = race(spec, solvers)
    entering = {
        row["solver"]: (solver, row)
        for solver, row in zip(solvers, raced, strict=True)
        if row["status"] == "timed"
    }
    first_ever, _ = _times(spec, entering, empty_disk=True)
    first, second = _times(spec, entering, empty_disk=False)
    return [
        _contest(f"n={n:,}: first call, nothing on disk", raced, first_ever),
        _contest(f"n={n:,}: first call, compiled code on disk", raced, first),
        {**_contest(f"n={n:,}: second call", raced, second), "verdicts": []},
    ], []


def _times(
    spec: Spec, entering: dict[str, tuple[Solver, Row]], empty_disk: bool
) -> tuple[Times, Times]:
    """Return the times of first and of second calls, each pair from a fresh process."""
    first: Times = {name: [] for name in entering}
    second: Times = {name: [] for name in entering}
    for turn in range(_RUNS):
        for name, (solver, row) in entering.items():
            slow = name != OURS and turn and median(first[name]) > _SLOW_S
            if slow and turn >= _RUNS_IF_SLOW:
                continue
            setting = next(one for one in solver.ladder if label(one) == row["setting"])
            with compiled_code(not empty_disk):
                worker = Worker(solver, spec, warm_up=False)
                replies = [worker.fit(setting, _LIMIT_S) for _ in range(2)]
                worker.stop()
            if not worker.fault:
                first[name].append(replies[0].seconds)
                second[name].append(replies[1].seconds)
    return first, second


def _contest(title: str, raced: list[Row], times: Times) -> dict[str, Any]:
    rows = []
    for row in raced:
        taken = times.get(row["solver"])
        if taken:
            rows.append({**row, "seconds": taken, "median_s": median(taken), "peak_mb": None})
        else:
            rows.append({**row, "status": "failed" if row["status"] == "timed" else row["status"]})
    return {
        "title": f"bernoulli, {title}",
        "rows": rows,
        "verdicts": [ratio_verdict(rows, 500.0, "over 500 times as fast as pm.find_MAP")],
    }
