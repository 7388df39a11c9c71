"""What the bridge cannot read or write is refused, in words that say why and what to do."""

import numpy as np
import pytest

import bayesglm as bg

READ = {
    "unknown convention": ("sklearn.Rigde", {}, r"Did you mean 'sklearn.Ridge'\?"),
    "a class without its library": ("ridge", {}, r"Did you mean 'sklearn.Ridge'\?"),
    "a library": ("sklearn", {}, "'sklearn' is a library.*one of sklearn.Ridge, sklearn.Lasso, "),
    "no name": (np.array, {}, "from_sklearn takes fitted estimators"),
    "hinge": ("sklearn.LinearSVC", {}, "loss is no likelihood"),
    "unknown setting": ("sklearn.Ridge", {"alhpa": 1.0}, r"no setting 'alhpa'.*mean 'alpha'\?"),
    "no strength": ("sklearn.Ridge", {"sigma": 1.0}, "needs alpha="),
    "no n": ("sklearn.PoissonRegressor", {"alpha": 1.0}, "n= is missing"),
    "no sigma": ("sklearn.Ridge", {"alpha": 1.0}, "sigma= is missing"),
    "no phi": ("sklearn.GammaRegressor", {"alpha": 1.0, "n": 9}, "phi= is missing.*1/alpha"),
    "both": ("sklearn.Ridge", {"alpha": 1.0, "sigma": 1.0, "phi": 1.0}, "say the same"),
    "no sds": ("glmnet", {"lambda_": 1.0, "family": "poisson", "n": 9}, "sds= is missing"),
    "no sd of y": (
        "glmnet",
        {"lambda_": 1.0, "alpha": 0.0, "n": 9, "sigma": 1.0, "standardize": False},
        "sd_y= is missing",
    ),
    "no size": ("celer.GroupLasso", {"alpha": 1.0, "n": 9, "sigma": 1.0}, "size= is missing"),
    "negative": (
        "sklearn.Ridge",
        {"alpha": -1.0, "sigma": 1.0},
        "alpha must be at least 0",
    ),
    "negative in a column": (
        "statsmodels.Logit",
        {"alpha": [0.0, 1.0, -2.0]},
        "got -2 in column 2",
    ),
    "NaN": ("sklearn.Ridge", {"alpha": float("nan"), "sigma": 1.0}, "must be a finite number"),
    "a word": ("sklearn.Ridge", {"alpha": "auto", "sigma": 1.0}, "got 'auto'"),
    "an array": ("sklearn.Ridge", {"alpha": [1.0, 2.0], "sigma": 1.0}, "must be one number"),
    "C of zero": ("sklearn.LogisticRegression", {"C": 0.0}, "C must be positive"),
    "a ratio": ("sklearn.LogisticRegression", {"C": 1.0, "l1_ratio": 1.5}, "between 0 and 1"),
    "n of zero": ("sklearn.PoissonRegressor", {"alpha": 1.0, "n": 0}, "n must be a positive"),
    "a switch": (
        "sklearn.Ridge",
        {"alpha": 1.0, "sigma": 1.0, "positive": "yes"},
        "must be True or False",
    ),
    "a family": (
        "glum",
        {"alpha": 1.0, "n": 9, "family": "poison"},
        r"no family of this convention.*mean 'poisson'\?",
    ),
    "a power": ("sklearn.TweedieRegressor", {"alpha": 1.0, "power": 0.5}, "power=0.5"),
    "bounded elastic net": (
        "sklearn.ElasticNet",
        {"alpha": 1.0, "n": 9, "sigma": 1.0, "positive": True},
        "no prior here is an elastic net of coefficients that are not negative",
    ),
    "bounded and flat": (
        "sklearn.Ridge",
        {"alpha": 0.0, "positive": True},
        "no prior here is flat on numbers",
    ),
    "a column without": (
        "celer.Lasso",
        {"alpha": 1.0, "weights": [1.0, 0.0], "n": 9, "sigma": 1.0},
        r"column 1 has no penalty.*Flat\(\)",
    ),
    "no factor": (
        "glmnet",
        {"lambda": 1.0, "penalty.factor": [0.0, 0.0], "n": 9, "sigma": 1.0, "standardize": False},
        "zero for every column",
    ),
    "two lengths": (
        "glmnet",
        {"lambda": 1.0, "penalty.factor": [1.0, 2.0], "n": 9, "sigma": 1.0, "sds": [1.0] * 3},
        "arrays of 2 and 3 numbers",
    ),
    "unequal groups": (
        "celer.GroupLasso",
        {"alpha": 1.0, "groups": [[0, 1], [2]], "n": 9, "sigma": 1.0},
        "groups of 1 to 2 members",
    ),
    "no groups": (
        "celer.GroupLasso",
        {"alpha": 1.0, "groups": [], "n": 9, "sigma": 1.0},
        "names no group",
    ),
    "half a member": (
        "celer.GroupLasso",
        {"alpha": 1.0, "n": 9, "sigma": 1.0, "size": 0.5},
        "must be a whole number",
    ),
    "refused": (
        "statsmodels.OLS",
        {"alpha": 1.0, "method": "sqrt_lasso"},
        "has no equivalent: the square root",
    ),
    "another regularizer": (
        "nemos.Ridge",
        {"regularizer_strength": 1.0, "regularizer": "Lasso"},
        "convention of regularizer='Ridge'",
    ),
    "twice": ("glmnet", {"lambda": 1.0, "lambda_": 2.0}, "lambda is given twice"),
    "beyond floats": ("sklearn.Ridge", {"alpha": 1.0, "sigma": 1e200}, "beyond the numbers"),
    "no pair": ("nemos.ElasticNet", {"regularizer_strength": 1.0, "n": 9}, "must be a pair"),
}
SIGMA = {"sigma": 1.0}
WRITTEN = {
    "another form": (bg.Horseshoe(1.0), "sklearn.Ridge", SIGMA, "has no equivalent"),
    "no prior": ("ridge", "sklearn.Ridge", SIGMA, "has no equivalent"),
    "a centre": (bg.Normal(1.0, loc=2.0), "sklearn.Ridge", SIGMA, "penalty around loc=2.0"),
    "learned": (bg.Normal(bg.HalfNormal(1.0)), "sklearn.Ridge", SIGMA, "scale that is learned"),
    "no kink": (bg.Laplace(1.0), "sklearn.Ridge", SIGMA, r"has no L1 penalty, Σ\|w\|"),
    "no square": (bg.Normal(1.0), "sklearn.Lasso", {"n": 9, **SIGMA}, "has no L2 penalty"),
    "one alpha": (bg.Normal([1.0, 2.0]), "sklearn.Ridge", SIGMA, "one alpha for all columns"),
    "one share": (
        bg.ElasticNet([1.0, 2.0]),
        "glmnet",
        {"n": 9, "family": "poisson"},
        "share of the L1 penalty differs",
    ),
    "no bound": (bg.HalfNormal(1.0), "sklearn.LogisticRegression", {}, "from being negative"),
    "no groups": (bg.GroupLasso(1.0), "sklearn.Lasso", {"n": 9, **SIGMA}, "each coefficient by"),
    "no walks": (bg.RandomWalk(1.0), "nemos.GroupLasso", {"n": 9}, "the lengths of groups"),
    "an intercept": (
        bg.Normal(1.0),
        "sklearn.Ridge",
        {**SIGMA, "intercept": bg.Normal(1.0)},
        "does not penalise intercepts",
    ),
    "a constant": (bg.Normal(1.0), "statsmodels.GLM", {"n": 9}, "tell columns="),
    "its kind": (
        bg.Normal(1.0),
        "sklearn.LogisticRegression",
        {"intercept": bg.Laplace(1.0)},
        "must be of the kind of theirs",
    ),
    "heavy": (bg.StudentT(1.0), "sklearn.Ridge", SIGMA, "weights that are numbers"),
    "a precision": (
        bg.Normal(bg.Precision(bg.Gamma(1.0, 1.0))),
        "sklearn.Ridge",
        SIGMA,
        "tune_prior chooses one",
    ),
    "a number": (bg.Normal(1.0), "sklearn.BayesianRidge", {}, "by a precision that it learns"),
    "found by the fit": (
        bg.Normal(1.0),
        "sklearn.BayesianRidge.fitted",
        {},
        "finds its precisions",
    ),
    "two precisions": (
        bg.StudentT([1.0, 2.0]),
        "sklearn.ARDRegression",
        {},
        "one lambda_1 and one lambda_2",
    ),
    "an image": (bg.Normal([[1.0, 2.0]]), "statsmodels.GLM", {"n": 9}, "along several dims"),
    "what is asked": (bg.Normal(1.0), "sklearn.Ridge", {"alpha": 1.0}, "among the settings that"),
    "narrow": (bg.Normal(1e-200), "sklearn.LogisticRegression", {}, "beyond the numbers"),
    "a setting": (bg.Normal(1.0), "sklearn.Ridge", {"sigmas": 1.0}, r"mean 'sigma'\?"),
}


@pytest.mark.parametrize(("convention", "settings", "words"), READ.values(), ids=READ.keys())
def test_settings_that_say_no_prior_are_refused(convention, settings, words):
    with pytest.raises(bg.ModelError, match=words):
        bg.penalty_to_prior(convention, **settings)


@pytest.mark.parametrize(("prior", "convention", "known", "words"), WRITTEN.values(), ids=WRITTEN)
def test_priors_that_are_no_setting_are_refused(prior, convention, known, words):
    with pytest.raises(bg.ModelError, match=words):
        bg.prior_to_penalty(prior, convention, **known)


def test_no_penalty_needs_nothing_else():
    assert bg.penalty_to_prior("sklearn.Lasso", alpha=0.0) == bg.Flat()
    assert bg.penalty_to_prior("sklearn.LogisticRegression", C=np.inf) == bg.Flat()
    assert bg.prior_to_penalty(bg.Flat(), "sklearn.Lasso") == {"alpha": 0.0}
    assert bg.prior_to_penalty(bg.Flat(), "sklearn.LogisticRegression")["C"] == np.inf
