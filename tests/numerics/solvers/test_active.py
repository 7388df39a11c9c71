"""Newton on the active coordinates: the KKT conditions, exact zeros, and other solvers' optima."""

from dataclasses import replace

import numpy as np
import pytest
from families import KEYS, OneChannel, phi_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from thetas import theta_of

from bayesglm.errors import ConvergenceError
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.density.wide import row_function
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.numerics.rows.source import Source
from bayesglm.numerics.solvers.active import RowFunction, maximise_active
from bayesglm.numerics.solvers.kinks import Kinks
from bayesglm.spec.families import FAMILY_NAMES

CONCAVE = sorted(key for key, family in FAMILIES.items() if family.log_concave and key in KEYS)
SHARES = [2.0, 0.5, 0.05, 1e-3, 1e-6]


def lasso(lam, start=0, stop=None, loc=0.0):
    return PriorPart(slice(start, stop), PRIORS["Laplace"], {"scale": 1.0 / lam, "loc": loc})


def objective_of(key, X, y, priors, **rows):
    """The log posterior of one response under priors of runs of coefficients."""
    source = Source.of(X, y, **rows)
    ends = [slice(*part.where.indices(X.shape[1])[:2]) for part in priors]
    priors = [replace(part, where=where) for part, where in zip(priors, ends, strict=True)]
    phi = phi_of(key, 1.0)
    return Objective(source, FAMILIES[key], theta_of(X.shape[1], phi), tuple(priors))


def largest(objective, x=None):
    """The share of the penalties above which everything stays where it starts."""
    gradient = objective.evaluate(objective.kinks.at if x is None else x).gradient
    kinked = objective.kinks.weight > 0.0
    return float((np.abs(gradient[kinked]) / objective.kinks.weight[kinked]).max())


def check(objective, start=None, tolerance=1e-6):
    """Find the mode; assert KKT in units of the slope that one posterior sd makes; return it."""
    start = objective.kinks.at if start is None else start
    found = maximise_active(row_function(objective), start)
    there = objective.evaluate(found.x)
    away = found.x - objective.kinks.at
    at_kink = np.maximum(np.abs(there.gradient) - objective.kinks.weight, 0.0)
    off_kink = np.abs(there.gradient - objective.kinks.weight * np.sign(away))
    residual = np.where(away == 0.0, at_kink, off_kink)
    with np.errstate(divide="ignore"):
        sd = 1.0 / np.sqrt(-np.diagonal(there.hessian))
    assert np.all(residual[residual > 0.0] * sd[residual > 0.0] < tolerance)
    assert found.gradient_norm == pytest.approx(np.linalg.norm(residual), rel=1e-3, abs=1e-9)
    assert found.value == pytest.approx(there.value - objective.kinks.penalty(found.x), rel=1e-12)
    return found


def simulated(key, seed, n, p):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    trials = rng.integers(1, 5, n) if FAMILY_NAMES[key[0]].needs_trials else None
    eta = 0.7 * X[:, 0] - 0.5 * X[:, 1] + (2.0 if key[1] == "sqrt" else 0.3)
    return X, OneChannel(key).draw(rng, eta, phi_of(key, 1.0), trials), trials


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("key", CONCAVE, ids="-".join)
def test_every_concave_family_with_all_kinds_of_coefficients(key, share):
    """A flat intercept, ridge and lasso terms, an elastic net away from zero, offsets, weights."""
    X, y, trials = simulated(key, 0, 40, 90)
    X[:, 0] = 1.0
    rng = np.random.default_rng(1)
    offset, weights = 0.1 * rng.normal(size=40), rng.choice([0.0, 0.5, 1.0, 3.0], 40)
    net = {"scale": 0.5, "ratio": 0.6, "loc": 0.05}

    def under(lam):
        priors = [
            PriorPart(slice(0, 1), PRIORS["Flat"], {}),
            PriorPart(slice(1, 6), PRIORS["Normal"], {"scale": 1.0, "loc": 0.2}),
            lasso(lam, 6, 80),
            PriorPart(slice(80, 90), PRIORS["ElasticNet"], net),
        ]
        return objective_of(key, X, y, priors, offset=offset, weights=weights, trials=trials)

    alone = check(under(1e6))
    assert not alone.x[6:80].any()
    found = check(under(share * largest(under(1.0), alone.x)))
    held = np.count_nonzero(found.x[6:80])
    assert held <= 40


def test_the_search_ends_under_penalties_that_hold_every_coefficient():
    key, rng = ("poisson", "log"), np.random.default_rng(1)
    X, y, _ = simulated(key, 3, 40, 90)
    X[:, 0] = 1.0
    rows = {"offset": 0.1 * rng.normal(size=40), "weights": rng.choice([0.0, 0.5, 1.0, 3.0], 40)}
    ridge = PriorPart(slice(1, 6), PRIORS["Normal"], {"scale": 1.0, "loc": 0.2})
    priors = [PriorPart(slice(0, 1), PRIORS["Flat"], {}), ridge, lasso(30.0, 6, 90)]
    assert check(objective_of(key, X, y, priors, **rows)).n_iter < 30


def test_weak_lassos_take_few_steps_and_have_no_more_coefficients_than_rows():
    X, y, _ = simulated(("bernoulli", "logit"), 0, 276, 691)
    for lam in (10.0, 1e-4):
        found = check(objective_of(("bernoulli", "logit"), X, y, [lasso(lam)]))
        assert np.count_nonzero(found.x) <= 276
        assert found.n_iter <= 30


@pytest.mark.parametrize("lam", [10.0, 1.0, 0.1, 0.01, 1e-3, 1e-4])
def test_liblinear_has_the_same_optimum(lam):
    from sklearn.linear_model import LogisticRegression

    X, y, _ = simulated(("bernoulli", "logit"), 3, 60, 150)
    ours = check(objective_of(("bernoulli", "logit"), X, y, [lasso(lam)])).x
    peer = LogisticRegression(
        C=1.0 / lam,
        l1_ratio=1.0,
        solver="liblinear",
        fit_intercept=False,
        tol=1e-8 if lam >= 0.1 else 1e-10,
        max_iter=5000,
        random_state=0,
    ).fit(X, y)

    def objective(w):
        eta = X @ w
        return np.logaddexp(0.0, eta).sum() - y @ eta + lam * np.abs(w).sum()

    assert objective(ours) <= objective(peer.coef_[0]) * (1.0 + 1e-10)
    assert objective(ours) == pytest.approx(objective(peer.coef_[0]), rel=1e-8)


COLUMNS = {
    "duplicates": lambda X: np.hstack([X, X, -X[:, :5]]),
    "nothing but one column": lambda X: np.repeat(X[:, :1], 40, axis=1),
    "scales": lambda X: X * np.geomspace(1e-6, 1e6, X.shape[1]),
    "zeros and ones": lambda X: np.column_stack([np.zeros(len(X)), np.ones(len(X)), X]),
    "all but equal": lambda X: X[:, :1] + 1e-7 * X,
    "counts": lambda X: np.floor(np.exp(X)),
    "one row": lambda X: X[:1],
    "one column": lambda X: X[:1, :1],
    "few rows, many sums": lambda X: X[:5] @ np.triu(np.ones((X.shape[1],) * 2)),
}


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("key", [("bernoulli", "logit"), ("poisson", "log")], ids="-".join)
def test_columns_that_are_alike_or_of_other_scales(key, columns, share):
    X, y, _ = simulated(key, 4, 30, 60)
    X = COLUMNS[columns](X)
    objective = objective_of(key, X, y[: len(X)], [lasso(1.0)])
    found = check(objective_of(key, X, y[: len(X)], [lasso(share * largest(objective))]))
    assert share < 1.0 or not found.x.any()


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 8),
    p=st.integers(1, 12),
    share=st.floats(1e-4, 1.5),
    key=st.sampled_from([("bernoulli", "logit"), ("poisson", "log"), ("gaussian", "identity")]),
    start=st.sampled_from(["kink", "elsewhere"]),
)
def test_small_problems_against_bounded_halves(seed, n, p, share, key, start):
    """Each coefficient as the difference of two that are positive, by a solver with bounds."""
    X, y, _ = simulated(key, seed, n, max(p, 2))
    X, rng = np.round(X[:, :p], 1), np.random.default_rng(seed)
    kinks = rng.choice([0.5, 1.0, 2.0], p)
    top = largest(objective_of(key, X, y, [lasso(kinks)])) if X.any() else 1.0
    objective = objective_of(key, X, y, [lasso(max(share * top, 1e-3) * kinks)])
    x0 = objective.kinks.at if start == "kink" else rng.normal(size=p)
    found = check(objective, x0)

    def minus(halves):
        there = objective.evaluate(halves[:p] - halves[p:])
        slope = np.concatenate((-there.gradient, there.gradient)) + np.tile(
            objective.kinks.weight, 2
        )
        return -there.value + objective.kinks.weight @ (halves[:p] + halves[p:]), slope

    peer = minimize(
        minus,
        np.full(2 * p, 0.1),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] * (2 * p),
        options={"maxiter": 10_000, "ftol": 1e-15, "gtol": 1e-10},
    )
    assert -found.value <= peer.fun + 1e-9 * (1.0 + abs(peer.fun))
    assert -found.value == pytest.approx(peer.fun, rel=1e-5, abs=1e-5)


def test_warm_starts_go_to_the_same_mode_up_and_down_the_path():
    X, y, _ = simulated(("bernoulli", "logit"), 5, 50, 120)
    start = objective_of(("bernoulli", "logit"), X, y, [lasso(1.0)])
    x = start.kinks.at
    for share in (0.5, 0.01, 1e-4, 0.01, 0.5, 2.0):
        objective = objective_of(("bernoulli", "logit"), X, y, [lasso(share * largest(start))])
        warm, cold = check(objective, x), check(objective)
        assert warm.value == pytest.approx(cold.value, rel=1e-12)
        np.testing.assert_array_equal(warm.x == 0.0, cold.x == 0.0)
        x = warm.x


def test_a_plateau_is_no_maximum():
    """A column without a prior separates the response."""
    X, y, _ = simulated(("bernoulli", "logit"), 6, 20, 30)
    X[:, 0] = y - 0.5
    priors = [PriorPart(slice(0, 1), PRIORS["Flat"], {}), lasso(0.1, 1)]
    objective = objective_of(("bernoulli", "logit"), X, y, priors)
    with pytest.raises(ConvergenceError, match="active-set newton"):
        maximise_active(row_function(objective), objective.kinks.at)


def test_what_is_not_finite_is_said():
    function = RowFunction(
        columns=lambda members: np.full((2, len(members)), np.nan),
        adjoint=lambda s: np.full(3, 5.0),
        rowwise=lambda eta: (0.0, np.ones(2), np.ones(2)),
        prior=lambda x: (0.0, np.zeros(3)),
        prior_curvature=lambda x, members: np.zeros((len(members),) * 2),
        kinks=Kinks(np.ones(3), np.zeros(3)),
    )
    with pytest.raises(ConvergenceError, match="not finite"):
        maximise_active(function, np.zeros(3))
