"""A receptive field: a movie's past frames drive Poisson spikes; ridge or smooth penalty.

Everything is float64, in which alone every solver can come within 1e-8. Peers need the
materialised design, and building it is part of their work.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.peers.dense import nemos_glm, prepare_nemos
from benchmarks.solver import Setting, Solver, tolerances
from benchmarks.work import Array, Found, Work


def _as_dataset(work: Work) -> Any:
    import xarray as xr

    variables = {"movie": (("time", "y", "x"), work.X), "spikes": ("time", work.y)}
    return work, xr.Dataset(variables)


def _fit_bayesglm(prepared: Any, setting: Setting) -> Any:
    import bayesglm as bg

    work, data = prepared
    lam, lags = float(work.lam[0]), work.spec.many
    prior = bg.ridge(lam) if work.spec.penalty == "ridge" else bg.smooth(lam)
    model = bg.GLM("spikes", [bg.Lagged("movie", lags=lags, prior=prior)], family="poisson")
    return bg.fit_map(model, data)


def _read_bayesglm(fitted: Any) -> Found:
    coef = fitted["map"]["movie"].transpose("movie_lag", "y", "x")
    return Found(fitted["map"]["intercept"].values.reshape(1), coef.values[None])


def _materialise(work: Work) -> tuple[Array, Array]:
    """Return the design (n - lags + 1, lags * side * side), lag by lag, and its responses."""
    lags, side = work.spec.many, work.spec.p
    frames = work.X.reshape(work.spec.n, side * side)
    windows = sliding_window_view(frames, lags, axis=0)[:, :, ::-1]
    design = windows.transpose(0, 2, 1).reshape(work.spec.n - lags + 1, -1)
    return design, work.y[lags - 1 :]


def _shaped(work: Work, intercept: Any, coef: Any) -> Found:
    shape = (1, work.spec.many, work.spec.p, work.spec.p)
    return Found(np.reshape(intercept, 1), np.reshape(np.asarray(coef), shape))


def _fit_nemos(work: Work, setting: Setting) -> Any:
    design, y = _materialise(work)
    strength = float(work.lam[0]) / y.size
    return work, nemos_glm("GLM", "poisson", strength, setting).fit(design, y)


def _read_nemos(result: Any) -> Found:
    work, model = result
    return _shaped(work, model.intercept_, model.coef_)


def _penalty_gradient(w: Array, penalty: str) -> Array:
    if penalty == "ridge":
        return w
    gradient = np.zeros_like(w)
    for axis in range(w.ndim):
        steps = np.diff(w, axis=axis)
        gradient -= np.diff(steps, axis=axis, prepend=0, append=0)
    return gradient


def _fit_scipy(work: Work, setting: Setting) -> Any:
    from scipy.optimize import minimize

    design, y = _materialise(work)
    shape = (work.spec.many, work.spec.p, work.spec.p)
    lam = float(work.lam[0])

    def value_and_gradient(theta: Array) -> tuple[float, Array]:
        w = theta[1:].reshape(shape)
        pull = _penalty_gradient(w, work.spec.penalty)
        eta = design @ theta[1:] + theta[0]
        mu = np.exp(eta)
        value = np.sum(mu - y * eta) + lam * np.sum(w * pull) / 2
        slope = np.concatenate([[np.sum(mu - y)], design.T @ (mu - y) + lam * pull.ravel()])
        # The mean, as the defaults of L-BFGS-B's tolerances expect.
        return value / y.size, slope / y.size

    start = np.zeros(design.shape[1] + 1)
    start[0] = np.log(y.mean())
    options = {"maxiter": 10_000, "maxfun": 10_000, "ftol": 0.0, **setting}
    found = minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", options=options)
    return work, found.x


def _read_scipy(result: Any) -> Found:
    work, theta = result
    return _shaped(work, theta[0], theta[1:])


_STEPS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)

RIDGE_SOLVERS = (
    Solver("bayesglm", ("bayesglm",), _fit_bayesglm, _read_bayesglm, prepare=_as_dataset),
    Solver(
        "nemos LBFGS, materialised",
        ("nemos",),
        _fit_nemos,
        _read_nemos,
        tolerances("tol", *_STEPS, rtol=0.0),
        prepare_nemos,
    ),
    Solver(
        "scipy L-BFGS-B, materialised",
        ("scipy",),
        _fit_scipy,
        _read_scipy,
        tolerances("gtol", *_STEPS),
    ),
)

# No peer has this penalty; scipy on our numpy objective stands in for one.
SMOOTH_SOLVERS = tuple(solver for solver in RIDGE_SOLVERS if "nemos" not in solver.needs)
