"""Negative binomial counts: alpha is known, or one more parameter to be found."""

import warnings
from typing import Any

import numpy as np

from benchmarks.peers.dense import found, read_estimator
from benchmarks.solver import Setting, Solver, tolerances
from benchmarks.work import ALPHA, Found, Work

_FAMILY = ("negative_binomial",)


def _prepare_bayesglm(work: Work) -> Work:
    import bayesglm as bg

    assert callable(bg.fit_map)
    return work


def _fit_bayesglm(work: Work, setting: Setting) -> Any:
    import bayesglm as bg

    is_known = work.spec.kind == "dense"
    model = bg.GLM(
        "y",
        [bg.Linear("X", prior=bg.ridge(1.0) if is_known else bg.Flat())],
        family="negative_binomial",
        dispersion=ALPHA if is_known else bg.Flat(),
    )
    return bg.fit_map(model, {"y": work.y, "X": work.X})


def _read_bayesglm(fitted: Any) -> Found:
    at = fitted["map"]
    here = found(at["intercept"].values, at["X"].values)
    return here._replace(alpha=float(at["alpha"])) if "alpha" in at else here


def _prepare_statsmodels(work: Work) -> Any:
    import statsmodels.api as sm

    return work.y, sm.add_constant(work.X)


def _fit_statsmodels(prepared: Any, setting: Setting) -> Any:
    from statsmodels.discrete.discrete_model import NegativeBinomial

    y, X = prepared
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return NegativeBinomial(y, X, loglike_method="nb2").fit(disp=0, maxiter=1000, **setting)


def _read_statsmodels(result: Any) -> Found:
    here = found(result.params[0], result.params[1:-1])
    return here._replace(alpha=float(1.0 / np.asarray(result.params)[-1]))


def _fit_glum(work: Work, setting: Setting) -> Any:
    from glum import GeneralizedLinearRegressor, NegativeBinomialDistribution

    return GeneralizedLinearRegressor(
        alpha=1 / work.spec.n,
        l1_ratio=0,
        family=NegativeBinomialDistribution(theta=1 / ALPHA),
        link="log",
        max_iter=1000,
        **setting,
    ).fit(work.X, work.y)


_BAYESGLM = Solver(
    "bayesglm",
    ("bayesglm",),
    _fit_bayesglm,
    _read_bayesglm,
    prepare=_prepare_bayesglm,
    families=_FAMILY,
)
_STEPS = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8)

LEARNED = (
    _BAYESGLM,
    *(
        Solver(
            f"statsmodels {method}",
            ("statsmodels",),
            _fit_statsmodels,
            _read_statsmodels,
            tolerances(tolerance, *_STEPS, method=method),
            _prepare_statsmodels,
            _FAMILY,
        )
        for method, tolerance in (("bfgs", "gtol"), ("newton", "tol"))
    ),
)
KNOWN = (
    _BAYESGLM,
    Solver(
        "glum",
        ("glum",),
        _fit_glum,
        read_estimator,
        tolerances("gradient_tol", *_STEPS),
        families=_FAMILY,
    ),
)
