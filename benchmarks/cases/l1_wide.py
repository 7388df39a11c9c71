"""l1-wide: lassos of more columns than rows, down to penalties that all but interpolate."""

from typing import Any

from benchmarks.peers.wide import SOLVERS
from benchmarks.race import race
from benchmarks.verdict import ratio_verdict
from benchmarks.work import Spec

WORK = (
    "A lasso of a binary response with more columns than rows: standard normal predictors, 10% of "
    "w non-zero, eta of sd 1, no intercept (liblinear would penalise it). The weaker the penalty, "
    "the nearer the fit comes to interpolation. bayesglm's time includes checking the data and "
    "making the labelled tree. glmnet goes along 20 penalties down to the one asked for, not "
    "standardised, `fdev=0, devmax=1`, timed inside R."
)
_LIMIT_S = 5.0


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Race both sizes at every penalty."""
    contests = []
    for n, p in ((60, 150),) if quick else ((276, 691), (1000, 5000)):
        for lam in (10.0, 1e-4) if quick else (10.0, 1.0, 0.1, 1e-2, 1e-3, 1e-4):
            spec = Spec("wide", "bernoulli", n, p, penalty="lasso", lam=lam)
            rows = race(spec, SOLVERS, _LIMIT_S)
            if p < 1000:
                bar = "level with liblinear (0.95 times as fast)"
                falls = ratio_verdict(rows, 0.95, bar, lambda name: "liblinear" in name)
            else:
                falls = ratio_verdict(rows, 0.95, "level with the fastest (0.95 times as fast)")
            title = f"n={n:,}, p={p:,}, lasso({lam:g})"
            contests.append({"title": title, "rows": rows, "verdicts": [falls]})
    return contests, []
