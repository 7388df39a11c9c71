"""One binary response, more columns than rows, one lasso penalty and no intercept."""

from typing import Any

import numpy as np

from benchmarks.peers.dense import found, read_estimator
from benchmarks.peers.path import glmnet_path, read_found, write_for_r
from benchmarks.solver import Setting, Solver, tolerances
from benchmarks.work import Found, Work

_GLMNET_PENALTIES = 20


def _prepare_bayesglm(work: Work) -> Work:
    import bayesglm as bg

    assert callable(bg.fit_map)
    return work


def _fit_bayesglm(work: Work, setting: Setting) -> Any:
    import bayesglm as bg

    term = bg.Linear("X", prior=bg.lasso(work.spec.lam))
    model = bg.GLM("y", term, family="bernoulli", intercept=None)
    return bg.fit_map(model, {"y": work.y, "X": work.X})


def _read_bayesglm(fitted: Any) -> Found:
    return found(0.0, fitted["map"]["X"].values)


def _fit_sklearn(work: Work, setting: Setting) -> Any:
    from sklearn.linear_model import LogisticRegression

    how = {"l1_ratio": 1.0, "fit_intercept": False, "max_iter": 100_000, "random_state": 0}
    return LogisticRegression(C=1 / work.spec.lam, **how, **setting).fit(work.X, work.y)


def _with_signs(work: Work) -> Any:
    return np.asfortranarray(work.X), 2 * work.y - 1, work


def _fit_celer(prepared: Any, setting: Setting) -> Found:
    from celer import celer_path

    X, y, work = prepared
    how = {"max_iter": 50, "use_PN": True, **setting}
    _, coef, _ = celer_path(X, y, "logreg", alphas=work.lam, **how)
    return found(0.0, coef[:, 0])


def _fit_skglm(prepared: Any, setting: Setting) -> Found:
    from skglm.datafits import Logistic
    from skglm.penalties import L1
    from skglm.solvers import ProxNewton

    X, y, work = prepared
    solver = ProxNewton(fit_intercept=False, max_iter=200, **setting)
    return found(0.0, solver.solve(X, y, Logistic(), L1(work.spec.lam / work.spec.n))[0])


def _along_a_path(work: Work) -> Any:
    """glmnet asks for a path of decreasing penalties, from one that holds all at zero."""
    largest = float(np.abs(work.X.T @ (work.y - 0.5)).max())
    path = np.geomspace(max(largest, work.spec.lam), work.spec.lam, _GLMNET_PENALTIES)
    return write_for_r(work._replace(lam=path))


def _fit_glmnet(prepared: Any, setting: Setting) -> Found:
    path = glmnet_path(prepared, setting, intercept=False)
    return Found(path.intercept[-1:], path.coef[-1:], path.seconds)


_STEPS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12)
_THRESH = (1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14)

SOLVERS = (
    Solver("bayesglm", ("bayesglm",), _fit_bayesglm, _read_bayesglm, prepare=_prepare_bayesglm),
    *(
        Solver(
            f"scikit-learn {solver}",
            ("scikit-learn",),
            _fit_sklearn,
            read_estimator,
            tolerances("tol", *_STEPS, solver=solver),
        )
        for solver in ("liblinear", "saga")
    ),
    Solver("celer", ("celer",), _fit_celer, read_found, tolerances("tol", *_STEPS), _with_signs),
    Solver("skglm", ("skglm",), _fit_skglm, read_found, tolerances("tol", *_STEPS), _with_signs),
    Solver(
        "R glmnet",
        ("R:glmnet",),
        _fit_glmnet,
        read_found,
        tolerances("thresh", *_THRESH),
        _along_a_path,
    ),
)
