"""Many Poisson neurons that share one design: a ridge penalty of 1 and a flat intercept each."""

from typing import Any

import numpy as np

from benchmarks.peers.dense import nemos_glm, prepare_nemos
from benchmarks.solver import Setting, Solver, tolerances
from benchmarks.work import Found, Work


def _as_dataset(work: Work) -> Any:
    import xarray as xr

    variables = {"X": (("time", "feature"), work.X), "y": (("time", "neuron"), work.y)}
    return xr.Dataset(variables)


def _fit_bayesglm(data: Any, setting: Setting) -> Any:
    import bayesglm as bg

    model = bg.GLM("y", [bg.Linear("X", prior=bg.ridge(1.0))], family="poisson")
    return bg.fit_map(model, data)


def _read_bayesglm(fitted: Any) -> Found:
    coef = fitted["map"]["X"].transpose("neuron", "feature")
    return Found(fitted["map"]["intercept"].values, coef.values)


def _fit_nemos(work: Work, setting: Setting) -> Any:
    # The mean over samples is summed over neurons, so the strength is as for one.
    return nemos_glm("PopulationGLM", "poisson", 1 / work.spec.n, setting).fit(work.X, work.y)


def _read_nemos(model: Any) -> Found:
    return Found(np.asarray(model.intercept_), np.asarray(model.coef_).T)


def _fit_sklearn(work: Work, setting: Setting) -> Any:
    from sklearn.linear_model import PoissonRegressor

    return [
        PoissonRegressor(alpha=1 / work.spec.n, max_iter=10_000, **setting).fit(work.X, y)
        for y in work.y.T
    ]


def _read_sklearn(estimators: Any) -> Found:
    intercept = np.array([one.intercept_ for one in estimators])
    return Found(intercept, np.array([one.coef_ for one in estimators]))


_STEPS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)

SOLVERS = (
    Solver("bayesglm", ("bayesglm",), _fit_bayesglm, _read_bayesglm, prepare=_as_dataset),
    Solver(
        "nemos PopulationGLM",
        ("nemos",),
        _fit_nemos,
        _read_nemos,
        tolerances("tol", *_STEPS, rtol=0.0),
        prepare_nemos,
        ("poisson",),
    ),
    *(
        Solver(
            f"scikit-learn {solver}, one by one",
            ("scikit-learn",),
            _fit_sklearn,
            _read_sklearn,
            tolerances("tol", *_STEPS, solver=solver),
            families=("poisson",),
        )
        for solver in ("lbfgs", "newton-cholesky")
    ),
)
