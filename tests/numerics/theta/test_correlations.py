"""Correlation matrices: there and back, their derivatives, and the LKJ prior of PyMC and mpmath."""

import mpmath as mp
import numpy as np
import pymc as pm
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from bayesglm.numerics.priors.lkj import LKJ
from bayesglm.numerics.theta.correlations import (
    correlations,
    factors,
    n_below,
    pull_factor,
)

SIZES = pytest.mark.parametrize("k", [2, 3, 4])
runs = arrays(np.float64, 12, elements=st.floats(-3.0, 3.0))


def differences(function, u, step=1e-5):
    """Return the slopes of a function of u along each entry, stacked first."""
    steps = step * np.eye(len(u))
    return np.array([(function(u + one) - function(u - one)) / (2.0 * step) for one in steps])


def two_of(u, k):
    """Numbers of two matrices."""
    return u[: 2 * n_below(k)]


@SIZES
@given(u=runs)
def test_they_are_correlations_and_come_back(k, u):
    u, transform = two_of(u, k), correlations(k)
    x = transform.natural(u)
    matrices = x.reshape(2, k, k)
    np.testing.assert_array_equal(np.diagonal(matrices, axis1=1, axis2=2), 1.0)
    np.testing.assert_array_equal(matrices, np.swapaxes(matrices, 1, 2))
    assert np.linalg.eigvalsh(matrices).min() > 0.0
    np.testing.assert_allclose(np.linalg.cholesky(matrices), factors(u, k).C, atol=1e-9)
    of = factors(u, k)
    np.testing.assert_allclose(
        np.diagonal(of.log_left, 0, 1, 2), np.log(np.diagonal(of.C, 0, 1, 2))
    )
    np.testing.assert_allclose(of.unit @ of.inverse, np.stack([np.eye(k)] * 2), atol=1e-9)
    np.testing.assert_allclose(transform.inner(x), u, rtol=1e-6, atol=1e-9)


@SIZES
@given(u=runs)
def test_the_jacobian_is_that_of_the_entries_below_the_diagonal(k, u):
    u, transform = two_of(u, k), correlations(k)
    below = np.flatnonzero(np.tile(np.tril(np.ones((k, k)), -1).ravel(), 2))
    slopes = differences(lambda at: transform.natural(at)[below], u)
    sign, log_det = np.linalg.slogdet(slopes)
    assert sign == 1.0
    assert transform.log_jacobian(u) == pytest.approx(log_det, rel=1e-6, abs=1e-6)
    slope = differences(transform.log_jacobian, u)
    np.testing.assert_allclose(transform.jacobian_slope(u), slope, atol=1e-8)
    bend = differences(transform.jacobian_slope, u)
    np.testing.assert_allclose(transform.jacobian_bend(u), bend, atol=1e-8)


@SIZES
@given(u=runs, seed=st.integers(0, 100))
def test_the_chain_rule_by_finite_differences(k, u, seed):
    u, rng, transform = two_of(u, k), np.random.default_rng(seed), correlations(k)
    g = rng.normal(size=2 * k * k)
    expected = differences(lambda at: float(transform.natural(at) @ g), u)
    np.testing.assert_allclose(transform.pull(u, g), expected, rtol=1e-6, atol=1e-8)
    h = np.tril(rng.normal(size=(2, k, k)))
    expected = differences(lambda at: float((factors(at, k).C * h).sum()), u)
    np.testing.assert_allclose(pull_factor(u, k, h), expected, rtol=1e-6, atol=1e-8)


@SIZES
@given(u=runs)
def test_many_runs_at_once_are_each_of_them(k, u):
    transform, several = correlations(k), np.stack([two_of(u, k), -0.5 * two_of(u, k)])
    x = transform.natural(several)
    for function, at in (
        (transform.natural, several),
        (transform.log_jacobian, several),
        (transform.jacobian_slope, several),
        (transform.inner, x),
        (LKJ(2.5, k).total, x),
    ):
        each = np.array([function(one) for one in at])
        np.testing.assert_allclose(function(at), each, rtol=1e-12, atol=1e-14)


@SIZES
@pytest.mark.parametrize("eta", [0.5, 1.0, 3.0])
def test_the_prior_is_that_of_pymc(k, eta):
    """PyMC's is a density of the factor C; k - i entries below the diagonal move with C_ii."""
    u = np.random.default_rng(k).normal(size=n_below(k))
    C = factors(u, k).C[0]
    of_factor = float(pm.logp(pm.LKJCorr.dist(n=k, eta=eta), C).eval())
    jacobian = (k - 1.0 - np.arange(k)) @ np.log(np.diagonal(C))
    assert float(LKJ(eta, k).total((C @ C.T).ravel())) == pytest.approx(of_factor - jacobian)


@SIZES
@pytest.mark.parametrize("eta", [0.5, 1.0, 3.0])
def test_the_slope_of_the_prior_by_finite_differences(k, eta):
    prior, transform = LKJ(eta, k), correlations(k)
    u = np.random.default_rng(k).normal(size=2 * n_below(k))
    expected = differences(lambda at: float(prior.total(transform.natural(at))), u)
    found = transform.pull(u, prior.gradient(transform.natural(u)))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("eta", [0.5, 1.0, 3.0])
def test_the_density_of_three_effects_adds_up_to_one(eta):
    """As an integral over the three correlations, in many digits."""
    prior = LKJ(eta, 3)

    # det R = (1 - a^2)(1 - b^2) - (c - a b)^2 over c has a closed form, which is a function of a
    # times the same of b.
    half = mp.mpf("0.5")
    one = mp.quad(lambda a: (1 - a**2) ** (eta - half), [-1, 0, 1])
    whole = one**2 * mp.beta(half, eta)
    assert float(mp.log(whole)) == pytest.approx(prior.log_norm, abs=1e-6)


@SIZES
def test_each_correlation_is_a_beta(k):
    """Under the density of u, by importance weights: 2 Beta(b, b) - 1 with b = eta + (k - 2)/2."""
    rng, prior, transform = np.random.default_rng(0), LKJ(2.0, k), correlations(k)
    u = 0.8 * rng.standard_t(8, size=(40_000, n_below(k)))
    x = transform.natural(u)
    weights = np.exp(
        prior.total(x) + transform.log_jacobian(u) - stats.t(8, scale=0.8).logpdf(u).sum(axis=1)
    )
    assert weights.mean() == pytest.approx(1.0, abs=0.03)
    b = 2.0 + 0.5 * (k - 2)
    for entry in x.reshape(-1, k, k)[:, *np.tril_indices(k, -1)].T:
        variance = weights @ entry**2 / weights.sum()
        assert variance == pytest.approx(1.0 / (2.0 * b + 1.0), rel=0.03)


def test_correlations_next_to_one_keep_to_floats():
    transform, prior = correlations(3), LKJ(2.0, 3)
    for u in (np.array([40.0, -40.0, 3.0]), np.full(3, 149.0)):
        x = transform.natural(u)
        assert np.isfinite(prior.total(x))
        assert np.isfinite(transform.inner(x)).all()
        assert np.isfinite(transform.pull(u, prior.gradient(x))).all()
