"""Averaged effects of a logistic regression on a large table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.jobs.job import Figures, Job
from benchmarks.work import SEED

_MOST_S, _MOST_MB = 2.0, 1000.0
_DRAWS = 1000  # of each of 4 chains


def _fitted(quick: bool) -> Any:
    """Fit yes and no of 100,000 rows: 4 columns of numbers, and 2 of text with 4 labels each."""
    import pandas as pd

    import bayesglm as bg

    n, rng = 10_000 if quick else 100_000, np.random.default_rng(SEED)
    numbers = {f"x{k}": rng.normal(size=n) for k in range(4)}
    frame = pd.DataFrame(numbers | {f"g{k}": rng.choice(list("abcd"), n) for k in range(2)})
    eta = 0.3 * frame.x0 - 0.2 * frame.x1 + 0.4 * (frame.g0 == "b")
    frame["y"] = rng.binomial(1, 1.0 / (1.0 + np.exp(-eta)))
    names = [*frame.columns[:-1]]
    return bg.fit(bg.GLM("y", names, family="bernoulli"), frame, draws=_DRAWS)


def _averaged(verb: str, *arguments: Any, by: Any) -> Callable[[bool], Callable[[Path], Figures]]:
    """Return what prepares a verb's averages; nothing but time and memory is measured of them."""

    def prepare(quick: bool) -> Callable[[Path], Figures]:
        import bayesglm as bg

        fitted = _fitted(quick)

        def work(_: Path) -> Figures:
            assert len(getattr(bg, verb)(fitted, *arguments, by=by))
            return {}

        return work

    return prepare


def _job(title: str, verb: str, *arguments: Any, by: Any = True) -> Job:
    told = f"100,000 rows, 4,000 draws: {title}"
    return Job(told, _averaged(verb, *arguments, by=by), _MOST_S, {"peak_mb": _MOST_MB})


JOBS = {
    "effects-predictions": _job("means by a factor", "predictions", by="g0"),
    "effects-comparisons": _job("a step of a number", "comparisons", "x0"),
    "effects-levels": _job("three levels against a fourth", "comparisons", "g0"),
    "effects-slopes": _job("the slope of a number", "slopes", "x0"),
}
