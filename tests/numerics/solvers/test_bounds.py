"""Bounds through every solver of kinks, beside non-negative least squares and L-BFGS-B."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, nnls

from bayesglm.numerics.solvers.active import RowFunction, maximise_active
from bayesglm.numerics.solvers.kinked import Curved, climb, maximise_kinked
from bayesglm.numerics.solvers.kinks import Kinks
from bayesglm.numerics.solvers.newton import Evaluation, proximal_newton
from bayesglm.numerics.solvers.sparse import Functions, sparse_path


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 100_000), st.integers(1, 30), st.sampled_from([0.0, 0.3]))
def test_a_quadratic_is_non_negative_least_squares(seed, p, share):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(p + 10, p)) * np.exp(rng.normal(size=p))
    y = 3.0 * rng.normal(size=p + 10)
    matrix, pull = X.T @ X, X.T @ y
    kinks = Kinks(share * np.abs(pull), np.zeros(p), np.ones(p, dtype=bool))
    # |y - X z|^2 / 2 + weight @ z is least squares with another response.
    root = np.linalg.cholesky(matrix).T
    expected = nnls(root, np.linalg.solve(root.T, pull - kinks.weight), maxiter=100 * p)[0]
    for start in (np.zeros(p), np.abs(rng.normal(size=p))):
        z = maximise_kinked(matrix, pull, kinks, start)
        np.testing.assert_allclose(z * np.diagonal(root), expected * np.diagonal(root), atol=1e-7)
        assert z.min() >= 0.0
        residual = kinks.residual(pull - matrix @ z, z) / np.sqrt(np.diagonal(matrix))
        assert np.abs(residual).max() < 1e-8 * (1.0 + np.abs(pull).max())


@pytest.mark.parametrize("seed", range(10))
def test_a_climb_never_leaves_the_bounds(seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(15, 12))
    matrix, linear = root.T @ root + 1e-3 * np.eye(12), 5.0 * rng.normal(size=12)
    kinks = Kinks(np.full(12, 0.5), np.zeros(12), np.arange(12) % 2 == 0)
    z = np.where(kinks.one_sided, 2.0, -2.0)
    for _ in range(20):
        pull = linear - matrix @ z
        signs = np.where(z != 0.0, np.sign(z), np.sign(pull) * (kinks.push(pull) > 0.5))
        z = climb(Curved(matrix), pull, kinks, z, signs)
        assert z[kinks.one_sided].min() >= 0.0
    assert np.abs(kinks.residual(linear - matrix @ z, z)).max() < 1e-6


class Logistic:
    """A log likelihood of events, and penalties of coefficients that cannot be negative."""

    def __init__(self, n, p, seed, curved):
        rng = np.random.default_rng(seed)
        self.X = rng.normal(size=(n, p)) + 0.4 * rng.normal(size=(n, 1))
        w = np.where(rng.random(p) < 0.3, rng.normal(size=p), 0.0)
        self.y = (rng.random(n) < 1.0 / (1.0 + np.exp(-self.X @ w))).astype(float)
        self.p, self.curved = p, curved
        self.at = np.zeros(p)
        self.one_sided = np.arange(p) > 0  # the first is smooth

    def kinks(self, weights):
        return Kinks(np.asarray(weights, dtype=float), self.at, self.one_sided)

    def rowwise(self, eta):
        mean = 1.0 / (1.0 + np.exp(-eta))
        return (
            float(self.y @ eta - np.logaddexp(0.0, eta).sum()),
            self.y - mean,
            mean * (1.0 - mean),
        )

    def evaluate(self, x):
        value, slope, bend = self.rowwise(self.X @ x)
        hessian = -(self.X.T * bend) @ self.X - self.curved * np.eye(self.p)
        own = -0.5 * self.curved * float(x @ x)
        return Evaluation(value + own, self.X.T @ slope - self.curved * x, hessian)

    def expected(self, weight):
        def minus(x):
            there = self.evaluate(x)
            return weight @ x - there.value, weight - there.gradient

        bounds = [(0.0, None) if side else (None, None) for side in self.one_sided]
        options = {"maxiter": 100_000, "maxfun": 1_000_000, "ftol": 1e-16, "gtol": 1e-11}
        return minimize(minus, self.at, jac=True, bounds=bounds, options=options).x

    def check(self, found, weight):
        np.testing.assert_allclose(found.x, self.expected(weight), atol=2e-6)
        assert found.x[1:].min() == 0.0
        there, kinks = self.evaluate(found.x), self.kinks(weight)
        left = kinks.residual(there.gradient, found.x)
        assert np.all(np.abs(left) / np.sqrt(-np.diagonal(there.hessian)) < 1e-5)
        assert found.value == pytest.approx(there.value - kinks.penalty(found.x), rel=1e-12)


CASES = {"lasso": (2.0, 0.0), "ridge": (0.0, 1.0), "both": (1.0, 0.5)}


@pytest.mark.parametrize("case", CASES)
def test_proximal_newton(case):
    weight, curved = CASES[case]
    problem = Logistic(200, 15, 1, curved)
    weights = weight * np.r_[0.0, np.ones(14)]
    found = proximal_newton(
        problem.evaluate,
        lambda x: problem.evaluate(x).value,
        np.full(15, -1.0),  # beyond the bounds
        lambda step: float(np.abs(problem.X @ step).max()),
        problem.kinks(weights),
    )
    problem.check(found, weights)


@pytest.mark.parametrize("n", [40, 300])
@pytest.mark.parametrize("case", CASES)
def test_newton_on_the_active_coordinates(case, n):
    weight, curved = CASES[case]
    problem = Logistic(n, 60, 2, curved + 0.01)
    weights = weight * np.r_[0.0, np.ones(59)]
    function = RowFunction(
        columns=lambda members: problem.X[:, members],
        adjoint=lambda s: s @ problem.X,
        rowwise=problem.rowwise,
        prior=lambda x: (-0.5 * problem.curved * float(x @ x), -problem.curved * x),
        prior_curvature=lambda x, members: problem.curved * np.eye(len(members)),
        kinks=problem.kinks(weights),
    )
    problem.check(maximise_active(function, np.zeros(60)), weights)


@pytest.mark.parametrize("case", CASES)
def test_a_path(case):
    weight, curved = CASES[case]
    problem = Logistic(400, 90, 3, curved)
    weights = np.outer(weight * np.geomspace(8.0, 0.5, 5), np.r_[0.0, np.ones(89)])

    def evaluate(x, who):
        every = [problem.evaluate(row) for row in x]
        return np.array([one.value for one in every]), np.stack([one.gradient for one in every])

    functions = Functions(
        evaluate,
        lambda x, k, some, single: -problem.evaluate(x).hessian[np.ix_(some, some)],
        problem.kinks(weights),
    )
    for found, own in zip(sparse_path(functions, np.zeros(90)), weights, strict=True):
        problem.check(found, own)
