"""A stimulus's past and the response's own drive spikes; ridge penalty of 1, flat intercept.

Peers need the materialised design, and building it is part of their work. Ours takes the stimulus
as it is; once more the materialised design, made before the clock starts.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.peers.dense import found, nemos_glm, prepare_nemos, read_estimator
from benchmarks.solver import Setting, Solver, tolerances
from benchmarks.work import Array, Drawn, Found, Work

CHAINS, DRAWS = 4, 1000


def _as_dataset(work: Work) -> Any:
    import xarray as xr

    import bayesglm as bg

    assert callable(bg.fit_map)
    return work, xr.Dataset({"stimulus": ("time", work.X), "spikes": ("time", work.y)})


def _model(work: Work) -> Any:
    import bayesglm as bg

    lam, spec = float(work.lam[0]), work.spec
    terms = [
        bg.Lagged("stimulus", lags=spec.p, prior=bg.ridge(lam)),
        bg.History(lags=spec.many, prior=bg.ridge(lam)),
    ]
    return bg.GLM("spikes", terms, family=spec.family)


def _fit_bayesglm(prepared: Any, setting: Setting) -> Any:
    import bayesglm as bg

    work, data = prepared
    return bg.fit_map(_model(work), data)


def _read_bayesglm(fitted: Any) -> Found:
    group = fitted["map"]
    coef = np.concatenate((group["stimulus"].values, group["history"].values))
    return found(group["intercept"].values, coef)


def _draw_bayesglm(prepared: Any, setting: Setting) -> Any:
    import bayesglm as bg

    work, data = prepared
    return bg.fit(_model(work), data, draws=DRAWS, chains=CHAINS, seed=setting["seed"])


def _read_draws(fitted: Any) -> Drawn:
    group = fitted["posterior"]
    parts = [
        group["intercept"].values[..., None],
        group["stimulus"].values,
        group["history"].values,
    ]
    return Drawn(np.concatenate(parts, axis=-1), fitted.attrs.get("importance_ess"))


def _materialise(work: Work) -> tuple[Array, Array]:
    """Return the design of the samples with a full past, (rows, p + many), and their responses."""
    p, many = work.spec.p, work.spec.many
    first = max(p - 1, many)
    stimulus = sliding_window_view(work.X[first - p + 1 :], p)[:, ::-1]
    history = sliding_window_view(work.y[first - many : -1], many)[:, ::-1]
    return np.concatenate((stimulus, history), axis=1), work.y[first:]


def _prepare_materialised(work: Work) -> Any:
    import bayesglm as bg

    assert callable(bg.fit_map)
    X, y = _materialise(work)
    return work, {"y": y, "X": X}


def _fit_materialised(prepared: Any, setting: Setting) -> Any:
    import bayesglm as bg

    work, data = prepared
    prior = bg.ridge(float(work.lam[0]))
    return bg.fit_map(bg.GLM("y", [bg.Linear("X", prior=prior)], family=work.spec.family), data)


def _read_materialised(fitted: Any) -> Found:
    return found(fitted["map"]["intercept"].values, fitted["map"]["X"].values)


def _fit_sklearn(work: Work, setting: Setting) -> Any:
    from sklearn.linear_model import PoissonRegressor

    X, y = _materialise(work)
    alpha = float(work.lam[0]) / y.size
    return PoissonRegressor(alpha=alpha, max_iter=10_000, **setting).fit(X, y)


def _fit_nemos(work: Work, setting: Setting) -> Any:
    X, y = _materialise(work)
    return nemos_glm("GLM", "poisson", float(work.lam[0]) / y.size, setting).fit(X, y)


_STEPS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)

MATERIALISED = "bayesglm, materialised before"
SOLVERS = (
    Solver("bayesglm", ("bayesglm",), _fit_bayesglm, _read_bayesglm, prepare=_as_dataset),
    Solver(
        MATERIALISED,
        ("bayesglm",),
        _fit_materialised,
        _read_materialised,
        prepare=_prepare_materialised,
    ),
    *(
        Solver(
            f"scikit-learn {solver}, materialised",
            ("scikit-learn",),
            _fit_sklearn,
            read_estimator,
            tolerances("tol", *_STEPS, solver=solver),
        )
        for solver in ("lbfgs", "newton-cholesky")
    ),
    Solver(
        "nemos LBFGS, materialised",
        ("nemos",),
        _fit_nemos,
        read_estimator,
        tolerances("tol", *_STEPS, rtol=0.0),
        prepare_nemos,
    ),
)

SAMPLER = Solver("bayesglm", ("bayesglm",), _draw_bayesglm, _read_draws, prepare=_as_dataset)
