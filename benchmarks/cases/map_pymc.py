"""map-pymc: the first call of a fresh process, against pm.find_MAP."""

from statistics import median
from typing import Any

from benchmarks.peers.dense import BAYESGLM, PYMC
from benchmarks.race import OURS, Row, label, race
from benchmarks.verdict import ratio_verdict
from benchmarks.work import Spec
from benchmarks.worker import Worker

WORK = (
    "MAP of a logistic regression under ridge(1), n=10,000, p=20. Cold: the first call of a fresh "
    "process whose imports are done, nothing warmed up; PyMC's model is built inside the clock, "
    "and what PyTensor and numba keep on disk from earlier runs is left to them. Warm: the next "
    "call in that process, PyMC's model built anew."
)
_SLOW_S = 20.0


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Choose the settings by a race, then time first and second calls of fresh processes."""
    n = 2000 if quick else 10_000
    spec = Spec("dense", "bernoulli", n, 20)
    solvers = (BAYESGLM, PYMC)
    raced = race(spec, solvers)
    cold, warm = _first_and_second(spec, solvers, raced)
    title = f"bernoulli, n={n:,}, p=20"
    first = ratio_verdict(cold, 500.0, "over 500 times as fast as pm.find_MAP")
    second = ratio_verdict(warm, 1.0, "faster than pm.find_MAP")
    return [
        {"title": f"{title}: first call", "rows": cold, "verdicts": [first]},
        {"title": f"{title}: second call", "rows": warm, "verdicts": [second]},
    ], []


def _first_and_second(
    spec: Spec, solvers: tuple[Any, ...], raced: list[Row]
) -> tuple[list[Row], list[Row]]:
    times: dict[str, tuple[list[float], list[float]]] = {row["solver"]: ([], []) for row in raced}
    entering = [
        (solver, row)
        for solver, row in zip(solvers, raced, strict=True)
        if row["status"] == "timed"
    ]
    for turn in range(5):
        for solver, row in entering:
            first, second = times[solver.name]
            if turn >= 3 and solver.name != OURS and median(first) > _SLOW_S:
                continue
            setting = next(one for one in solver.ladder if label(one) == row["setting"])
            worker = Worker(solver, spec, warm_up=False)
            first.append(worker.fit(setting, 600.0).seconds)
            second.append(worker.fit(setting, 600.0).seconds)
            worker.stop()
    return tuple(  # type: ignore[return-value]
        [
            {**row, "seconds": times[row["solver"]][which], "median_s": _median(row, times, which)}
            for row in raced
        ]
        for which in (0, 1)
    )


def _median(row: Row, times: dict[str, Any], which: int) -> float:
    taken = times[row["solver"]][which]
    return median(taken) if taken else float("nan")
