"""One response, a dense design, a ridge penalty of 1 and a flat intercept."""

import warnings
from typing import Any

import numpy as np

from benchmarks.solver import Setting, Solver, tolerances
from benchmarks.work import Found, Work

_GLUM = {"gaussian": "normal", "bernoulli": "binomial", "poisson": "poisson"}
_COUNTS_AND_BINARY = ("bernoulli", "poisson")


def found(intercept: Any, coef: Any) -> Found:
    """Make a `Found` of one intercept and p coefficients."""
    return Found(np.reshape(intercept, 1), np.reshape(coef, (1, -1)))


def _prepare_bayesglm(work: Work) -> Work:
    """Import the rooms that the package imports at first use."""
    import bayesglm as bg

    assert callable(bg.fit_map)
    return work


def _fit_bayesglm(work: Work, setting: Setting) -> Any:
    import bayesglm as bg

    model = bg.GLM("y", [bg.Linear("X", prior=bg.ridge(1.0))], family=work.spec.family)
    return bg.fit_map(model, {"y": work.y, "X": work.X})


def _read_bayesglm(fitted: Any) -> Found:
    return found(fitted["map"]["intercept"].values, fitted["map"]["X"].values)


def _fit_sklearn(work: Work, setting: Setting) -> Any:
    from sklearn.linear_model import LogisticRegression, PoissonRegressor

    if work.spec.family == "bernoulli":
        return LogisticRegression(C=1.0, max_iter=10_000, **setting).fit(work.X, work.y)
    alpha = 1 / work.spec.n
    return PoissonRegressor(alpha=alpha, max_iter=10_000, **setting).fit(work.X, work.y)


def read_estimator(estimator: Any) -> Found:
    """Read an estimator that follows scikit-learn's names."""
    return found(estimator.intercept_, estimator.coef_)


def _fit_glum(work: Work, setting: Setting) -> Any:
    from glum import GeneralizedLinearRegressor

    return GeneralizedLinearRegressor(
        alpha=1 / work.spec.n, l1_ratio=0, family=_GLUM[work.spec.family], max_iter=1000, **setting
    ).fit(work.X, work.y)


def prepare_nemos(work: Work) -> Work:
    """Switch JAX to float64: in float32 no solver comes within 1e-8."""
    import jax

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    return work


def nemos_glm(kind: str, family: str, strength: float, setting: Setting) -> Any:
    """Make a nemos model, `kind` being GLM or PopulationGLM, with a ridge penalty."""
    import nemos

    return getattr(nemos.glm, kind)(
        observation_model=family.capitalize(),
        regularizer="Ridge",
        regularizer_strength=strength,
        solver_name="LBFGS",
        solver_kwargs={**setting, "maxiter": 10_000},
    )


def _fit_nemos(work: Work, setting: Setting) -> Any:
    return nemos_glm("GLM", work.spec.family, 1 / work.spec.n, setting).fit(work.X, work.y)


def _prepare_statsmodels(work: Work) -> Any:
    import statsmodels.api as sm

    families = {"bernoulli": sm.families.Binomial, "poisson": sm.families.Poisson}
    return work, sm.add_constant(work.X), families[work.spec.family]


def _fit_statsmodels(prepared: Any, setting: Setting) -> Any:
    import statsmodels.api as sm

    work, X, family = prepared
    alpha = np.full(X.shape[1], 1 / work.spec.n)
    alpha[0] = 0
    return sm.GLM(work.y, X, family=family()).fit_regularized(
        alpha=alpha, L1_wt=0.0, maxiter=1000, **setting
    )


def _read_statsmodels(result: Any) -> Found:
    return found(result.params[0], result.params[1:])


def _fit_pymc(work: Work, setting: Setting) -> Any:
    import pymc as pm

    with pm.Model():
        intercept = pm.Flat("intercept")
        w = pm.Normal("w", 0, 1, shape=work.X.shape[1])
        pm.Bernoulli("y", logit_p=intercept + work.X @ w, observed=work.y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pm.find_MAP(progressbar=False, **setting)


def _prepare_pymc(work: Work) -> Work:
    import pymc  # noqa: F401

    return work


def _read_pymc(point: Any) -> Found:
    return found(point["intercept"], point["w"])


BAYESGLM = Solver(
    "bayesglm", ("bayesglm",), _fit_bayesglm, _read_bayesglm, prepare=_prepare_bayesglm
)

_STEPS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)

SKLEARN = tuple(
    Solver(
        f"scikit-learn {solver}",
        ("scikit-learn",),
        _fit_sklearn,
        read_estimator,
        tolerances("tol", *_STEPS, solver=solver),
        families=families,
    )
    for solver, families in (
        ("lbfgs", _COUNTS_AND_BINARY),
        ("newton-cholesky", _COUNTS_AND_BINARY),
        ("newton-cg", ("bernoulli",)),
    )
)

SOLVERS = (
    BAYESGLM,
    *SKLEARN,
    Solver(
        "glum",
        ("glum",),
        _fit_glum,
        read_estimator,
        tolerances("gradient_tol", *_STEPS),
        families=_COUNTS_AND_BINARY,
    ),
    Solver(
        "nemos LBFGS",
        ("nemos",),
        _fit_nemos,
        read_estimator,
        tolerances("tol", *_STEPS, rtol=0.0),
        prepare_nemos,
        _COUNTS_AND_BINARY,
    ),
    Solver(
        "statsmodels",
        ("statsmodels",),
        _fit_statsmodels,
        _read_statsmodels,
        tolerances("cnvrg_tol", *_STEPS[1:]),
        _prepare_statsmodels,
        _COUNTS_AND_BINARY,
    ),
)

PYMC = Solver(
    "pm.find_MAP",
    ("pymc",),
    _fit_pymc,
    _read_pymc,
    tolerances("tol", 1e-4, 1e-6, 1e-8, 1e-10, 1e-12),
    _prepare_pymc,
    ("bernoulli",),
)
