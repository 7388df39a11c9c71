"""The model of a fitted estimator has the estimator's coefficients as its MAP estimate."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.linear_model as linear
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

import bayesglm as bg
from bayesglm.sklearn import ESTIMATORS
from bayesglm.spec.bridge.table import CONVENTIONS, WITHOUT_EQUIVALENT

FRAME = pd.read_csv(Path(__file__).parent / "references" / "penalties.csv")
PRUNING = 100.0
COLUMNS = ["a", "b", "c", "d"]
X = FRAME[COLUMNS]
N, SIGMA, PHI = len(FRAME), 0.7, 0.3
WEIGHTS = np.random.default_rng(5).integers(1, 4, N).astype(float)
WORDS = np.array(["left", "none", "right"])[FRAME["categorical"]]
EXACT = {"tol": 1e-12, "max_iter": 100_000}
GAUSSIAN = {"n": N, "sigma": SIGMA}
FITS = {
    "Ridge": (linear.Ridge(3.0, **EXACT), "gaussian", {"sigma": SIGMA}),
    "Ridge without intercept": (
        linear.Ridge(3.0, fit_intercept=False, **EXACT),
        "gaussian",
        {"sigma": SIGMA},
    ),
    "non-negative Ridge": (
        linear.Ridge(3.0, positive=True, **EXACT),
        "gaussian",
        {"sigma": SIGMA},
    ),
    "RidgeCV": (linear.RidgeCV([0.5, 5.0]), "gaussian", {"sigma": SIGMA}),
    "LinearRegression": (linear.LinearRegression(), "gaussian", {}),
    "Lasso": (linear.Lasso(0.1, **EXACT), "gaussian", GAUSSIAN),
    "non-negative Lasso": (linear.Lasso(0.05, positive=True, **EXACT), "gaussian", GAUSSIAN),
    "LassoCV": (linear.LassoCV(cv=3, alphas=9, **EXACT), "gaussian", GAUSSIAN),
    "LassoLars": (linear.LassoLars(0.1), "gaussian", GAUSSIAN),
    "LassoLarsIC": (linear.LassoLarsIC(), "gaussian", GAUSSIAN),
    "ElasticNet": (linear.ElasticNet(0.1, l1_ratio=0.3, **EXACT), "gaussian", GAUSSIAN),
    "ElasticNetCV": (
        linear.ElasticNetCV(l1_ratio=[0.2, 0.7], cv=3, alphas=9, **EXACT),
        "gaussian",
        GAUSSIAN,
    ),
    "LogisticRegression": (linear.LogisticRegression(C=0.3, **EXACT), "bernoulli", {}),
    "unpenalised": (linear.LogisticRegression(C=np.inf, **EXACT), "bernoulli", {}),
    "lasso of chances": (
        linear.LogisticRegression(C=0.3, l1_ratio=1.0, solver="saga", **EXACT),
        "bernoulli",
        {},
    ),
    "elastic net of chances": (
        linear.LogisticRegression(C=0.3, l1_ratio=0.4, solver="saga", **EXACT),
        "bernoulli",
        {},
    ),
    "penalised intercept": (
        linear.LogisticRegression(C=0.3, solver="liblinear", intercept_scaling=2.0, **EXACT),
        "bernoulli",
        {},
    ),
    "penalised intercept, L1": (
        linear.LogisticRegression(
            C=0.3, l1_ratio=1.0, solver="liblinear", intercept_scaling=2.0, **EXACT
        ),
        "bernoulli",
        {},
    ),
    "multinomial": (linear.LogisticRegression(C=0.3, **EXACT), "categorical", {}),
    "multinomial lasso": (
        linear.LogisticRegression(C=0.3, l1_ratio=1.0, solver="saga", **EXACT),
        "categorical",
        {},
    ),
    "LogisticRegressionCV": (
        linear.LogisticRegressionCV(
            Cs=[0.1, 1.0],
            cv=3,
            l1_ratios=(0.0,),
            scoring="neg_log_loss",
            use_legacy_attributes=False,
            **EXACT,
        ),
        "categorical",
        {},
    ),
    "PoissonRegressor": (linear.PoissonRegressor(alpha=0.2, **EXACT), "poisson", {"n": N}),
    "GammaRegressor": (
        linear.GammaRegressor(alpha=0.2, **EXACT),
        "gamma",
        {"n": N, "phi": PHI},
    ),
    **{
        f"TweedieRegressor of power {power}": (
            linear.TweedieRegressor(power=power, alpha=0.2, link="log", **EXACT),
            family,
            {"n": N, "phi": PHI},
        )
        for power, family in [
            (0.0, "gamma"),
            (1.0, "poisson"),
            (1.5, "poisson"),
            (2.0, "gamma"),
            (3.0, "inverse_gaussian"),
        ]
    },
    "BayesianRidge": (linear.BayesianRidge(tol=1e-12), "gaussian", {}),
    "ARDRegression": (linear.ARDRegression(tol=1e-12, threshold_lambda=1e8), "gaussian", {}),
    "ARDRegression that prunes": (
        linear.ARDRegression(tol=1e-12, threshold_lambda=PRUNING),
        "gaussian",
        {},
    ),
    "in a pipeline": (
        make_pipeline(StandardScaler(), linear.ElasticNet(0.1, l1_ratio=0.3, **EXACT)),
        "gaussian",
        GAUSSIAN,
    ),
    "multinomial in a pipeline": (
        make_pipeline(StandardScaler(), linear.LogisticRegression(C=0.3, **EXACT)),
        "categorical",
        {},
    ),
    "the best of a search": (
        GridSearchCV(linear.Ridge(**EXACT), {"alpha": [0.3, 30.0]}, cv=3),
        "gaussian",
        {"sigma": SIGMA},
    ),
}


def coefficients(fitted, model):
    """Return the MAP estimates in the order of columns, those of a pruned one being zero."""
    found = fitted["map"]
    if "X" in found:
        return found["X"].values
    zero = np.zeros_like(found[model.terms[0].label].values)
    return np.stack([found.get(name, zero + 0.0) for name in COLUMNS], axis=-1)


def of_raw_columns(estimator):
    """Return coefficients and intercept, of a pipeline those of the columns as they are."""
    final = getattr(estimator, "best_estimator_", estimator)
    if not hasattr(final, "steps"):
        return final.coef_, final.intercept_
    scaler, last = (step for _, step in final.steps)
    raw = last.coef_ / scaler.scale_
    return raw, last.intercept_ - raw @ scaler.mean_


@pytest.mark.parametrize("named", [True, False], ids=["names", "block"])
@pytest.mark.parametrize(("estimator", "response", "told"), FITS.values(), ids=FITS.keys())
def test_the_map_estimate_is_what_the_estimator_found(estimator, response, told, named):
    y = FRAME[response].to_numpy()
    fit = clone(estimator).fit(X if named else X.to_numpy(), y)
    if not named and getattr(fit, "threshold_lambda", np.inf) == PRUNING:
        with pytest.raises(bg.ModelError, match=r"pruned column 3.*DataFrame"):
            bg.from_sklearn(fit, **told)
        return
    model = bg.from_sklearn(fit, **told)
    assert bg.GLM.from_json(model.to_json()) == model
    best = bg.fit_map(model, X.assign(y=y) if named else {"X": X.to_numpy(), "y": y})
    w, intercept = of_raw_columns(fit)
    np.testing.assert_allclose(coefficients(best, model), np.squeeze(w), atol=1e-6)
    if model.intercept is not None:
        # Intercepts of several classes add up to zero.
        centred = np.asarray(intercept) - np.mean(intercept) * (np.size(intercept) > 1)
        own = best["map"]["intercept"].values
        np.testing.assert_allclose(own, np.squeeze(centred), atol=1e-6)


def test_every_convention_of_scikit_learn_has_a_fit():
    kinds = {type(estimator).__name__ for estimator, _, _ in FITS.values()}
    named = {name.removesuffix(".fitted") for name in CONVENTIONS}
    assert {name for name in named if name.startswith("sklearn.")} <= {
        f"sklearn.{kind}" for kind in kinds
    }


def test_words_are_levels_and_class_weights_are_weights():
    fit = linear.LogisticRegression(C=0.3, class_weight="balanced", **EXACT).fit(X, WORDS)
    model = bg.from_sklearn(fit, response="side", weights="times")
    assert (model.levels, model.reference, model.weights) == (
        ("left", "none", "right"),
        None,
        "times",
    )
    times = compute_sample_weight("balanced", WORDS)
    best = bg.fit_map(model, X.assign(side=WORDS, times=times))
    np.testing.assert_allclose(coefficients(best, model), fit.coef_, atol=1e-6)


@pytest.mark.parametrize(
    ("penalty", "prior"),
    [("l1", bg.Laplace(0.25)), ("l2", bg.Normal(0.5)), (None, bg.Flat()), ("deprecated", None)],
)
def test_the_penalty_of_older_versions_is_read(penalty, prior):
    fit = linear.LogisticRegression(C=0.25, **EXACT).fit(X, FRAME["bernoulli"])
    fit.set_params(penalty=penalty)
    assert bg.from_sklearn(fit).prior == (prior or bg.Normal(0.5))


@pytest.mark.parametrize("name", ["Ridge", "Lasso", "LogisticRegression", "PoissonRegressor"])
def test_n_is_the_sum_of_the_weights(name):
    estimator, response, told = FITS[name]
    fit = clone(estimator).fit(X, FRAME[response], sample_weight=WEIGHTS)
    model = bg.from_sklearn(fit, **(told | {"n": WEIGHTS.sum()}), weights="times")
    best = bg.fit_map(model, X.assign(y=FRAME[response], times=WEIGHTS))
    np.testing.assert_allclose(coefficients(best, model), np.squeeze(fit.coef_), atol=1e-6)


def test_several_responses_are_a_population_of_one_model():
    y = FRAME[["gaussian", "gamma"]].to_numpy()
    fit = linear.Ridge(3.0, **EXACT).fit(X.to_numpy(), y)
    best = bg.fit_map(bg.from_sklearn(fit, sigma=SIGMA), {"X": X.to_numpy(), "y": y})
    np.testing.assert_allclose(best["map"]["X"], fit.coef_, atol=1e-6)


def test_its_uncertainty_is_a_fit_away():
    fit = linear.LogisticRegression(C=0.3, **EXACT).fit(X, FRAME["bernoulli"])
    posterior = bg.fit(bg.from_sklearn(fit), X.assign(y=FRAME["bernoulli"]), draws=300)
    means = [float(posterior["posterior"][name].mean()) for name in COLUMNS]
    np.testing.assert_allclose(means, fit.coef_[0], atol=0.1)


WRITTEN = {
    "Ridge": (bg.Normal(0.3), "gaussian", {"sigma": SIGMA}),
    "Ridge without intercept": (
        bg.HalfNormal(0.3),
        "gaussian",
        {"sigma": SIGMA, "intercept": None},
    ),
    "Lasso": (bg.Laplace(0.05), "gaussian", GAUSSIAN),
    "Lasso that is not negative": (bg.Exponential(0.05), "gaussian", GAUSSIAN),
    "ElasticNet": (bg.ElasticNet(0.1, ratio=0.3), "gaussian", GAUSSIAN),
    "LogisticRegression": (bg.Normal(0.5), "bernoulli", {}),
    "LogisticRegression, L1": (bg.Laplace(0.3), "bernoulli", {}),
    "LogisticRegression, intercept": (bg.Normal(0.5), "bernoulli", {"intercept": bg.Normal(0.8)}),
    "PoissonRegressor": (bg.Normal(0.3), "poisson", {"n": N}),
    "GammaRegressor": (bg.Normal(0.3), "gamma", {"n": N, "phi": PHI}),
    "TweedieRegressor": (bg.Normal(0.3), "inverse_gaussian", {"n": N, "phi": PHI, "power": 3.0}),
}


@pytest.mark.parametrize(("name", "row"), WRITTEN.items(), ids=WRITTEN.keys())
def test_an_estimator_told_a_prior_finds_its_map_estimate(name, row):
    prior, response, known = row
    kind = name.partition(",")[0].partition(" ")[0]
    settings = bg.prior_to_penalty(prior, f"sklearn.{kind}", **known)
    fit = getattr(linear, kind)(**settings, **EXACT).fit(X.to_numpy(), FRAME[response])
    fixed = {"gaussian": SIGMA, "gamma": 1.0 / PHI, "inverse_gaussian": 1.0 / PHI}
    model = bg.GLM(
        "y",
        bg.Linear("X", prior=prior),
        family=response,
        intercept=known.get("intercept", bg.Flat()),
        dispersion=fixed.get(response),
    )
    best = bg.fit_map(model, {"X": X.to_numpy(), "y": FRAME[response].to_numpy()})
    np.testing.assert_allclose(best["map"]["X"], np.squeeze(fit.coef_), atol=1e-6)


def fitted(estimator, response="gaussian"):
    return estimator.fit(X, FRAME[response])


REFUSED = {
    "not fitted": (linear.Ridge(), {}, r"Ridge is not fitted.*call its fit\(X, y\)"),
    "a pipeline": (make_pipeline(linear.Ridge()), {}, "Ridge is not fitted"),
    "a search": (GridSearchCV(linear.Ridge(), {}), {}, "GridSearchCV is not fitted"),
    "a class": (linear.Ridge, {}, "takes a fitted estimator"),
    "a word": ("Ridge", {}, "takes a fitted estimator.*got 'Ridge'"),
    "steps": (
        fitted(make_pipeline(PolynomialFeatures(), linear.Ridge())),
        {},
        "the step PolynomialFeatures",
    ),
    "centred": (
        fitted(make_pipeline(StandardScaler(), linear.Ridge(fit_intercept=False))),
        {"sigma": 1.0},
        "moves columns to their means",
    ),
    "a negative sigma": (
        fitted(linear.LinearRegression()),
        {"sigma": -1.0},
        "sigma must be a positive",
    ),
    "no sigma": (fitted(linear.Ridge()), {}, "sigma= is missing"),
    "no n": (fitted(linear.Lasso()), {"sigma": 1.0}, "n= is missing"),
    "no phi": (fitted(linear.GammaRegressor(), "gamma"), {"n": N}, "phi= is missing"),
    "sigma found": (fitted(linear.BayesianRidge()), {"sigma": 1.0}, "has found sigma"),
    "class weights": (
        fitted(linear.LogisticRegression(class_weight="balanced"), "bernoulli"),
        {},
        "compute_sample_weight",
    ),
    "a penalty each": (
        linear.Ridge([1.0, 2.0]).fit(X, FRAME[["gaussian", "gamma"]]),
        {"sigma": 1.0},
        "alpha must be one number",
    ),
    "steps of descent": (linear.SGDClassifier(), {}, "stops before its optimum"),
    "hinge": (linear.Perceptron(), {}, "loss is no likelihood"),
    "across": (linear.MultiTaskLasso(), {}, "ties the responses together"),
}


@pytest.mark.parametrize(("estimator", "told", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_estimators_that_maximise_no_model_are_refused(estimator, told, words):
    with pytest.raises(bg.ModelError, match=words):
        bg.from_sklearn(estimator, **told)


@pytest.mark.parametrize("name", [name for name in linear.__all__ if name[0].isupper()])
def test_every_linear_estimator_is_read_or_refused_with_a_reason(name):
    known = f"sklearn.{name}"
    assert known in {**CONVENTIONS, **ESTIMATORS, **WITHOUT_EQUIVALENT}
    if known in CONVENTIONS:
        assert set(getattr(linear, name)().get_params()) <= set(CONVENTIONS[known].settings)


def test_who_types_an_estimator_is_told_of_the_door():
    for model in (linear.Ridge(), linear.Ridge):
        with pytest.raises(bg.ModelError, match=r"the estimator Ridge.*from_sklearn"):
            bg.fit_map(model, {"y": [1.0]})
    with pytest.raises(AttributeError, match="from_sklearn"):
        bg.LogisticRegression  # noqa: B018
    with pytest.raises(bg.ModelError, match="Write prior="):
        bg.GLM("y", "x", alpha=0.1)
