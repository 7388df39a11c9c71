"""Paths of penalties: each point as a solver of its own finds it, however few are looked at."""

import numpy as np
import pytest
from families import OneChannel

import bayesglm.numerics.solvers.sparse as sparse_module
from bayesglm.errors import ConvergenceError
from bayesglm.numerics.density.likelihood import Rowwise
from bayesglm.numerics.density.together import slopes
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.numerics.rows.source import Source
from bayesglm.numerics.solvers.kinks import Kinks
from bayesglm.numerics.solvers.newton import Evaluation, proximal_newton
from bayesglm.numerics.solvers.sparse import Functions, sparse_path

KEYS = [("bernoulli", "logit"), ("poisson", "log"), ("gaussian", "identity")]
keys = pytest.mark.parametrize("key", KEYS, ids="-".join)


class Path:
    """The log likelihood of a sparse GLM with an intercept, an L2 penalty, and kinks."""

    def __init__(self, key, n=150, p=30, seed=0, l2=0.0, kink_at=0.0, correlation=0.3):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(n, p))
        for j in range(1, p):
            X[:, j] = correlation * X[:, j - 1] + np.sqrt(1 - correlation**2) * X[:, j]
        w = np.where(np.arange(p) < 5, 0.5, 0.0) * np.resize([1.0, -1.0], p)
        self.X = np.column_stack([np.ones(n), X])
        phi = (1.0,) if key[0] == "gaussian" else ()
        self.y = OneChannel(key).draw(rng, X @ w - 0.2, phi, None)
        self.phi, self.p, self.l2 = list(phi), p + 1, l2
        self.rowwise = Rowwise(Source.of(self.X, self.y), FAMILIES[key])
        self.kink_at = np.full(self.p, kink_at)
        self.kink_at[0] = 0.0
        self.passes, self.exact = 0, key[0] == "gaussian"

    def evaluate(self, x, who):
        self.passes += 1
        one = self.rowwise
        values, gradients = slopes(one.family, one.source, x, [self.phi] * len(x))
        values += one.constant
        away = x - self.kink_at
        return values - 0.5 * self.l2 * (away**2).sum(axis=1), gradients - self.l2 * away

    def curvature(self, x, k, members, single=False):
        bend = self.rowwise.curvature(x, self.phi, members, single and not self.exact)
        return bend + self.l2 * np.eye(len(members))

    def functions(self, kinks):
        own = Kinks(np.asarray(kinks), self.kink_at)
        return Functions(self.evaluate, self.curvature, own, exact=self.exact)

    def kinks(self, shares):
        """Penalties relative to the least that holds all coefficients; none on the intercept."""
        x = self.kink_at.copy()
        x[0] = self.intercept_alone()
        top = np.abs(self.evaluate(x[None], [0])[1][0, 1:]).max()
        found = np.outer(shares, np.full(self.p, top))
        found[:, 0] = 0.0
        return found

    def intercept_alone(self):
        held = np.full(self.p, 1e9)
        held[0] = 0.0
        return self.alone(held, self.kink_at).x[0]

    def alone(self, kink, x0=None):
        """Proximal Newton on one function."""

        def evaluate(x):
            value, gradient = self.evaluate(x[None], [0])
            return Evaluation(value[0], gradient[0], -self.curvature(x, 0, np.arange(self.p)))

        return proximal_newton(
            evaluate,
            lambda x: float(self.evaluate(x[None], [0])[0][0]),
            np.zeros(self.p) if x0 is None else x0,
            lambda step: float(np.abs(self.X @ step).max()),
            Kinks(kink, self.kink_at),
        )

    def check(self, kinks, **settings):
        """Assert that every point of the path is the maximum, by KKT and by proximal Newton."""
        solutions = sparse_path(self.functions(kinks), self.kink_at.copy(), **settings)
        assert len(solutions) == len(kinks)
        for kink, one in zip(kinks, solutions, strict=True):
            value, gradient = self.evaluate(one.x[None], [0])
            bend = self.curvature(one.x, 0, np.arange(self.p))
            sd = 1.0 / np.sqrt(np.diag(bend))
            away = one.x - self.kink_at
            residual = np.where(
                away == 0.0,
                np.maximum(np.abs(gradient[0]) - kink, 0.0),
                np.abs(gradient[0] - kink * np.sign(away)),
            )
            # In units of the slope that one posterior sd makes.
            assert np.all(residual * sd <= 2e-6)
            # It is told of the point one step before.
            assert np.linalg.norm(residual) <= one.gradient_norm + 1e-9
            assert one.value == pytest.approx(value[0] - kink @ np.abs(away), rel=1e-12)
            assert one.solver == "proximal quasi-newton"
            known = self.alone(kink)
            assert one.value == pytest.approx(known.value, rel=1e-12)
            np.testing.assert_array_equal(one.x == self.kink_at, known.x == self.kink_at)
            step = one.x - known.x
            assert np.sqrt(step @ bend @ step) < 2e-6
        return solutions


SHARES = [2.0, *np.geomspace(0.95, 0.02, 14)]


@keys
def test_every_point_is_that_of_proximal_newton(key):
    path = Path(key)
    solutions = path.check(path.kinks(SHARES))
    held = [np.count_nonzero(one.x[1:]) for one in solutions]
    assert held[0] == 0
    assert held[-1] > 15


@keys
def test_coordinates_that_the_quadratic_does_not_know_join_later(key, monkeypatch):
    monkeypatch.setattr(sparse_module, "KNOWN", 4)
    path = Path(key, n=120, p=80)
    solutions = path.check(path.kinks(SHARES))
    assert np.count_nonzero(solutions[-1].x) > 30


@pytest.mark.parametrize("known", [1000, 4])
@keys
def test_kinks_away_from_zero(key, known, monkeypatch):
    monkeypatch.setattr(sparse_module, "KNOWN", known)
    path = Path(key, kink_at=0.07)
    solutions = path.check(path.kinks(SHARES))
    assert np.all(solutions[0].x[1:] == 0.07)


@pytest.mark.parametrize("known", [1000, 4])
@keys
def test_elastic_nets(key, known, monkeypatch):
    monkeypatch.setattr(sparse_module, "KNOWN", known)
    path = Path(key, n=40, p=60, l2=3.0, kink_at=0.02)
    path.check(path.kinks(SHARES))


@pytest.mark.parametrize("shares", [[0.3, 0.1, 0.0], [0.0, 0.1, 0.3], [0.1, 0.0, 0.5, 0.0], [0.0]])
@keys
def test_penalties_of_zero(key, shares):
    path = Path(key, n=200, p=8)
    solutions = path.check(path.kinks(shares))
    for share, one in zip(shares, solutions, strict=True):
        assert share > 0.0 or np.all(one.x)


@keys
def test_a_penalty_of_its_own_for_every_coordinate(key):
    path = Path(key)
    kinks = path.kinks(SHARES) * np.random.default_rng(1).choice([0.0, 0.5, 1.0, 2.0], path.p)
    path.check(kinks)


@keys
def test_above_the_largest_penalty_all_stay_at_their_kink(key):
    path = Path(key)
    for one in path.check(path.kinks([5.0, 1.0 + 1e-6])):
        assert not one.x[1:].any()
    assert path.check(path.kinks([1.0 - 1e-3]))[0].x[1:].any()


@pytest.mark.parametrize("first_batch", [1, 2, 40])
@keys
def test_batches_of_any_size_and_any_order(key, first_batch):
    path = Path(key)
    path.check(path.kinks(SHARES), first_batch=first_batch)
    path.check(path.kinks(SHARES[::-1]), first_batch=first_batch)


@keys
def test_a_start_away_from_the_answer(key):
    path = Path(key)
    kinks = path.kinks([0.2, 0.1])
    for start in (np.full(path.p, 0.3), np.random.default_rng(3).normal(size=path.p) / 3.0):
        solutions = sparse_path(path.functions(kinks), start)
        for kink, one in zip(kinks, solutions, strict=True):
            assert one.value == pytest.approx(path.alone(kink).value, rel=1e-12)


@keys
def test_more_columns_than_rows(key):
    path = Path(key, n=40, p=90)
    path.check(path.kinks(np.geomspace(0.95, 0.2, 6)))


def test_the_lasso_path_is_scikit_learns():
    from sklearn.linear_model import lasso_path

    path = Path(("gaussian", "identity"))
    n = len(path.y)
    X, y = path.X[:, 1:] - path.X[:, 1:].mean(axis=0), path.y - path.y.mean()
    alphas, expected, _ = lasso_path(
        X,
        y,
        alphas=np.geomspace(0.9, 0.01, 20) * np.abs(X.T @ y).max() / n,
        tol=1e-12,
        max_iter=10**6,
    )
    kinks = np.outer(alphas * n, np.r_[0.0, np.ones(path.p - 1)])
    found = np.stack([one.x[1:] for one in path.check(kinks)])
    np.testing.assert_allclose(found, expected.T, atol=1e-6)


def test_a_path_takes_few_passes():
    path = Path(("poisson", "log"), n=400, p=50)
    kinks = path.kinks(np.geomspace(1.0, 0.01, 50))
    path.passes = 0
    sparse_path(path.functions(kinks), path.kink_at.copy())
    assert path.passes < 2 * len(kinks)


def test_each_point_tells_the_passes_that_it_took_itself():
    path = Path(("poisson", "log"))
    taken = np.zeros(8, dtype=int)

    def counted(x, who):
        taken[who] += 1
        return path.evaluate(x, who)

    functions = path.functions(path.kinks(np.geomspace(0.9, 0.01, 8)))._replace(evaluate=counted)
    solutions = sparse_path(functions, path.kink_at.copy(), first_batch=8)
    # The first of all looks is at where it starts.
    assert [one.n_iter for one in solutions] == (taken - 1).tolist()
    assert len(set(taken)) > 1


def test_a_function_without_a_maximum_says_so():
    # Its slope never falls below the kink: the objective rises without end.
    def evaluate(x, who):
        return x.sum(axis=1), np.ones_like(x)

    functions = Functions(
        evaluate,
        lambda x, k, members, single: 1e-3 * np.eye(len(members)),
        Kinks(np.full((1, 2), 0.5), np.zeros(2)),
    )
    with pytest.raises(ConvergenceError, match="no convergence in 100 passes") as caught:
        sparse_path(functions, np.zeros(2))
    assert np.all(caught.value.solution.x > 100.0)


def test_value_and_gradient_that_do_not_belong_together_say_so():
    def evaluate(x, who):
        return -(x**2).sum(axis=1), 2.0 * x

    functions = Functions(
        evaluate,
        lambda x, k, members, single: np.eye(len(members)),
        Kinks(np.full((1, 2), 0.1), np.zeros(2)),
    )
    with pytest.raises(ConvergenceError, match="no convergence"):
        sparse_path(functions, np.ones(2))
