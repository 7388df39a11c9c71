"""Solvers: known maxima, KKT residuals, scikit-learn's numbers, and failures that say why."""

import numpy as np
import pytest
from families import KEYS, OneChannel, phi_of, trials_of
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Lasso, LogisticRegression, PoissonRegressor, Ridge

from bayesglm.errors import ConvergenceError
from bayesglm.numerics.solvers.kinks import Kinks
from bayesglm.numerics.solvers.newton import Evaluation, newton, proximal_newton
from bayesglm.numerics.solvers.quadratic import scaled_model


class Problem:
    """The log posterior of a GLM under independent Normal(0, precision^-1/2) priors."""

    def __init__(self, key, X, y, sigma=1.0, precision=0.0):
        self.family, self.X, self.y = OneChannel(key), X, y
        self.phi = phi_of(key, sigma)
        self.trials = trials_of(key[0], np.full(len(y), 5.0))
        self.precision = np.broadcast_to(np.asarray(precision, dtype=float), X.shape[1])

    def value(self, w):
        fit = self.family.log_likelihood(self.y, self.X @ w, self.phi, self.trials)
        return float(fit.sum() - 0.5 * w @ (self.precision * w))

    def evaluate(self, w):
        d = self.family.derivatives(self.y, self.X @ w, self.phi, self.trials)
        return Evaluation(
            float(d.value.sum() - 0.5 * w @ (self.precision * w)),
            self.X.T @ d.eta - self.precision * w,
            (self.X.T * d.eta_eta) @ self.X - np.diag(self.precision),
        )

    def change(self, step):
        return float(np.abs(self.X @ step).max())

    def newton(self, x0=None, **settings):
        x0 = np.zeros(self.X.shape[1]) if x0 is None else x0
        return newton(self.evaluate, self.value, x0, self.change, **settings)

    def proximal(self, kink, kink_at=0.0, x0=None, **settings):
        p = self.X.shape[1]
        kinks = Kinks(*(np.broadcast_to(np.asarray(a, dtype=float), p) for a in (kink, kink_at)))
        x0 = np.zeros(p) if x0 is None else x0
        return proximal_newton(self.evaluate, self.value, x0, self.change, kinks, **settings)


def make_data(key, n=400, p=6, seed=0, intercept=True, correlation=0.0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    for j in range(1, p):
        X[:, j] = correlation * X[:, j - 1] + np.sqrt(1 - correlation**2) * X[:, j]
    if intercept:
        X[:, 0] = 1.0
    eta = X @ rng.normal(size=p) * min(1.0, 2.0 / np.sqrt(p)) * 0.5
    trials = trials_of(key[0], np.full(n, 5.0))
    return X, OneChannel(key).draw(rng, eta, phi_of(key, 0.3), trials)


def check_kkt(problem, solution, kink, kink_at=0.0, tolerance=1e-9):
    """0 is in the superdifferential of value(x) - kink @ |x - kink_at|, relative to curvature."""
    now = problem.evaluate(solution.x)
    kink = np.broadcast_to(kink, len(solution.x))
    unit = np.sqrt(np.abs(np.diagonal(now.hessian)))
    away = solution.x != kink_at
    residual = np.where(
        away,
        np.abs(now.gradient - kink * np.sign(solution.x - kink_at)),
        np.maximum(np.abs(now.gradient) - kink, 0.0),
    )
    assert np.all(residual <= tolerance * unit)
    assert solution.gradient_norm == pytest.approx(np.linalg.norm(residual), abs=1e-9)


@pytest.mark.parametrize("key", KEYS)
def test_newton_finds_the_maximum_of_every_family(key):
    X, y = make_data(key)
    problem = Problem(key, X, y, sigma=0.3, precision=0.1)
    solution = problem.newton()
    check_kkt(problem, solution, 0.0)
    assert solution.solver == "newton"
    assert solution.decrement < 1e-10
    assert solution.value == problem.value(solution.x)
    rng = np.random.default_rng(1)
    for _ in range(5):
        assert problem.value(solution.x + 1e-3 * rng.normal(size=X.shape[1])) < solution.value


@pytest.mark.parametrize("key", KEYS)
def test_badly_scaled_columns_change_nothing(key):
    X, y = make_data(key)
    scale = 10.0 ** np.array([-8, 8, -3, 5, 0, 8])
    plain = Problem(key, X, y, sigma=0.3).newton()
    scaled = Problem(key, X * scale, y, sigma=0.3).newton()
    np.testing.assert_allclose(scaled.x * scale, plain.x, rtol=1e-10, atol=1e-11)
    plain = Problem(key, X, y, sigma=0.3).proximal(20.0)
    scaled = Problem(key, X * scale, y, sigma=0.3).proximal(20.0 * scale)
    np.testing.assert_allclose(scaled.x * scale, plain.x, rtol=1e-10, atol=1e-11)
    np.testing.assert_array_equal(scaled.x == 0.0, plain.x == 0.0)


def far_from_zero(distance):
    """The same data with and without a column that lies `distance` from zero."""
    X, y = make_data(("bernoulli", "logit"), p=2)
    X[:, 1] = np.round(X[:, 1] * 2**20) / 2**20
    return (Problem(("bernoulli", "logit"), X + np.array([0.0, d]), y) for d in (distance, 0.0))


@pytest.mark.parametrize("distance", [1e4, 1e6, 1e7])
def test_columns_far_from_zero(distance):
    far, near = far_from_zero(distance)
    known = near.newton()
    sd = np.sqrt(np.linalg.inv(-near.evaluate(known.x).hessian)[1, 1])
    assert abs(far.newton().x[1] - known.x[1]) < 1e-6 * sd


def test_columns_too_far_from_zero_give_no_number():
    """There the curvature is rounding, and steps that shrink no more do not mean the end."""
    far, _ = far_from_zero(1e10)
    with pytest.raises(ConvergenceError, match="subtract from each column a typical value"):
        far.newton()


@pytest.mark.parametrize("x0", [-50.0, -5.0, 5.0, 50.0])
def test_newton_from_afar(x0):
    X, y = make_data(("poisson", "log"))
    problem = Problem(("poisson", "log"), X, y)
    start = np.array([x0, 0, 0, 0, 0, 0.0])
    np.testing.assert_allclose(problem.newton(start).x, problem.newton().x, rtol=1e-10)


def test_linear_regression_of_any_size_is_the_least_squares_solution():
    X, y = make_data(("gaussian", "identity"))
    for size in (1e-9, 1.0, 1e9):
        found = Problem(("gaussian", "identity"), X, size * y, sigma=size).newton().x
        np.testing.assert_allclose(found, size * np.linalg.lstsq(X, y)[0], rtol=1e-11)


def test_ridge_is_scikit_learns():
    X, y = make_data(("gaussian", "identity"), intercept=False)
    found = Problem(("gaussian", "identity"), X, y, sigma=0.5, precision=3.0).newton()
    theirs = Ridge(alpha=3.0 * 0.5**2, fit_intercept=False, solver="cholesky").fit(X, y)
    np.testing.assert_allclose(found.x, theirs.coef_, rtol=1e-9)


def test_logistic_regression_is_scikit_learns():
    X, y = make_data(("bernoulli", "logit"))
    found = Problem(("bernoulli", "logit"), X, y, precision=[0, *[2.0] * 5]).newton()
    theirs = LogisticRegression(C=0.5, solver="newton-cholesky", tol=1e-10).fit(X[:, 1:], y)
    np.testing.assert_allclose(found.x, [*theirs.intercept_, *theirs.coef_[0]], rtol=1e-6)


def test_poisson_regression_is_scikit_learns():
    X, y = make_data(("poisson", "log"))
    found = Problem(("poisson", "log"), X, y, precision=[0, *[2.0] * 5]).newton()
    theirs = PoissonRegressor(alpha=2.0 / len(y), tol=1e-10, solver="newton-cholesky")
    theirs.fit(X[:, 1:], y)
    np.testing.assert_allclose(found.x, [theirs.intercept_, *theirs.coef_], rtol=1e-6)


@pytest.mark.parametrize("lam", [0.5, 5.0, 40.0])
def test_lasso_is_scikit_learns(lam):
    X, y = make_data(("gaussian", "identity"), p=30, correlation=0.7, intercept=False)
    sigma, n = 0.5, len(y)
    found = Problem(("gaussian", "identity"), X, y, sigma=sigma).proximal(lam)
    theirs = Lasso(alpha=lam * sigma**2 / n, fit_intercept=False, tol=1e-13, max_iter=100_000)
    theirs.fit(X, y)
    np.testing.assert_allclose(found.x, theirs.coef_, atol=1e-8)
    np.testing.assert_array_equal(found.x == 0.0, theirs.coef_ == 0.0)


@pytest.mark.parametrize("lam", [0.5, 4.0, 12.0])
def test_l1_logistic_regression_is_scikit_learns(lam):
    X, y = make_data(("bernoulli", "logit"), p=12, intercept=False)
    found = Problem(("bernoulli", "logit"), X, y).proximal(lam)
    theirs = LogisticRegression(
        l1_ratio=1.0,
        C=1 / lam,
        solver="liblinear",
        fit_intercept=False,
        tol=1e-12,
        max_iter=10_000,
        random_state=0,
    ).fit(X, y)
    np.testing.assert_allclose(found.x, theirs.coef_[0], atol=1e-6)
    np.testing.assert_array_equal(found.x == 0.0, theirs.coef_[0] == 0.0)


@pytest.mark.parametrize("key", KEYS)
def test_proximal_newton_meets_the_kkt_conditions_of_every_family(key):
    X, y = make_data(key, p=20, correlation=0.8)
    problem = Problem(key, X, y, sigma=0.3)
    # Strong, but not so strong that nothing stands against it.
    against = np.abs(problem.evaluate(np.zeros(20)).gradient[1:]).max()
    kink = np.array([0.0, *[min(25.0, 0.3 * against)] * 19])
    solution = problem.proximal(kink)
    check_kkt(problem, solution, kink)
    assert 0 < np.count_nonzero(solution.x == 0.0) < 19
    assert solution.solver == "proximal newton"
    assert solution.value == problem.value(solution.x) - kink @ np.abs(solution.x)


def test_without_kinks_proximal_newton_is_newton():
    X, y = make_data(("poisson", "log"))
    problem = Problem(("poisson", "log"), X, y)
    np.testing.assert_array_equal(problem.proximal(0.0).x, problem.newton().x)


def test_kinks_away_from_zero():
    X, y = make_data(("bernoulli", "logit"), p=8)
    problem = Problem(("bernoulli", "logit"), X, y)
    kink_at = np.array([0.0, 0.3, -0.2, 0.1, 0.0, 1.5, 0.7, 0.1])
    solution = problem.proximal(15.0, kink_at)
    check_kkt(problem, solution, 15.0, kink_at)
    assert 0 < np.count_nonzero(solution.x == kink_at) < 8


def test_a_strong_penalty_gives_nothing_but_zeros():
    X, y = make_data(("bernoulli", "logit"), intercept=False)
    problem = Problem(("bernoulli", "logit"), X, y)
    largest = np.abs(problem.evaluate(np.zeros(6)).gradient).max()
    start = np.full(6, 0.5)
    np.testing.assert_array_equal(problem.proximal(1.001 * largest, x0=start).x, np.zeros(6))
    assert np.count_nonzero(problem.proximal(0.999 * largest, x0=start).x) == 1


@pytest.mark.parametrize(
    "key", [("gaussian", "identity"), ("bernoulli", "logit"), ("poisson", "log")]
)
@pytest.mark.parametrize(
    ("n", "p", "correlation"), [(60, 150, 0.5), (60, 150, 0.99), (300, 100, 0.99)]
)
def test_many_correlated_columns(key, n, p, correlation):
    X, y = make_data(key, n=n, p=p, correlation=correlation, intercept=False)
    problem = Problem(key, X, y, sigma=0.3)
    solution = problem.proximal(0.5)
    check_kkt(problem, solution, 0.5)
    assert 0 < np.count_nonzero(solution.x) <= min(n, p)


def test_duplicated_columns_share_a_penalty():
    X, y = make_data(("bernoulli", "logit"), intercept=False)
    twice = Problem(("bernoulli", "logit"), np.hstack((X, X)), y)
    solution = twice.proximal(5.0)
    once = Problem(("bernoulli", "logit"), X, y).proximal(5.0)
    np.testing.assert_allclose(solution.x[:6] + solution.x[6:], once.x, atol=1e-7)
    assert solution.value == pytest.approx(once.value, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(3, 30),
    p=st.integers(1, 12),
    lam=st.floats(0.01, 10.0),
    correlation=st.floats(0.0, 0.999),
    key=st.sampled_from(
        [("gaussian", "identity"), ("bernoulli", "probit"), ("poisson", "softplus")]
    ),
)
def test_kkt_conditions_of_any_small_lasso(seed, n, p, lam, correlation, key):
    X, y = make_data(key, n=n, p=p, seed=seed, correlation=correlation, intercept=False)
    problem = Problem(key, X, y)
    check_kkt(problem, problem.proximal(lam), lam, tolerance=1e-7)


def plain(value, gradient, hessian, x0, **settings):
    def evaluate(x):
        return Evaluation(float(value(x)), np.asarray(gradient(x)), np.asarray(hessian(x)))

    return newton(
        evaluate, lambda x: float(value(x)), np.array(x0), lambda s: np.abs(s).max(), **settings
    )


def test_a_curved_valley_with_an_indefinite_hessian():
    """Rosenbrock's function, upside down."""
    solution = plain(
        lambda x: -((1 - x[0]) ** 2) - 100 * (x[1] - x[0] ** 2) ** 2,
        lambda x: [
            2 * (1 - x[0]) + 400 * x[0] * (x[1] - x[0] ** 2),
            -200 * (x[1] - x[0] ** 2),
        ],
        lambda x: [
            [-2 + 400 * x[1] - 1200 * x[0] ** 2, 400 * x[0]],
            [400 * x[0], -200],
        ],
        [-1.2, 1.5],
    )
    np.testing.assert_allclose(solution.x, [1.0, 1.0], rtol=1e-12)


TWO_HILLS = (
    lambda x: -((x[0] ** 2 - 1) ** 2) - x[1] ** 2,
    lambda x: [-4 * x[0] * (x[0] ** 2 - 1), -2 * x[1]],
    lambda x: [[4 - 12 * x[0] ** 2, 0], [0, -2]],
)


def test_a_start_with_negative_curvature_still_climbs():
    np.testing.assert_allclose(plain(*TWO_HILLS, [0.01, 1.0]).x, [1.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(plain(*TWO_HILLS, [-0.01, 1.0]).x, [-1.0, 0.0], atol=1e-12)


def test_what_bends_the_wrong_way_is_turned_down_by_as_much():
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    curvature = (rotation * [3.0, 1.0, 0.5, -0.25]) @ rotation.T
    model = scaled_model(curvature)
    scaled = model.scale[:, None] * curvature * model.scale
    values, vectors = np.linalg.eigh(scaled)
    np.testing.assert_allclose(model.matrix, (vectors * np.abs(values)) @ vectors.T, atol=1e-12)
    np.testing.assert_allclose(model.tau, -2.0 * values[0], rtol=1e-12)
    # A definite one is left as it is, but for rounding.
    definite = scaled_model(curvature + 0.3 * np.eye(4))
    assert definite.tau < 1e-14
    scaled = definite.scale[:, None] * (curvature + 0.3 * np.eye(4)) * definite.scale
    np.testing.assert_allclose(definite.matrix, scaled, atol=1e-14)


def test_a_saddle_is_not_taken_for_a_maximum():
    with pytest.raises(ConvergenceError, match="not a maximum") as failure:
        plain(*TWO_HILLS, [0.0, 1.0])
    np.testing.assert_allclose(failure.value.solution.x, [0.0, 0.0], atol=1e-6)


def test_steps_out_of_the_domain_are_shortened():
    solution = plain(
        lambda x: np.log(x[0]) - x[0] if x[0] > 0 else -np.inf,
        lambda x: [1 / x[0] - 1],
        lambda x: [[-1 / x[0] ** 2]],
        [5.0],
    )
    np.testing.assert_allclose(solution.x, [1.0], rtol=1e-12)


def test_a_parameter_that_moves_no_linear_predictor_converges_too():
    """`change` cannot see a dispersion: the decrement alone must say that it is not there yet."""
    solution = newton(
        lambda x: Evaluation(float(np.log(x[0]) - x[0]), 1 / x - 1, -np.diag(1 / x**2)),
        lambda x: float(np.log(x[0]) - x[0]),
        np.array([0.01]),
        change=lambda step: 0.0,
    )
    np.testing.assert_allclose(solution.x, [1.0], rtol=1e-12)


def test_a_flat_top_is_found_all_the_same():
    solution = plain(
        lambda x: -((x[0] - 2) ** 4),
        lambda x: [-4 * (x[0] - 2) ** 3],
        lambda x: [[-12 * (x[0] - 2) ** 2]],
        [0.0],
    )
    assert abs(solution.x[0] - 2.0) < 1e-5


def test_a_start_at_the_maximum_takes_no_step():
    solution = plain(lambda x: -(x[0] ** 2), lambda x: -2 * x, lambda x: [[-2.0]], [0.0])
    assert solution.n_iter == 0


def test_nothing_to_estimate():
    X, y = np.zeros((3, 0)), np.zeros(3)
    problem = Problem(("gaussian", "identity"), X, y)
    solution = newton(problem.evaluate, problem.value, np.zeros(0), lambda step: 0.0)
    assert solution.x.shape == (0,)
    assert solution.value == problem.value(np.zeros(0))


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
@pytest.mark.parametrize("complete", [True, False])
def test_separated_data_are_a_plateau_without_end(link, complete):
    key = ("bernoulli", link)
    X, y = make_data(key)
    if complete:
        y = (X[:, 1] > 0).astype(float)
    else:
        X[:, 1] = (y == 1) & (np.arange(len(y)) % 10 == 0)
    with pytest.raises(
        ConvergenceError, match="improving along a direction without end"
    ) as failure:
        Problem(key, X, y).newton()
    assert failure.value.solution.x[1] > 5.0
    assert failure.value.solution.n_iter < 100


@pytest.mark.parametrize("link", ["log", "softplus"])
def test_poisson_column_without_counts_is_a_plateau(link):
    X, y = make_data(("poisson", link))
    X[:, 1] = (y == 0) & (np.arange(len(y)) % 3 == 0)
    with pytest.raises(
        ConvergenceError, match="improving along a direction without end"
    ) as failure:
        Problem(("poisson", link), X, y).newton()
    assert failure.value.solution.x[1] < -15.0


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6])
def test_a_weak_prior_on_separated_data_is_no_plateau(scale):
    X, y = make_data(("bernoulli", "logit"))
    y = (X[:, 1] > 0).astype(float)
    problem = Problem(("bernoulli", "logit"), X, y, precision=scale**-2.0)
    check_kkt(problem, problem.newton(), 0.0)


def test_separated_data_under_a_lasso_have_a_maximum():
    X, y = make_data(("bernoulli", "logit"))
    y = (X[:, 1] > 0).astype(float)
    problem = Problem(("bernoulli", "logit"), X, y)
    kink = np.array([0.0, *[1e-3] * 5])
    check_kkt(problem, problem.proximal(kink), kink)
    with pytest.raises(ConvergenceError, match="without end"):
        problem.proximal(np.array([0.0, 0.0, *[1e-3] * 4]))


def test_too_few_iterations_say_so():
    X, y = make_data(("poisson", "log"))
    with pytest.raises(ConvergenceError, match="no convergence in 2 iterations") as failure:
        Problem(("poisson", "log"), X, y).newton(max_iter=2)
    assert failure.value.solution.n_iter == 2
    assert failure.value.solution.gradient_norm > 1e-3


def test_a_wrong_gradient_is_noticed():
    with pytest.raises(ConvergenceError, match="value and gradient do not belong together"):
        plain(lambda x: -(x[0] ** 2), lambda x: 2 * x, lambda x: [[-2.0]], [1.0])


def test_a_start_where_nothing_is_finite_is_refused():
    X, y = make_data(("poisson", "log"))
    with pytest.raises(ConvergenceError, match="the log density is -inf where"):
        Problem(("poisson", "log"), X, y).newton(np.full(6, 1e4))


def test_derivatives_that_are_not_finite_are_refused():
    with pytest.raises(ConvergenceError, match="not finite at iteration 0"):
        plain(lambda x: 0.0, lambda x: [np.nan], lambda x: [[-1.0]], [1.0])
