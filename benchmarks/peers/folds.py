"""Scores of held-out folds: ours beside a single fit of ours, and scikit-learn's."""

from typing import Any

import numpy as np

from benchmarks.solver import Setting, Solver
from benchmarks.work import Scored, Work

FOLDS = {"dense": 10, "constant": 5, "population": 3, "decoder": 8}
LAMS = tuple(10.0**k for k in range(-3, 6))  # penalties of the decoder
_DRAWS, _CHAINS = 1000, 4


def _model(work: Work) -> Any:
    import bayesglm as bg

    spec = work.spec
    terms = [bg.Linear("X", prior=bg.Normal(1.0))] if spec.p else []
    return bg.GLM("y", terms, family=spec.family, intercept=bg.Normal(2.5))


def _data(work: Work) -> dict[str, Any]:
    return {"y": work.y, **({"X": work.X} if work.spec.p else {})}


def _kfold(work: Work, setting: Setting) -> Any:
    import bayesglm as bg

    folds = FOLDS[work.spec.kind]
    return bg.kfold(_model(work), _data(work), folds=folds, draws=_DRAWS, chains=_CHAINS).elpd_i


def _fit(work: Work, setting: Setting) -> Any:
    import bayesglm as bg

    return bg.fit(_model(work), _data(work), draws=_DRAWS, chains=_CHAINS)["posterior"]["intercept"]


def _sklearn(work: Work, setting: Setting) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import KFold, cross_val_score

    folds = KFold(FOLDS[work.spec.kind], shuffle=True, random_state=0)
    return cross_val_score(
        LogisticRegression(C=1.0), work.X, work.y, cv=folds, scoring="neg_log_loss"
    )


def _cross_validate(work: Work, setting: Setting) -> Any:
    import bayesglm as bg

    models = {
        f"{lam:g}": bg.GLM("y", bg.Linear("X", prior=bg.ridge(lam)), family="bernoulli")
        for lam in LAMS
    }
    data, folds = {"y": work.y, "X": work.X}, FOLDS[work.spec.kind]
    table = bg.cross_validate(models, data, folds=folds, scoring="accuracy")
    return table["value"][table["fold"] == "all"]


def _sklearn_path(work: Work, setting: Setting) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import KFold, cross_val_score

    folds = KFold(FOLDS[work.spec.kind], shuffle=True, random_state=0)
    return [
        cross_val_score(
            LogisticRegression(C=1.0 / lam, max_iter=1000), work.X, work.y, cv=folds
        ).mean()
        for lam in LAMS
    ]


def _read(found: Any) -> Scored:
    each = np.ravel(np.asarray(found))
    return Scored(each, float(each.sum()))


KFOLD = Solver("bayesglm", ("bayesglm",), _kfold, _read)
FIT = Solver("bayesglm, one fit", ("bayesglm",), _fit, _read)
SKLEARN = Solver("scikit-learn, estimates", ("scikit-learn",), _sklearn, _read)
DECODERS = (
    Solver("bayesglm", ("bayesglm",), _cross_validate, _read),
    Solver("scikit-learn", ("scikit-learn",), _sklearn_path, _read),
)
