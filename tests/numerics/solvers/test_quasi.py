"""Quasi-Newton: many functions side by side as each alone, and what it does in trouble."""

import numpy as np
import pytest

from bayesglm.numerics.solvers.quasi import quasi_newton

P = 5


def logistic(seed, n=60):
    """Value and gradient of a penalised logistic log likelihood, and its Hessian at zero."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, P)) * np.linspace(0.5, 2.0, P)
    y = (rng.random(n) < 1 / (1 + np.exp(-X @ rng.normal(size=P)))).astype(float)

    def slope(w):
        eta = X @ w
        value = y @ eta - np.logaddexp(0.0, eta).sum() - 0.5 * w @ w
        return value, X.T @ (y - 1 / (1 + np.exp(-eta))) - w

    return slope, 0.25 * X.T @ X + np.eye(P)


class Side:
    """Several functions, evaluated side by side, with a record of who was asked about."""

    def __init__(self, several, inverses):
        self.several, self.inverses, self.asked = several, inverses, []

    def evaluate(self, x, who):
        self.asked.append(list(who))
        found = [self.several[k](row) for k, row in zip(who, x, strict=True)]
        return np.array([value for value, _ in found]), np.array([slope for _, slope in found])

    def precondition(self, v, who):
        return np.stack([self.inverses[k] @ row for k, row in zip(who, v, strict=True)])

    def run(self, x0, **settings):
        return quasi_newton(self.evaluate, self.precondition, x0, solver="test", **settings)


def quadratic(A, at):
    return lambda x: (-0.5 * (x - at) @ A @ (x - at), -A @ (x - at))


def only(function, inverse, x0, **settings):
    found, converged = Side([function], [inverse]).run(np.array([x0], dtype=float), **settings)
    return found[0], bool(converged[0])


def test_many_are_each_alone():
    made = [logistic(seed) for seed in range(6)]
    # Preconditioners of every quality: exact at zero, none, and another function's.
    inverses = [np.linalg.inv(bend) for _, bend in made]
    inverses[1], inverses[2], inverses[3] = np.eye(P), inverses[0], 100.0 * inverses[3]
    starts = np.random.default_rng(0).normal(size=(6, P))
    side = Side([slope for slope, _ in made], inverses)
    found, converged = side.run(starts)
    assert converged.all()
    for k, (slope, _) in enumerate(made):
        alone, done = only(slope, inverses[k], starts[k])
        assert done
        np.testing.assert_allclose(found[k].x, alone.x, rtol=1e-13)
        assert found[k].value == pytest.approx(alone.value, rel=1e-14)
        assert found[k].n_iter == alone.n_iter
        assert found[k].gradient_norm < 1e-5
        # It is told of the point one step before.
        assert np.linalg.norm(slope(found[k].x)[1]) <= found[k].gradient_norm
        assert found[k].solver == "test"
        # In distances of posterior sd: what is still promised is decrement^2 / 2.
        assert found[k].decrement <= np.sqrt(1e-14 * (1 + abs(found[k].value)))


def test_those_that_have_converged_retire():
    made = [logistic(seed) for seed in range(4)]
    side = Side([slope for slope, _ in made], [np.linalg.inv(bend) for _, bend in made])
    side.inverses[2] = 0.01 * np.eye(P)
    found, converged = side.run(np.ones((4, P)))
    assert converged.all()
    last = max(one.n_iter for one in found)
    assert found[2].n_iter == last > min(one.n_iter for one in found)
    for k, one in enumerate(found):
        assert sum(k in who for who in side.asked) == one.n_iter + 1
    assert side.asked[-1] == [2]
    assert all(np.all(np.diff(who) > 0) for who in side.asked)


@pytest.mark.parametrize("condition", [1e2, 1e4])
def test_a_badly_preconditioned_quadratic_converges(condition):
    rng = np.random.default_rng(3)
    V = np.linalg.qr(rng.normal(size=(P, P)))[0]
    A, at = V @ np.diag(np.geomspace(1.0, condition, P)) @ V.T, rng.normal(size=P)
    for inverse in (np.eye(P), 1e-4 * np.eye(P), 1e4 * np.eye(P), np.diag(1.0 / np.diag(A))):
        found, done = only(quadratic(A, at), inverse, np.zeros(P), max_iter=300)
        assert done
        # The promise of 1e-14 is one by an approximate curvature.
        step = found.x - at
        assert np.sqrt(step @ A @ step) < 1e-5


def test_an_exact_preconditioner_takes_two_steps():
    A, at = np.diag([1.0, 4.0, 9.0, 2.0, 100.0]), np.arange(5.0)
    found, done = only(quadratic(A, at), np.linalg.inv(A), np.ones(P))
    assert done
    assert found.n_iter <= 2
    np.testing.assert_allclose(found.x, at, rtol=1e-12)


def test_a_function_already_at_its_maximum():
    A, at = np.diag(np.arange(1.0, 6.0)), np.arange(5.0)
    found, done = only(quadratic(A, at), np.eye(P), at)
    assert (done, found.n_iter, found.gradient_norm, found.decrement) == (True, 0, 0.0, 0.0)
    np.testing.assert_array_equal(found.x, at)
    side = Side([quadratic(A, at), quadratic(A, -at)], [np.eye(P)] * 2)
    both, converged = side.run(np.stack([at, at]))
    assert converged.all()
    assert both[0].n_iter == 0 < both[1].n_iter
    np.testing.assert_allclose(both[1].x, -at, atol=1e-6)


@pytest.mark.parametrize("beyond", [-np.inf, np.nan])
@pytest.mark.parametrize("slope", [0.0, np.inf, np.nan])
def test_impossible_steps_are_backed_out_of(beyond, slope):
    """x - log-barrier: the first whole steps land where there is no value, nor slope."""

    def barrier(x):
        if np.any(x >= 1.0):
            return beyond, np.full(P, slope) * np.array([1, -1, 0, 1, 1.0])
        return float((2.0 * x + np.log1p(-x)).sum()), 2.0 - 1.0 / (1.0 - x)

    found, done = only(barrier, 10.0 * np.eye(P), np.zeros(P))
    assert done
    np.testing.assert_allclose(found.x, 0.5, atol=1e-6)
    # One in trouble leaves the others alone.
    A = np.diag(np.arange(1.0, 6.0))
    side = Side([barrier, quadratic(A, np.zeros(P))], [10.0 * np.eye(P), np.linalg.inv(A)])
    both, converged = side.run(np.stack([np.zeros(P), np.ones(P)]))
    assert converged.all()
    np.testing.assert_allclose(both[0].x, found.x)
    np.testing.assert_allclose(both[1].x, 0.0, atol=1e-6)


def test_a_finite_value_with_no_slope_is_no_step():
    def broken(x):
        if np.any(x > 1.0):
            return 100.0, np.full(P, np.nan)
        return float(-((x - 0.5) ** 2).sum()), -2.0 * (x - 0.5)

    found, done = only(broken, 10.0 * np.eye(P), np.zeros(P))
    assert done
    np.testing.assert_allclose(found.x, 0.5, atol=1e-6)


def test_what_does_not_converge_is_said():
    A = np.diag(np.geomspace(1.0, 1e4, P))
    found, done = only(quadratic(A, np.ones(P)), np.eye(P), np.zeros(P), max_iter=9)
    assert not done
    assert found.n_iter == 9
    assert found.value > quadratic(A, np.ones(P))(np.zeros(P))[0]
    # No start, no answer; beside it the other goes on.
    nowhere = lambda x: (-np.inf, np.zeros(P))  # noqa: E731
    side = Side([nowhere, quadratic(A, np.ones(P))], [np.eye(P), np.linalg.inv(A)])
    both, converged = side.run(np.zeros((2, P)))
    assert list(converged) == [False, True]
    assert both[0].n_iter == 0
    # A slope that points down: no step along it is ever good.
    wrong = lambda x: (-float(x @ x), 2.0 * x)  # noqa: E731
    found, done = only(wrong, np.eye(P), np.ones(P))
    assert not done
    np.testing.assert_array_equal(found.x, np.ones(P))


def test_a_function_without_a_maximum_does_not_converge_before_its_end():
    def rising(x):
        return float(-np.exp(-x[0])), np.r_[np.exp(-x[0]), np.zeros(P - 1)]

    found, done = only(rising, np.eye(P), np.zeros(P), max_iter=4)
    assert not done
    assert found.x[0] > 1.0
