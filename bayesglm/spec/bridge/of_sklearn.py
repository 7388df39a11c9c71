"""The conventions of scikit-learn, and of celer and skglm, whose estimators are made like its."""

from __future__ import annotations

from bayesglm.spec.bridge.elastic import Elastic
from bayesglm.spec.bridge.forms import Grouped, Learned
from bayesglm.spec.bridge.record import (
    HALF_DEVIANCE,
    HALF_SQUARES,
    LOGS,
    MARGINAL,
    SQUARES,
    Convention,
    ScaledIntercept,
    Switch,
)

SOLVING = ("copy_X", "max_iter", "random_state", "solver", "tol", "verbose", "warm_start")
BY_COORDINATES = (*SOLVING, "precompute", "selection")
BY_BLOCKS = (*SOLVING, "max_epochs", "p0", "prune", "ws_strategy")
NO_INTERCEPT = Switch("fit_intercept", on=False, off=True, default=True)
POSITIVE = Switch("positive")
OF_PRECISIONS = (
    *("alpha_1", "alpha_2", "alpha_init", "lambda_init", "compute_score", "copy_X", "max_iter"),
    *("tol", "verbose"),
)
FOUND = "it finds its precisions itself; sklearn.Ridge takes a number"
OF_EACH_CLASS = "each class then has a model of its own; write one for each, of 0 and 1"
L1_RATIO = "say it by l1_ratio=, 0 for L2 and 1 for L1, and no penalty by C=inf"


def _family_of_power(power: float) -> str | None:
    """Return the family whose variance is phi·mu^power."""
    whole = {0.0: "gaussian", 1.0: "poisson", 2.0: "gamma", 3.0: "inverse_gaussian"}
    return "tweedie" if 1.0 < power < 2.0 else whole.get(power)


OF_POWERS = ("gaussian", "poisson", "tweedie", "gamma", "inverse_gaussian")


def _of_one_family(name: str, family: str) -> Convention:
    return Convention(
        name,
        Elastic("alpha", ratio=0.0),
        {family: HALF_DEVIANCE},
        mean=True,
        no_intercept=NO_INTERCEPT,
        neutral=SOLVING,
    )


SKLEARN = (
    Convention(
        "sklearn.Ridge",
        Elastic("alpha", ratio=0.0, halved=False),
        {"gaussian": SQUARES},
        no_intercept=NO_INTERCEPT,
        positive=POSITIVE,
        neutral=SOLVING,
        note="of RidgeCV by alpha_",
    ),
    Convention(
        "sklearn.Lasso",
        Elastic("alpha", ratio=1.0),
        {"gaussian": HALF_SQUARES},
        mean=True,
        no_intercept=NO_INTERCEPT,
        positive=POSITIVE,
        neutral=BY_COORDINATES,
        note="of LassoCV, LassoLars and their like by alpha_",
    ),
    Convention(
        "sklearn.ElasticNet",
        Elastic("alpha", ratio="l1_ratio", default_ratio=0.5),
        {"gaussian": HALF_SQUARES},
        mean=True,
        no_intercept=NO_INTERCEPT,
        positive=POSITIVE,
        neutral=BY_COORDINATES,
        note="of ElasticNetCV by alpha_ and l1_ratio_",
    ),
    Convention(
        "sklearn.LogisticRegression",
        Elastic("C", ratio="l1_ratio", inverse=True),
        {"bernoulli": LOGS, "categorical": LOGS},
        no_intercept=NO_INTERCEPT,
        scaled_intercept=ScaledIntercept("solver", "liblinear", "intercept_scaling"),
        neutral=(*SOLVING, "class_weight", "dual", "n_jobs"),
        refused={
            "penalty": (("deprecated",), L1_RATIO),
            "multi_class": (("auto", "deprecated", "multinomial", "warn"), OF_EACH_CLASS),
        },
        with_kink={"solver": "saga"},
        note="categorical of reference=None, one vector of w for each class; solver='liblinear' "
        "penalises intercept/intercept_scaling as a coefficient; of LogisticRegressionCV by C_",
    ),
    _of_one_family("sklearn.PoissonRegressor", "poisson"),
    _of_one_family("sklearn.GammaRegressor", "gamma"),
    Convention(
        "sklearn.TweedieRegressor",
        Elastic("alpha", ratio=0.0),
        dict.fromkeys(OF_POWERS, HALF_DEVIANCE),
        mean=True,
        family="power",
        family_of=_family_of_power,
        no_intercept=NO_INTERCEPT,
        neutral=(*SOLVING, "link"),
        note="the powers 0, 1, from 1 to 2, 2 and 3",
    ),
    Convention(
        "sklearn.BayesianRidge",
        Learned("lambda_1", "lambda_2", default=1e-6),
        {"gaussian": MARGINAL},
        no_intercept=NO_INTERCEPT,
        neutral=OF_PRECISIONS,
        note="dispersion=Precision(Gamma(alpha_1, alpha_2)); the joint mode of the logs of both "
        "precisions, w integrated out",
    ),
    Convention(
        "sklearn.BayesianRidge.fitted",
        Elastic("lambda_", ratio=0.0),
        {"gaussian": LOGS},
        no_intercept=NO_INTERCEPT,
        only_read=FOUND,
        note="by its precisions lambda_ of w and alpha_ of the noise, sigma = 1/√alpha_",
    ),
    Convention(
        "sklearn.ARDRegression",
        Learned("lambda_1", "lambda_2", default=1e-6, of_each=True),
        {"gaussian": MARGINAL},
        no_intercept=NO_INTERCEPT,
        neutral=(*OF_PRECISIONS, "threshold_lambda"),
        note="as BayesianRidge, with a precision for each column, integrated out in the prior",
    ),
    Convention(
        "sklearn.ARDRegression.fitted",
        Elastic("lambda_", ratio=0.0, by_column=True),
        {"gaussian": LOGS},
        no_intercept=NO_INTERCEPT,
        only_read=FOUND,
        note="by a precision for each column that it has not pruned",
    ),
)

CELER = (
    Convention(
        "celer.Lasso",
        Elastic("alpha", ratio=1.0, factors=("weights",)),
        {"gaussian": HALF_SQUARES},
        mean=True,
        no_intercept=NO_INTERCEPT,
        positive=POSITIVE,
        neutral=BY_BLOCKS,
    ),
    Convention(
        "celer.ElasticNet",
        Elastic("alpha", ratio="l1_ratio", default_ratio=1.0, factors=("weights",)),
        {"gaussian": HALF_SQUARES},
        mean=True,
        no_intercept=NO_INTERCEPT,
        positive=POSITIVE,
        neutral=BY_BLOCKS,
    ),
    Convention(
        "celer.LogisticRegression",
        Elastic("C", ratio=1.0, inverse=True),
        {"bernoulli": LOGS},
        no_intercept=Switch("fit_intercept", on=False, off=True),
        neutral=BY_BLOCKS,
        always={"penalty": "l1"},
        note="without an intercept, which version 0.7 does not fit",
    ),
    Convention(
        "celer.GroupLasso",
        Grouped("alpha", groups="groups", factor="weights"),
        {"gaussian": HALF_SQUARES},
        mean=True,
        no_intercept=NO_INTERCEPT,
        neutral=BY_BLOCKS,
    ),
)

SKGLM = (
    Convention(
        "skglm.Lasso",
        Elastic("alpha", ratio=1.0),
        {"gaussian": HALF_SQUARES},
        mean=True,
        no_intercept=NO_INTERCEPT,
        positive=POSITIVE,
        neutral=BY_BLOCKS,
    ),
    Convention(
        "skglm.WeightedLasso",
        Elastic("alpha", ratio=1.0, factors=("weights",)),
        {"gaussian": HALF_SQUARES},
        mean=True,
        no_intercept=NO_INTERCEPT,
        positive=POSITIVE,
        neutral=BY_BLOCKS,
    ),
    Convention(
        "skglm.ElasticNet",
        Elastic("alpha", ratio="l1_ratio", default_ratio=0.5),
        {"gaussian": HALF_SQUARES},
        mean=True,
        no_intercept=NO_INTERCEPT,
        positive=POSITIVE,
        neutral=BY_BLOCKS,
    ),
    Convention(
        "skglm.SparseLogisticRegression",
        Elastic("alpha", ratio="l1_ratio", default_ratio=1.0),
        {"bernoulli": LOGS},
        mean=True,
        no_intercept=NO_INTERCEPT,
        neutral=BY_BLOCKS,
    ),
    Convention(
        "skglm.GroupLasso",
        Grouped("alpha", groups="groups", factor="weights"),
        {"gaussian": HALF_SQUARES},
        mean=True,
        no_intercept=NO_INTERCEPT,
        neutral=BY_BLOCKS,
        refused={"positive": ((False,), "no prior here is one of groups with a bound")},
    ),
)
