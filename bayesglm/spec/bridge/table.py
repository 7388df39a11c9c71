"""Every convention that is known, by name, and what has no equivalent, with the reason."""

from __future__ import annotations

from bayesglm.spec.bridge.of_others import OTHERS
from bayesglm.spec.bridge.of_sklearn import CELER, SKGLM, SKLEARN
from bayesglm.spec.bridge.record import Convention

CONVENTIONS: dict[str, Convention] = {
    record.name: record for record in (*SKLEARN, *OTHERS, *CELER, *SKGLM)
}

_HINGE = "its loss is no likelihood, so its penalty stands beside none"
_LOSS = "no family here has its loss; student_t is robust, too"
_ACROSS = "its penalty ties the responses together, and models here have one prior for each"
_STEPS = "it stops before its optimum; take {}, whose objective is the same"
_GREEDY = "it minimises nothing: columns enter one by one until it stops"
_SUBSETS = "it is made of fits to parts of the data"
_NUMBERS = "it fits labels as the numbers -1 and 1; take sklearn.LogisticRegression"
_OF_SKLEARN = {
    "SGDClassifier": _STEPS.format("sklearn.LogisticRegression with C = 1/(n·alpha)"),
    "SGDRegressor": _STEPS.format("sklearn.ElasticNet"),
    **dict.fromkeys(("RidgeClassifier", "RidgeClassifierCV"), _NUMBERS),
    **dict.fromkeys(
        ("LinearSVC", "Perceptron", "PassiveAggressiveClassifier", "SGDOneClassSVM"), _HINGE
    ),
    **dict.fromkeys(("HuberRegressor", "QuantileRegressor", "PassiveAggressiveRegressor"), _LOSS),
    **dict.fromkeys(
        (f"MultiTask{kind}{ending}" for kind in ("Lasso", "ElasticNet") for ending in ("", "CV")),
        _ACROSS,
    ),
    **dict.fromkeys(
        ("Lars", "LarsCV", "OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV"), _GREEDY
    ),
    **dict.fromkeys(("RANSACRegressor", "TheilSenRegressor"), _SUBSETS),
}
WITHOUT_EQUIVALENT: dict[str, str] = {
    **{f"sklearn.{name}": why for name, why in _OF_SKLEARN.items()},
    "celer.MultiTaskLasso": _ACROSS,
    "skglm.MultiTaskLasso": _ACROSS,
    "skglm.MCPRegression": "its penalty is flat beyond some size, and no prior here is",
    "skglm.LinearSVC": _HINGE,
    "skglm.CoxEstimator": "families here have a likelihood of times, and Cox's model a partial one",
}
