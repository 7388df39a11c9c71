"""Selections of five terms among forty, with and without a search in each fold."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.jobs.job import Figures, Job
from benchmarks.work import SEED

_N_TERMS, _TRUE = 40, (0, 8, 16, 24, 32)
_CORRELATION = 0.5  # of neighbouring columns
# What one sd of a true term does to the linear predictor.
_EFFECTS = {"gaussian": 0.3, "bernoulli": 0.6, "poisson": 0.3}


def _simulated(family: str, n: int, seed: int) -> dict[str, np.ndarray]:
    """Return responses that follow five of forty columns, each correlated with its neighbours."""
    rng = np.random.default_rng([SEED, seed])
    X = rng.normal(size=(n, _N_TERMS))
    for j in range(1, _N_TERMS):
        X[:, j] = _CORRELATION * X[:, j - 1] + np.sqrt(1.0 - _CORRELATION**2) * X[:, j]
    signs = np.where(np.arange(len(_TRUE)) % 2, -1.0, 1.0)
    eta = _EFFECTS[family] * X[:, _TRUE] @ signs
    if family == "gaussian":
        y = eta + rng.normal(size=n)
    elif family == "bernoulli":
        y = (rng.random(n) < 1.0 / (1.0 + np.exp(-eta))).astype(float)
    else:
        y = rng.poisson(np.exp(0.5 + eta)).astype(float)
    return {"y": y, **{f"x{j}": X[:, j] for j in range(_N_TERMS)}}


def _prepare(family: str, folds: int | None, seed: int, quick: bool) -> Callable[[Path], Figures]:
    """Fit all forty terms; project the fit, and count the true terms that do not come first."""
    import bayesglm as bg

    data = _simulated(family, 300 if quick else 1000, seed)
    model = bg.GLM("y", [f"x{j}" for j in range(_N_TERMS)], family=family)
    reference = bg.fit(model, data)

    def select(folder: Path) -> Figures:
        path = bg.project(reference, validate_search=folds)["projection"]
        first = {str(one) for one in path["term"].values[1 : len(_TRUE) + 1]}
        return {"missed": float(len({f"x{j}" for j in _TRUE} - first))}

    return select


def _job(family: str, folds: int | None, seed: int) -> Job:
    how = "" if folds is None else f", searched in {folds} folds"
    title = f"project: 5 of 40 terms, {family}, n=1,000{how}, data {seed}"
    most_s = 20.0 if folds is None else 60.0
    return Job(title, partial(_prepare, family, folds, seed), most_s, {"missed": 0.5})


JOBS = {
    f"project-{family}{'' if folds is None else '-folds'}-{seed}": _job(family, folds, seed)
    for family in _EFFECTS
    for folds in (None, 10)
    for seed in (0, 1)
}
