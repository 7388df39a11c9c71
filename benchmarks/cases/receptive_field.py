"""receptive-field: thousands of coefficients of a movie's past."""

from typing import Any

from benchmarks.peers.field import RIDGE_SOLVERS, SMOOTH_SOLVERS
from benchmarks.race import race
from benchmarks.verdict import ours, ratio_verdict, verdict
from benchmarks.work import Spec

WORK = (
    "MAP of a Poisson receptive field: white gaussian movie of 20 x 20 pixels, T=50,000, 20 lags "
    "(8,000 coefficients), float64; blob times biphasic kernel, eta of sd 0.7, mean rate 0.2 per "
    "sample. Penalty of the strength that the true field would have as a draw from the prior. "
    "Peers materialise the design (3.2 GB), which is counted. Peak memory is that of the solver's "
    "process: Python, libraries and the movie (160 MB) included."
)
_MOST_MB = 1024


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Race both penalties in fresh processes."""
    n, side, lags = (10_000, 10, 10) if quick else (50_000, 20, 20)
    contests = []
    for penalty, solvers in (("ridge", RIDGE_SOLVERS), ("smooth", SMOOTH_SOLVERS)):
        spec = Spec("field", "poisson", n, side, lags, penalty)
        rows = race(spec, solvers, limit=100.0, fresh=True)
        faster = ratio_verdict(rows, 1.0, "faster than the fastest peer")
        peak = ours(rows).get("peak_mb")
        light = verdict(
            "peak memory under 1 GB", f"{peak or 'unknown'} MB", bool(peak and peak < _MOST_MB)
        )
        title = f"{penalty}, T={n:,}, {side} x {side} pixels, {lags} lags"
        contests.append({"title": title, "rows": rows, "verdicts": [faster, light]})
    return contests, []
