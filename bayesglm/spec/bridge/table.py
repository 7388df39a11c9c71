"""Every convention that is known, by name, and what has no equivalent, with the reason."""

from __future__ import annotations

from bayesglm.spec.bridge.of_others import OTHERS
from bayesglm.spec.bridge.of_sklearn import CELER, SKGLM, SKLEARN
from bayesglm.spec.bridge.record import Convention

CONVENTIONS: dict[str, Convention] = {
    record.name: record for record in (*SKLEARN, *OTHERS, *CELER, *SKGLM)
}

_HINGE = "its loss is no likelihood, so its penalty stands beside none"
_ACROSS = "its penalty ties the responses together, and models here have one prior for each"
_STEPS = "it stops before its optimum; take {}, whose objective is the same"
_GREEDY = "it minimises nothing: columns enter one by one until it stops"
WITHOUT_EQUIVALENT: dict[str, str] = {
    "sklearn.SGDClassifier": _STEPS.format("sklearn.LogisticRegression with C = 1/(n·alpha)"),
    "sklearn.SGDRegressor": _STEPS.format("sklearn.ElasticNet"),
    "sklearn.RidgeClassifier": "it fits labels as the numbers -1 and 1; take "
    "sklearn.LogisticRegression",
    "sklearn.RidgeClassifierCV": "it fits labels as the numbers -1 and 1; take "
    "sklearn.LogisticRegression",
    "sklearn.LinearSVC": _HINGE,
    "sklearn.Perceptron": _HINGE,
    "sklearn.PassiveAggressiveClassifier": _HINGE,
    "sklearn.HuberRegressor": "no family here has its loss; student_t is robust, too",
    "sklearn.QuantileRegressor": "no family here has its loss",
    "sklearn.MultiTaskLasso": _ACROSS,
    "sklearn.MultiTaskElasticNet": _ACROSS,
    "sklearn.Lars": _GREEDY,
    "sklearn.OrthogonalMatchingPursuit": _GREEDY,
    "celer.MultiTaskLasso": _ACROSS,
    "skglm.MultiTaskLasso": _ACROSS,
    "skglm.MCPRegression": "its penalty is flat beyond some size, and no prior here is",
    "skglm.LinearSVC": _HINGE,
    "skglm.CoxEstimator": "families here have a likelihood of times, and Cox's model a partial one",
}
