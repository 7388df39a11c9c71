"""map-small: the same as map-dense on little data, where overhead is what counts."""

from typing import Any

from benchmarks.peers.dense import SOLVERS
from benchmarks.race import race
from benchmarks.verdict import ratio_verdict
from benchmarks.work import Spec

WORK = (
    "As map-dense with n=1,000, p=10. bayesglm's time includes checking the data and making the "
    "labelled tree."
)


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Race both families; the work is small enough for a quick run as it is."""
    contests = []
    for family in ("bernoulli", "poisson"):
        rows = race(Spec("dense", family, 1000, 10), SOLVERS)
        bar = ratio_verdict(
            rows,
            0.5,
            "at most twice the time of scikit-learn (0.5 times as fast)",
            lambda name: name.startswith("scikit-learn"),
        )
        contests.append({"title": f"{family}, n=1,000, p=10", "rows": rows, "verdicts": [bar]})
    return contests, []
