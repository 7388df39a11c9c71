"""l1-path: a lasso path."""

from typing import Any

from benchmarks.peers.path import SOLVERS
from benchmarks.race import race
from benchmarks.verdict import ratio_verdict
from benchmarks.work import Spec

WORK = (
    "Lasso path of 100 penalties, evenly spaced in log from the largest that matters down to 1e-3 "
    "of it; n=10,000, p=500 standard normal predictors, 10% of w non-zero, eta of sd 1, flat "
    "intercept -0.5, gaussian noise of sd 1 held fixed (`dispersion=1.0`). The gap is the worst "
    "of the 100. glmnet: `fdev=0, devmax=1`, not standardised, timed inside R."
)
_LIMIT_S = 15.0


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Race the three families."""
    n, p = (2000, 150) if quick else (10_000, 500)
    contests = []
    for family in ("gaussian", "bernoulli", "poisson"):
        limit = 40.0 if quick else _LIMIT_S
        rows = race(Spec("path", family, n, p, many=100, penalty="lasso"), SOLVERS, limit)
        if family == "gaussian":
            bar = ratio_verdict(rows, 0.95, "level with the fastest peer (0.95 times as fast)")
        else:
            bar = ratio_verdict(rows, 1.5, "at least 1.5 times as fast as the fastest peer")
        contests.append({"title": f"{family}, n={n:,}, p={p}", "rows": rows, "verdicts": [bar]})
    return contests, []
