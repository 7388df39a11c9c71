"""Neurons that read one another's past: a ridge penalty of 1 and a flat intercept each.

Peers need the design, of all neurons' past, and building it is part of their work.
"""

from typing import Any

import numpy as np

from benchmarks.peers.dense import nemos_glm, prepare_nemos
from benchmarks.solver import Setting, Solver, tolerances
from benchmarks.work import PAST, Drawn, Found, Work, coupled_design, lag_functions

CHAINS, DRAWS = 4, 1000


def _as_dataset(work: Work) -> Any:
    import xarray as xr

    variables = {
        "stimulus": ("time", work.X),
        "spikes": (("time", "unit"), work.y.astype(np.uint8)),
    }
    coords = {"time": np.arange(work.spec.n) * 1e-3, "unit": np.arange(work.spec.many)}
    return work, xr.Dataset(variables, coords)


def _model(work: Work) -> Any:
    import bayesglm as bg

    spec, prior = work.spec, bg.ridge(float(work.lam[0]))
    past = {
        "lags": PAST,
        "basis": lag_functions(spec.functions) if spec.functions else None,
        "prior": prior,
    }
    terms = [bg.History(**past), bg.Coupling(**past)]
    if spec.p:
        terms.insert(0, bg.Lagged("stimulus", lags=spec.p, prior=prior))
    return bg.GLM("spikes", terms, family=spec.family)


def _fit_bayesglm(prepared: Any, setting: Setting) -> Any:
    import bayesglm as bg

    work, data = prepared
    return work, bg.fit_map(_model(work), data)


def _read_bayesglm(result: Any) -> Found:
    work, fitted = result
    group, many = fitted["map"], work.spec.many
    past = group["coupling"].values.copy()  # (unit, source, function), NaN with itself
    past[np.arange(many), np.arange(many)] = group["history"].values
    coef = past.reshape(many, -1)
    if work.spec.p:
        coef = np.concatenate([group["stimulus"].values, coef], axis=1)
    return Found(group["intercept"].values, coef)


def _draw_bayesglm(prepared: Any, setting: Setting) -> Any:
    import bayesglm as bg

    work, data = prepared
    return bg.fit(_model(work), data, draws=DRAWS, chains=CHAINS, seed=setting["seed"])


def _read_draws(fitted: Any) -> Drawn:
    posterior = fitted["posterior"]
    n_draws = posterior.sizes["chain"], posterior.sizes["draw"]
    parts = [posterior[name].values.reshape(*n_draws, -1) for name in posterior.data_vars]
    return Drawn(np.concatenate(parts, axis=-1))


def _prepare_fitted(work: Work) -> Any:
    return _fit_bayesglm(_as_dataset(work), {})[1]


def _simulate(fitted: Any, setting: Setting) -> Any:
    import bayesglm as bg

    return bg.simulate(fitted, draws=1, seed=setting["seed"])


def _read_simulated(simulated: Any) -> Drawn:
    return Drawn(simulated["spikes"].values)


def _fit_nemos(work: Work, setting: Setting) -> Any:
    X, y = coupled_design(work)
    # The mean over samples is summed over neurons, so the strength is as for one.
    return nemos_glm("PopulationGLM", "poisson", float(work.lam[0]) / len(y), setting).fit(X, y)


def _read_nemos(model: Any) -> Found:
    return Found(np.asarray(model.intercept_), np.asarray(model.coef_).T)


SOLVERS = (
    Solver("bayesglm", ("bayesglm",), _fit_bayesglm, _read_bayesglm, prepare=_as_dataset),
    Solver(
        "nemos PopulationGLM",
        ("nemos",),
        _fit_nemos,
        _read_nemos,
        tolerances("tol", 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, rtol=0.0),
        prepare_nemos,
        ("poisson",),
    ),
)
SAMPLER = Solver("bayesglm", ("bayesglm",), _draw_bayesglm, _read_draws, prepare=_as_dataset)
SIMULATOR = Solver("bayesglm", ("bayesglm",), _simulate, _read_simulated, prepare=_prepare_fitted)
