"""population: many neurons that share a design."""

from typing import Any

from benchmarks.peers.population import SOLVERS
from benchmarks.race import race
from benchmarks.verdict import ratio_verdict
from benchmarks.work import Spec

WORK = (
    "MAP of 100 Poisson neurons under ridge(1), flat intercepts; T=100,000 samples, 50 shared "
    "standard normal features, w ~ 0.3/sqrt(50/20) N(0, 1), intercepts -0.5. The gap is that of "
    "the objectives' sum over neurons."
)


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Race."""
    n, neurons = (30_000, 30) if quick else (100_000, 100)
    rows = race(Spec("population", "poisson", n, 50, many=neurons), SOLVERS)
    bar = ratio_verdict(
        rows,
        4.0,
        "at least 4 times as fast as nemos",
        lambda name: name.startswith("nemos"),
    )
    title = f"poisson, T={n:,}, 50 features, {neurons} neurons"
    return [{"title": title, "rows": rows, "verdicts": [bar]}], []
