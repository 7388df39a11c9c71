"""The coefficients nearest to given distributions, beside minima that scipy finds by itself."""

import numpy as np
import pytest
from families import EVERY_KEY, phi_of, trials_of
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from bayesglm.errors import ConvergenceError
from bayesglm.numerics.density.nearest import Aim, Columns, Held, nearest
from bayesglm.numerics.families.table import FAMILIES

N, P, DRAWS = 40, 3, 4
LINEAR = [key for key in EVERY_KEY if FAMILIES[key].averaged is not None]


def an_aim(key, seed=0, weights=None, n=N):
    """Return columns, an aim whose means they cannot reach, and coefficients to start from."""
    rng = np.random.default_rng(seed)
    family, trials = FAMILIES[key], trials_of(key[0])
    X = np.column_stack([np.ones(n), rng.uniform(-1.0, 1.0, (n, P - 1))])
    far = 0.3 * rng.standard_normal((DRAWS, n))
    eta = family.domain.place(0.2 * X[:, 1] + far) if not family.domain.is_real_line else far
    phi = [np.full((DRAWS, 1), value) for value in phi_of(key)]
    known = None if trials is None else np.full(n, trials)
    weights = np.ones(n) if weights is None else weights
    start = np.zeros((DRAWS, P))
    start[:, 0] = eta.mean(axis=1)
    return X, Aim(family, family.mean(eta[None], phi, known), phi, known, weights, 0.0), start


@pytest.mark.parametrize("key", LINEAR, ids="-".join)
def test_minima_are_those_of_scipy(key):
    X, aim, start = an_aim(key)
    found = nearest(X, aim, start)
    one = aim.some(slice(0, 1))

    def fall(w):
        return float(one.best[0] - one.value((X @ w)[None])[0])

    best = minimize(fall, start[0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13})
    best = minimize(fall, best.x, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13})
    assert_allclose(found.w[0], best.x, atol=2e-5)
    assert found.kl[0] == pytest.approx(best.fun, rel=1e-7, abs=1e-9)
    slopes = aim.expanded(found.w @ X.T)[1] @ X
    assert_allclose(slopes, 0.0, atol=1e-6)


def test_least_squares_are_those_of_numpy():
    weights = np.random.default_rng(1).uniform(0.5, 2.0, N)
    X, aim, start = an_aim(("gaussian", "identity"), weights=weights)
    root = np.sqrt(weights)
    best = np.linalg.lstsq(root[:, None] * X, (root * aim.mean).T, rcond=None)[0].T
    assert_allclose(nearest(X, aim, start).w, best, rtol=1e-12)
    each = aim._replace(phi=[np.broadcast_to(aim.phi[0], aim.mean.shape)])  # by Newton's steps
    assert_allclose(nearest(X, each, start).w, best, rtol=1e-12)


@pytest.mark.parametrize("key", [("gaussian", "log"), ("poisson", "log"), ("gamma", "log")])
def test_rows_that_are_there_twice_weigh_two(key):
    weights = np.array([1.0, 2.0] * (N // 2))
    X, aim, start = an_aim(key, weights=weights)
    twice = np.repeat(np.arange(N), weights.astype(int))
    rows = aim._replace(mean=aim.mean[:, twice], weights=np.ones(len(twice)))
    one, other = nearest(X, aim, start), nearest(X[twice], rows, start)
    assert_allclose(one.w, other.w, rtol=1e-8)
    assert_allclose(one.kl, other.kl, rtol=1e-8)


def test_draws_together_are_draws_alone(monkeypatch):
    X, aim, start = an_aim(("bernoulli", "logit"))
    together = nearest(X, aim, start)
    monkeypatch.setattr("bayesglm.numerics.density.nearest.TOGETHER", N)
    alone = nearest(X, aim, start)
    assert_allclose(together.w, alone.w, rtol=1e-9)
    assert_allclose(together.kl, alone.kl, rtol=1e-9)


def test_what_rows_leave_free_stays_where_it_starts():
    X, aim, start = an_aim(("poisson", "log"))
    wide = np.column_stack([X, X[:, 1] + X[:, 2], np.zeros(N)])
    start = np.column_stack([start, np.full(DRAWS, 0.4), np.full(DRAWS, 7.0)])
    found = nearest(wide, aim, start)
    assert_allclose(found.w[:, 4], 7.0)
    assert np.abs(found.w[:, 3] - 0.4).max() < 2.0
    assert_allclose(found.kl, nearest(X, aim, start[:, :P]).kl, rtol=1e-9)


def test_coefficients_are_held_as_a_penalty_holds_them():
    X, aim, start = an_aim(("poisson", "log"))
    held = Held(np.full((DRAWS, P), 0.3), np.tile([0.0, 5.0, 50.0], (DRAWS, 1)))
    found = nearest(X, aim, start, held)
    away = held.precision * (found.w - held.centre)
    assert_allclose(aim.expanded(found.w @ X.T)[1] @ X, away, atol=1e-7)


def test_products_of_columns_are_the_same_however_they_are_made(monkeypatch):
    X = np.random.default_rng(2).normal(size=(N, P))
    weights = np.random.default_rng(3).uniform(size=(DRAWS, N))
    expected = np.einsum("np,kn,nq->kpq", X, weights, X)
    assert_allclose(Columns(X).gram(weights), expected, rtol=1e-12)
    monkeypatch.setattr("bayesglm.numerics.density.nearest.PAIRS", 0)
    assert_allclose(Columns(X).gram(weights), expected, rtol=1e-12)


def test_a_start_outside_the_domain_of_a_link_is_refused():
    X, aim, start = an_aim(("poisson", "identity"))
    with pytest.raises(ConvergenceError, match="link is not defined"):
        nearest(X, aim, start - 100.0)


def test_steps_far_beyond_what_floats_hold_are_halved():
    X, aim, start = an_aim(("poisson", "log"))
    far = start.copy()
    far[:, 0] = -8.0  # from where Newton's step leads to exp(3000)
    assert_allclose(nearest(X, aim, far).w, nearest(X, aim, start).w, atol=1e-8)
