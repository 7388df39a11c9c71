"""The conventions of glmnet and mgcv in R, and of glum, statsmodels, nemos and pyglmnet."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bayesglm.spec.bridge.elastic import Elastic
from bayesglm.spec.bridge.forms import Form, Grouped, Walk
from bayesglm.spec.bridge.record import (
    HALF_DEVIANCE,
    HALF_SQUARES,
    LOGS,
    LOGS_AT_ONE,
    SQUARES,
    Convention,
    Loss,
    Switch,
)

BOUNDED = "bounds are priors here, HalfNormal and Exponential; take the settings of these"
NO_INTERCEPT = Switch("fit_intercept", on=False, off=True, default=True)

OF_R = {
    "gaussian": "gaussian",
    "poisson": "poisson",
    "binomial": "bernoulli",
    "Gamma": "gamma",
    "inverse.gaussian": "inverse_gaussian",
}
OF_GLMNET = {**dict(list(OF_R.items())[:3]), "multinomial": "categorical"}
RELAXED = "a relaxed fit has no penalty; give its columns Flat()"
GROUPED = "its groups are of a column over all classes, and GroupLasso's of a term's own dims"


def _glmnet(
    name: str, words: Mapping[str, str], losses: Mapping[str, Loss], of_objects: bool, note: str
) -> Convention:
    return Convention(
        name,
        Elastic(
            "lambda",
            ratio="alpha",
            default_ratio=1.0,
            factors=("penalty.factor",),
            rescaled=True,
        ),
        losses,
        mean=True,
        family="family",
        words=words,
        family_is_setting=not of_objects,
        no_intercept=Switch("intercept", on=False, off=True, default=True),
        standardize=Switch("standardize", default=True),
        unit_response=() if of_objects else ("gaussian",),
        positive=Switch("lower.limits", on=0.0, off=-math.inf, default=-math.inf),
        neutral=(
            *("thresh", "maxit", "nlambda", "lambda.min.ratio", "dfmax", "pmax", "type.gaussian"),
            *("type.logistic", "trace.it"),
        ),
        refused={
            "upper.limits": ((math.inf,), BOUNDED),
            "type.multinomial": (("ungrouped",), GROUPED),
            "standardize.response": ((False,), "a model here has one response"),
            "exclude": ((None,), "leave these columns out of the model"),
            "relax": ((False,), RELAXED),
        },
        note=note,
    )


GLMNET = (
    _glmnet(
        "glmnet",
        OF_GLMNET,
        {"gaussian": HALF_SQUARES, **dict.fromkeys(list(OF_GLMNET.values())[1:], LOGS)},
        of_objects=False,
        note="lambda is one number; penalty.factor is divided by its mean; multinomial is "
        "categorical with reference=None",
    ),
    _glmnet(
        "glmnet.glm",
        OF_R,
        dict.fromkeys(OF_R.values(), HALF_DEVIANCE),
        of_objects=True,
        note="of families that are objects: gaussian(), Gamma('log'); here by their word",
    ),
)


def _mgcv(name: str, form: Form, note: str) -> Convention:
    return Convention(
        name,
        form,
        dict.fromkeys(OF_R.values(), HALF_DEVIANCE),
        family="family",
        words=OF_R,
        neutral=("method", "optimizer", "control"),
        note=note,
    )


MGCV = (
    _mgcv(
        "mgcv",
        Walk("sp", scaling="S.scale"),
        "of P-splines, s(x, bs='ps'), whose basis is a Linear block under RandomWalk(order=m[2]) "
        "that holds the intercept, and of paraPen; S.scale is that of the smooth, 1 in paraPen",
    ),
    _mgcv("mgcv.re", Elastic("sp", ratio=0.0), "of s(g, bs='re'): Group('g') under a Normal"),
)

OF_GLUM = {
    "normal": "gaussian",
    "gaussian": "gaussian",
    "binomial": "bernoulli",
    "poisson": "poisson",
    "gamma": "gamma",
    "inverse.gaussian": "inverse_gaussian",
    "tweedie": "tweedie",
    "negative.binomial": "negative_binomial",
}
GLUM = Convention(
    "glum",
    Elastic(
        "alpha",
        ratio="l1_ratio",
        factors=("P1", "P2"),
        no_factor="identity",
    ),
    dict.fromkeys(OF_GLUM.values(), HALF_DEVIANCE),
    mean=True,
    family="family",
    words=OF_GLUM,
    no_intercept=NO_INTERCEPT,
    standardize=Switch("scale_predictors"),
    neutral=(
        *("link", "solver", "max_iter", "max_inner_iter", "gradient_tol", "step_size_tol"),
        *("hessian_approx", "warm_start", "start_params", "selection", "random_state", "copy_X"),
        *("check_input", "verbose", "force_all_finite", "robust", "expected_information"),
    ),
    refused={
        "lower_bounds": ((None,), BOUNDED),
        "upper_bounds": ((None,), BOUNDED),
        "A_ineq": ((None,), "no prior here holds coefficients to inequalities"),
        "alpha_search": ((False,), "the penalty is then chosen by the fit; give the alpha chosen"),
    },
    note="GeneralizedLinearRegressor; 'tweedie (1.5)' has p = 1.5, 'negative.binomial (0.5)' "
    "alpha = 1/0.5",
)


def _discrete(kind: str, family: str, note: str = "", by_column: bool = True) -> Convention:
    return Convention(
        f"statsmodels.{kind}",
        Elastic("alpha", ratio=1.0, by_column=by_column),
        {family: LOGS},
        constant_column=True,
        always={"method": "l1"},
        neutral=("start_params", "maxiter", "full_output", "disp", "acc"),
        refused={
            "trim_mode": (("auto", "off"), "it sets coefficients to zero that are small"),
        },
        note=note or "a sum, not a mean",
    )


STATSMODELS = (
    Convention(
        "statsmodels.OLS",
        Elastic("alpha", ratio="L1_wt", default_ratio=1.0, by_column=True),
        {"gaussian": HALF_SQUARES},
        mean=True,
        constant_column=True,
        neutral=("start_params", "maxiter", "cnvrg_tol", "zero_tol"),
        refused={
            "method": (("elastic_net",), "the square root of a sum of squares is no likelihood"),
            "profile_scale": ((False,), "sigma is then profiled out, and a prior needs its number"),
            "refit": ((False,), "a refit has no penalty; give its columns Flat()"),
        },
        note="of WLS, weights times n over their sum",
    ),
    Convention(
        "statsmodels.GLM",
        Elastic("alpha", ratio="L1_wt", default_ratio=1.0, by_column=True),
        {"poisson": LOGS, "bernoulli": LOGS},
        mean=True,
        family="family",
        words={"poisson": "poisson", "binomial": "bernoulli"},
        family_is_setting=False,
        constant_column=True,
        neutral=("start_params", "opt_method", "maxiter", "cnvrg_tol", "zero_tol"),
        refused={
            "method": (("elastic_net",), "its solver for L1 alone trims; take 'elastic_net'"),
            "refit": ((False,), "a refit has no penalty; give its columns Flat()"),
        },
        note="family, a word, is the model's; others are not fitted at one dispersion",
    ),
    _discrete("Logit", "bernoulli"),
    _discrete("Probit", "bernoulli", "a sum, not a mean; link='probit'"),
    _discrete("Poisson", "poisson"),
    _discrete("MNLogit", "categorical", "a sum, not a mean; against the first level", False),
)

NEMOS_LOSSES = {
    "poisson": LOGS,
    "bernoulli": LOGS,
    "gaussian": SQUARES,
    "gamma": LOGS_AT_ONE,
}


def _nemos(regularizer: str, form: Form) -> Convention:
    return Convention(
        f"nemos.{regularizer}",
        form,
        NEMOS_LOSSES,
        mean=True,
        family="observation_model",
        words={
            "Poisson": "poisson",
            "Bernoulli": "bernoulli",
            "Gaussian": "gaussian",
            "Gamma": "gamma",
        },
        neutral=("inverse_link_function", "solver_name", "solver_kwargs"),
        always={"regularizer": regularizer},
        note="GLM, and each neuron of PopulationGLM",
    )


STRENGTH = "regularizer_strength"
NEMOS = (
    _nemos("Ridge", Elastic(STRENGTH, ratio=0.0, by_column=True)),
    _nemos("Lasso", Elastic(STRENGTH, ratio=1.0, by_column=True)),
    _nemos("ElasticNet", Elastic(STRENGTH, ratio=0.5, by_column=True, paired=True)),
    _nemos("GroupLasso", Grouped(STRENGTH, rooted=True)),
)

PYGLMNET = Convention(
    "pyglmnet",
    Elastic("reg_lambda", ratio="alpha", default_ratio=0.5),
    {
        "poisson": LOGS,
        "gaussian": LOGS_AT_ONE,
        "bernoulli": LOGS,
    },
    mean=True,
    family="distr",
    words={
        "softplus": "poisson",
        "poisson": "poisson",
        "gaussian": "gaussian",
        "binomial": "bernoulli",
        "probit": "bernoulli",
    },
    no_intercept=NO_INTERCEPT,
    neutral=(
        *("solver", "learning_rate", "max_iter", "tol", "eta", "score_metric", "random_state"),
        *("callback", "verbose"),
    ),
    refused={
        "Tau": ((None,), "no prior here has a matrix of one's own"),
        "group": ((None,), "its groups have penalties beside single coefficients"),
    },
    with_kink={"solver": "batch-gradient", "learning_rate": 1.0},
    note="softplus is poisson with link='softplus', probit bernoulli with link='probit'; "
    "its poisson goes on as a line above its own eta=2; version 1.1 stops at the minimum for "
    "alpha = 0, and else for solver='batch-gradient' with learning_rate=1 alone",
)

OTHERS = (*GLMNET, *MGCV, GLUM, *STATSMODELS, *NEMOS, PYGLMNET)
