"""map-dense: the MAP under a ridge, many rows."""

from typing import Any

from benchmarks.peers.dense import SOLVERS
from benchmarks.race import race
from benchmarks.verdict import ratio_verdict
from benchmarks.work import Spec

WORK = (
    "MAP under ridge(1) with a flat intercept; n=100,000, p=100 standard normal predictors, "
    "w ~ 0.3/sqrt(p/20) N(0, 1), intercept -0.5."
)


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Race both families."""
    n = 10_000 if quick else 100_000
    contests = []
    for family in ("bernoulli", "poisson"):
        rows = race(Spec("dense", family, n, 100), SOLVERS)
        bar = ratio_verdict(rows, 2.0, "at least 2 times as fast as the fastest peer")
        contests.append({"title": f"{family}, n={n:,}, p=100", "rows": rows, "verdicts": [bar]})
    return contests, []
