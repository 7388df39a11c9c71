"""Responses with levels: labels of four, or of five in an order; estimates, and draws.

Estimates are of maximum likelihood. Posteriors have Normal(0, 1) on the coefficients, and
Normal(0, 2.5) on intercepts or increasing cutpoints.
"""

import warnings
from typing import Any

import numpy as np

from benchmarks.peers.posterior import CHAINS, DRAWS, importing, scalars
from benchmarks.solver import Setting, Solver, tolerances
from benchmarks.work import Drawn, Found, Work

LABELS, ORDER = ("categorical",), ("ordinal",)
_BOTH = (*LABELS, *ORDER)


def _prepare_bayesglm(work: Work) -> Work:
    import bayesglm as bg

    assert callable(bg.fit_map)
    return work


def _model(work: Work, prior: Any, of_levels: Any) -> Any:
    import bayesglm as bg

    where = "dispersion" if work.spec.family == "ordinal" else "intercept"
    term = bg.Linear("X", prior=prior)
    return bg.GLM("y", [term], family=work.spec.family, **{where: of_levels})


def _fit_bayesglm(work: Work, setting: Setting) -> Any:
    import bayesglm as bg

    return bg.fit_map(_model(work, bg.Flat(), bg.Flat()), {"y": work.y, "X": work.X})


def _read_bayesglm(fitted: Any) -> Found:
    at = fitted["map"]
    name = "cutpoint" if "cutpoint" in at else "intercept"
    return Found(at[name].values, np.atleast_2d(at["X"].values))


def _prepare_labels(work: Work) -> Any:
    import statsmodels.api as sm

    return work.y, sm.add_constant(work.X)


def _fit_labels(prepared: Any, setting: Setting) -> Any:
    import statsmodels.api as sm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sm.MNLogit(*prepared).fit(disp=0, maxiter=1000, **setting)


def _read_labels(result: Any) -> Found:
    return Found(result.params[0], result.params[1:].T)


def _prepare_order(work: Work) -> Work:
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    assert OrderedModel
    return work


def _fit_order(work: Work, setting: Setting) -> Any:
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = OrderedModel(work.y.astype(int), work.X, distr="logit")
        return model.fit(disp=0, maxiter=1000, **setting)


def _read_order(result: Any) -> Found:
    p = result.model.exog.shape[1]
    cutpoints = result.model.transform_threshold_params(result.params)[1:-1]
    return Found(cutpoints, np.asarray(result.params)[None, :p])


def _fit_sklearn(work: Work, setting: Setting) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=np.inf, max_iter=10_000, **setting).fit(work.X, work.y)


def _read_sklearn(estimator: Any) -> Found:
    intercept, coef = estimator.intercept_, estimator.coef_
    return Found(intercept[1:] - intercept[0], coef[1:] - coef[0])


def _sample_bayesglm(work: Work, setting: Setting) -> Any:
    import bayesglm as bg

    model = _model(work, bg.Normal(1.0), bg.Normal(2.5))
    data = {"y": work.y, "X": work.X}
    return bg.fit(model, data, draws=DRAWS, chains=CHAINS, seed=setting["seed"])


def _read_draws(fitted: Any) -> Drawn:
    group = fitted["posterior"]
    name = "cutpoint" if "cutpoint" in group else "intercept"
    draws = scalars(group[name].values, group["X"].values)
    return Drawn(draws, fitted.attrs.get("importance_ess"))


def _sample_pymc(work: Work, setting: Setting) -> Any:
    import nutpie
    import pymc as pm

    k, p = work.spec.many - 1, work.X.shape[1]
    with pm.Model() as model:
        if work.spec.family == "ordinal":
            ordered = pm.distributions.transforms.ordered
            start = np.linspace(-1.0, 1.0, k)
            cutpoints = pm.Normal("levels", 0.0, 2.5, shape=k, transform=ordered, initval=start)
            eta = work.X @ pm.Normal("w", shape=p)
            pm.OrderedLogistic("y", eta, cutpoints, observed=work.y.astype(int), compute_p=False)
        else:
            intercepts = pm.Normal("levels", 0.0, 2.5, shape=k)
            eta = intercepts + work.X @ pm.Normal("w", shape=(k, p)).T
            eta = pm.math.concatenate([np.zeros((len(work.X), 1)), eta], axis=1)
            pm.Categorical("y", logit_p=eta, observed=work.y.astype(int))
    compiled = nutpie.compile_pymc_model(model)
    draws, seed = setting.get("draws", DRAWS), setting["seed"]
    return nutpie.sample(compiled, draws=draws, chains=CHAINS, seed=seed, progress_bar=False)


def _read_pymc(tree: Any) -> Drawn:
    group = tree["posterior"]
    return Drawn(scalars(group["levels"].values, group["w"].values))


def _pymc(name: str, setting: Setting) -> Solver:
    needs = ("pymc", "nutpie")
    return Solver(name, needs, _sample_pymc, _read_pymc, (setting,), importing(*needs), _BOTH)


ESTIMATES = (
    Solver(
        "bayesglm",
        ("bayesglm",),
        _fit_bayesglm,
        _read_bayesglm,
        prepare=_prepare_bayesglm,
        families=_BOTH,
    ),
    Solver(
        "statsmodels MNLogit",
        ("statsmodels",),
        _fit_labels,
        _read_labels,
        tolerances("tol", 1e-4, 1e-6, 1e-8, method="newton"),
        _prepare_labels,
        LABELS,
    ),
    Solver(
        "statsmodels OrderedModel",
        ("statsmodels",),
        _fit_order,
        _read_order,
        tolerances("gtol", 1e-3, 1e-4, 1e-5, 1e-6, method="bfgs"),
        _prepare_order,
        ORDER,
    ),
    *(
        Solver(
            f"scikit-learn {solver}",
            ("scikit-learn",),
            _fit_sklearn,
            _read_sklearn,
            tolerances("tol", 1e-3, 1e-4, 1e-5, 1e-6, 1e-8, solver=solver),
            families=LABELS,
        )
        for solver in ("lbfgs", "newton-cg")
    ),
)
FIT = Solver(
    "bayesglm",
    ("bayesglm",),
    _sample_bayesglm,
    _read_draws,
    prepare=importing("bayesglm.inference.fit", "arviz_stats.base"),
    families=_BOTH,
)
SAMPLERS = (FIT, _pymc("PyMC, nutpie", {}))
REFERENCE = _pymc("reference", {"draws": 5000})
