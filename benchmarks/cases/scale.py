"""scale: time and memory as rows double."""

from typing import Any

import numpy as np

from benchmarks.peers.dense import BAYESGLM, SKLEARN
from benchmarks.race import race
from benchmarks.verdict import ours, verdict
from benchmarks.work import Spec

WORK = (
    "As map-dense with p=50 and rows doubled from 100,000 to 1,600,000, in memory. Peak memory is "
    "that of the solver's process, the data included (8 n p bytes)."
)
_MOST = 1.1


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Race at each size, and fit time = c rows**exponent by least squares of the logs."""
    sizes = [(10_000 if quick else 100_000) * 2**k for k in range(5)]
    contests, verdicts = [], []
    for family in ("bernoulli", "poisson"):
        times: list[float] = []
        for n in sizes:
            rows = race(Spec("dense", family, n, 50), (BAYESGLM, *SKLEARN[:2]), fresh=True)
            contests.append({"title": f"{family}, n={n:,}", "rows": rows, "verdicts": []})
            if ours(rows)["status"] == "timed":
                times.append(ours(rows)["median_s"])
        bar = f"{family}: time grows as rows to a power under {_MOST}"
        if len(times) < len(sizes):
            verdicts.append(verdict(bar, "not every size reached the optimum", False))
            continue
        exponent = float(np.polyfit(np.log(sizes), np.log(times), 1)[0])
        verdicts.append(verdict(bar, f"{exponent:.3f}", exponent < _MOST))
    return contests, verdicts
