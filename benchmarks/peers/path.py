"""One response, a dense design, a lasso path of many penalties and a flat intercept.

lam stands on the sum of log-likelihoods; peers that minimise the mean get lam / n.
"""

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.solver import Setting, Solver, tolerances
from benchmarks.work import Found, Work

_GLMNET = {"gaussian": "gaussian", "bernoulli": "binomial", "poisson": "poisson"}
_GLUM = {"gaussian": "normal", "bernoulli": "binomial", "poisson": "poisson"}
# celer_path has no intercept: a column so large that its penalty is next to none stands for it.
_LARGE = 1e6
_SCRIPT = Path(__file__).parents[1] / "glmnet_path.R"


def by_columns(work: Work) -> Work:
    """Lay X out by columns, as coordinate descent likes it."""
    return work._replace(X=np.asfortranarray(work.X))


def read_found(result: Found) -> Found:
    """Return what already is a `Found`."""
    return result


def _fit_bayesglm(work: Work, setting: Setting) -> Any:
    import bayesglm as bg

    fixed = {"dispersion": 1.0} if work.spec.family == "gaussian" else {}
    model = bg.GLM("y", [bg.Linear("X", prior=bg.lasso(1.0))], family=work.spec.family, **fixed)
    scales = 1 / work.lam
    return scales, bg.prior_path(model, {"y": work.y, "X": work.X}, scales)


def _read_bayesglm(result: Any) -> Found:
    scales, tree = result
    path = tree["path"].to_dataset().sel(scale=scales, method="nearest")
    coef = path["X"]
    (feature,) = (dim for dim in coef.dims if dim != "scale")
    return Found(path["intercept"].values, coef.transpose("scale", feature).values)


def write_for_r(work: Work) -> Any:
    """Write the data where R finds them, in a folder that is kept as long as what is returned."""
    folder = tempfile.TemporaryDirectory()
    work.X.ravel(order="F").tofile(Path(folder.name) / "X.bin")
    work.y.tofile(Path(folder.name) / "y.bin")
    (work.lam / work.spec.n).tofile(Path(folder.name) / "lambda.bin")
    return folder, work


def _fit_glmnet(prepared: Any, setting: Setting) -> Found:
    return glmnet_path(prepared, setting, intercept=True)


def glmnet_path(prepared: Any, setting: Setting, intercept: bool) -> Found:
    """Fit R's glmnet at all penalties, timed inside R."""
    folder, work = prepared
    n, p, many = work.spec.n, work.spec.p, work.lam.size
    sizes = [str(size) for size in (n, p, many)]
    family = _GLMNET[work.spec.family]
    how = [f"{setting['thresh']:g}", setting.get("type", "naive"), str(intercept).upper()]
    command = ["Rscript", "--vanilla", str(_SCRIPT), folder.name, family, *sizes, *how]
    subprocess.run(command, check=True, capture_output=True)
    out = np.fromfile(Path(folder.name) / "out.bin")
    coef = out[1 + many :].reshape(many, p)
    return Found(out[1 : 1 + many], coef, seconds=float(out[0]))


def _centred(work: Work) -> tuple[Any, Any, Any, Any]:
    centre, mean = work.X.mean(axis=0), work.y.mean()
    return np.asfortranarray(work.X - centre), work.y - mean, centre, mean


def _fit_lasso_path(work: Work, setting: Setting) -> Found:
    from sklearn.linear_model import lasso_path

    X, y, centre, mean = _centred(work)
    alphas = work.lam / work.spec.n
    _, coef, _ = lasso_path(X, y, alphas=alphas, max_iter=100_000, copy_X=False, **setting)
    return Found(mean - centre @ coef, coef.T)


def _fit_celer_lasso(work: Work, setting: Setting) -> Found:
    from celer import celer_path

    X, y, centre, mean = _centred(work)
    alphas = work.lam / work.spec.n
    _, coef, _ = celer_path(X, y, "lasso", alphas=alphas, max_iter=100, **setting)
    return Found(mean - centre @ coef, coef.T)


def _with_ones(work: Work) -> Any:
    X = np.asfortranarray(np.column_stack([work.X, np.full(work.spec.n, _LARGE)]))
    return X, 2 * work.y - 1, work


def _fit_celer_logistic(prepared: Any, setting: Setting) -> Found:
    from celer import celer_path

    X, y, work = prepared
    how = {"max_iter": 20, "use_PN": True, **setting}
    _, coef, _ = celer_path(X, y, "logreg", alphas=work.lam, **how)
    return Found(_LARGE * coef[-1], coef[:-1].T)


def _fit_skglm(work: Work, setting: Setting) -> Found:
    from skglm.datafits import Logistic, Poisson, Quadratic
    from skglm.penalties import L1
    from skglm.solvers import AndersonCD, ProxNewton

    n, p = work.X.shape
    y = 2 * work.y - 1 if work.spec.family == "bernoulli" else work.y
    datafit = {"gaussian": Quadratic, "bernoulli": Logistic, "poisson": Poisson}[work.spec.family]
    solve = (AndersonCD if work.spec.family == "gaussian" else ProxNewton)(**setting).solve
    path, w, eta = [], np.zeros(p + 1), np.zeros(n)
    for lam in work.lam:
        w = solve(work.X, y, datafit(), L1(lam / n), w.copy(), eta)[0]
        eta = work.X @ w[:-1] + w[-1]
        path.append(w)
    coef = np.array(path)
    return Found(coef[:, -1], coef[:, :-1])


def _fit_glum(work: Work, setting: Setting) -> Any:
    from glum import GeneralizedLinearRegressor

    return GeneralizedLinearRegressor(
        l1_ratio=1,
        family=_GLUM[work.spec.family],
        alpha_search=True,
        alphas=work.lam / work.spec.n,
        max_iter=1000,
        **setting,
    ).fit(work.X, work.y)


def _read_glum(estimator: Any) -> Found:
    return Found(np.array(estimator.intercept_path_), np.array(estimator.coef_path_))


def _fit_saga(work: Work, setting: Setting) -> Found:
    from sklearn.linear_model import LogisticRegression

    estimator = LogisticRegression(
        l1_ratio=1.0, solver="saga", warm_start=True, max_iter=100_000, random_state=0, **setting
    )
    intercepts, coefs = [], []
    for lam in work.lam:
        estimator.set_params(C=1 / lam).fit(work.X, work.y)
        intercepts.append(estimator.intercept_[0])
        coefs.append(estimator.coef_[0].copy())
    return Found(np.array(intercepts), np.array(coefs))


_THRESH = (1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14)
_STEPS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)

SOLVERS = (
    Solver("bayesglm", ("bayesglm",), _fit_bayesglm, _read_bayesglm),
    Solver(
        "R glmnet",
        ("R:glmnet",),
        _fit_glmnet,
        read_found,
        tolerances("thresh", *_THRESH),
        write_for_r,
    ),
    Solver(
        "R glmnet, covariance updates",
        ("R:glmnet",),
        _fit_glmnet,
        read_found,
        tolerances("thresh", *_THRESH, type="covariance"),
        write_for_r,
        ("gaussian",),
    ),
    Solver(
        "scikit-learn lasso_path",
        ("scikit-learn",),
        _fit_lasso_path,
        read_found,
        tolerances("tol", *_STEPS),
        families=("gaussian",),
    ),
    Solver(
        "celer lasso",
        ("celer",),
        _fit_celer_lasso,
        read_found,
        tolerances("tol", *_STEPS),
        families=("gaussian",),
    ),
    Solver(
        "celer logistic",
        ("celer",),
        _fit_celer_logistic,
        read_found,
        tolerances("tol", *_STEPS),
        _with_ones,
        ("bernoulli",),
    ),
    Solver(
        "skglm",
        ("skglm",),
        _fit_skglm,
        read_found,
        tolerances("tol", *_STEPS, max_iter=200),
        by_columns,
    ),
    Solver(
        "glum", ("glum",), _fit_glum, _read_glum, tolerances("gradient_tol", *_STEPS), by_columns
    ),
    Solver(
        "scikit-learn saga",
        ("scikit-learn",),
        _fit_saga,
        read_found,
        tolerances("tol", *_STEPS),
        families=("bernoulli",),
    ),
)
