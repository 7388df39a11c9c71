"""families: counts that vary more than a Poisson, alpha known or not; labels, and orders."""

from typing import Any

from benchmarks.peers.counts import KNOWN, LEARNED
from benchmarks.peers.levels import ESTIMATES, FIT, REFERENCE, SAMPLERS
from benchmarks.race import race
from benchmarks.sampling import contest, refer
from benchmarks.verdict import ratio_verdict
from benchmarks.work import Spec

WORK = (
    "Negative binomial counts of variance mu + mu^2/2; n=100,000, p=50 standard normal predictors, "
    "w ~ 0.3/sqrt(p/20) N(0, 1), intercept -0.5. Maximum likelihood where alpha is to be found "
    "too; where it is known, the MAP under ridge(1) with a flat intercept. Labels of four levels, "
    "and five in an order, n=10,000, p=20 standard normal predictors, w ~ 0.3 N(0, 1): maximum "
    "likelihood, and posteriors under Normal(0, 1) on the coefficients and Normal(0, 2.5) on "
    "intercepts or cutpoints, sampled and scored as in the case posterior, compiled code on disk."
)
LEVELS = {"categorical": 4, "ordinal": 5}


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Race with alpha to be found, and with alpha known; then responses with levels."""
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
        *_levels(quick),
    ], []


def _levels(quick: bool) -> list[dict[str, Any]]:
    """Race estimates of responses with levels, and their posteriors."""
    n, contests = 1000 if quick else 10_000, []
    for family, many in LEVELS.items():
        spec = Spec("levels", family, n, 20, many)
        title, rows = f"{family}, {many} levels, n={n:,}, p=20", race(spec, ESTIMATES)
        verdicts = [
            ratio_verdict(
                rows,
                3.0,
                "at least 3 times as fast as statsmodels",
                lambda name: name.startswith("statsmodels"),
            )
        ]
        contests.append({"title": title, "rows": rows, "verdicts": verdicts})
        reference = refer(spec, REFERENCE)
        title = f"posterior of {title}"
        contests.append(contest(title, spec, SAMPLERS, reference, True, {FIT.name: 10.0}, quick))
    return contests
