"""families: the MAP of counts that vary more than a Poisson, alpha known or not."""

from typing import Any

from benchmarks.peers.counts import KNOWN, LEARNED
from benchmarks.race import race
from benchmarks.verdict import ratio_verdict
from benchmarks.work import Spec

WORK = (
    "Negative binomial counts of variance mu + mu^2/2; n=100,000, p=50 standard normal predictors, "
    "w ~ 0.3/sqrt(p/20) N(0, 1), intercept -0.5. Maximum likelihood where alpha is to be found "
    "too; where it is known, the MAP under ridge(1) with a flat intercept."
)


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Race with alpha to be found, and with alpha known."""
    n, p, family = 10_000 if quick else 100_000, 50, "negative_binomial"
    learned = race(Spec("dispersed", family, n, p), LEARNED)
    known = race(Spec("dense", family, n, p), KNOWN)
    return [
        {
            "title": f"alpha learned, n={n:,}, p={p}",
            "rows": learned,
            "verdicts": [ratio_verdict(learned, 3.0, "at least 3 times as fast as statsmodels")],
        },
        {
            "title": f"alpha known, n={n:,}, p={p}",
            "rows": known,
            "verdicts": [ratio_verdict(known, 1.0, "as fast as glum")],
        },
    ], []
