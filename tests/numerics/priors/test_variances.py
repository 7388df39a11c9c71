"""Shares of a variance: their transform, their Dirichlet density, and the scales that they make."""

import numpy as np
import pytest
from scipy import stats

from bayesglm.numerics.priors.dirichlet import Dirichlet
from bayesglm.numerics.priors.spectra import VarianceScale
from bayesglm.numerics.theta.one_sign import ONE_SIGN
from bayesglm.numerics.theta.simplex import SIMPLEX

RNG = np.random.default_rng(4)
N = 5
U = RNG.normal(size=N - 1)


def differences(function, at, step=1e-6):
    steps = step * np.eye(len(at))
    return np.array([(function(at + one) - function(at - one)) / (2 * step) for one in steps])


def test_shares_there_and_back():
    x = SIMPLEX.natural(U)
    assert x.shape == (N,)
    assert x.sum() == pytest.approx(1.0, rel=1e-14)
    np.testing.assert_allclose(SIMPLEX.inner(x), U, rtol=1e-12)
    np.testing.assert_allclose(SIMPLEX.log_natural(U), np.log(x), rtol=1e-12)
    np.testing.assert_allclose(ONE_SIGN.natural(np.r_[2.0, U]), 2.0 * N * x, rtol=1e-14)
    several = np.stack([U, -U, np.full(N - 1, 200.0)])
    np.testing.assert_allclose(SIMPLEX.natural(several)[0], x, rtol=1e-14)
    assert np.isfinite(SIMPLEX.log_natural(several)).all()


def test_their_derivatives():
    g = RNG.normal(size=N)
    slopes = differences(SIMPLEX.natural, U)
    np.testing.assert_allclose(SIMPLEX.pull(U, g), slopes @ g, rtol=1e-7, atol=1e-9)
    bends = differences(lambda at: SIMPLEX.pull(at, g), U)
    np.testing.assert_allclose(SIMPLEX.bend(U, g), bends, rtol=1e-6, atol=1e-9)
    log_det = np.linalg.slogdet(slopes[:, :-1])[1]
    assert SIMPLEX.log_jacobian(U) == pytest.approx(log_det, abs=1e-8)
    slope = differences(SIMPLEX.log_jacobian, U)
    np.testing.assert_allclose(SIMPLEX.jacobian_slope(U), slope, rtol=1e-7, atol=1e-8)
    bend = differences(SIMPLEX.jacobian_slope, U)
    np.testing.assert_allclose(SIMPLEX.jacobian_bend(U), bend, rtol=1e-6, atol=1e-8)
    of_logs = np.diagonal(differences(SIMPLEX.log_natural, U))
    np.testing.assert_allclose(SIMPLEX.log_slope(U), of_logs, rtol=1e-7)


@pytest.mark.parametrize("concentration", [0.3, 1.0, 4.0])
def test_the_dirichlet_density(concentration):
    prior, x = Dirichlet(concentration, N), SIMPLEX.natural(U)
    expected = stats.dirichlet.logpdf(x, np.full(N, concentration))
    assert prior.total(x) == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(prior.gradient(x), differences(prior.total, x), rtol=1e-6, atol=1e-6)
    bends = differences(prior.gradient, x, 1e-7)
    np.testing.assert_allclose(prior.curvature(x), bends, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("sigma", [None, 1])
@pytest.mark.parametrize("share", [None, slice(2, 2 + N - 1)])
def test_scales_and_their_slopes(share, sigma):
    unit = np.linspace(0.5, 2.0, N)
    learned = VarianceScale(np.log(unit), 0, share, sigma)
    theta = np.r_[0.4, -0.7, U]
    odds = np.exp(theta[0])
    variance = odds * (1.0 if share is None else SIMPLEX.natural(U))
    expected = unit * np.sqrt(variance) * (1.0 if sigma is None else np.exp(theta[1]))
    np.testing.assert_allclose(np.exp(learned.log_scale(theta)), expected, rtol=1e-13)
    several = learned.log_scale(np.stack([theta, 2.0 * theta]))
    np.testing.assert_allclose(several[0], np.log(expected), rtol=1e-13)
    weights, thetas = RNG.normal(size=(2, N)), np.stack([theta, 0.5 * theta])
    gradients = np.ones(thetas.shape)
    learned.add_slope(thetas, weights, gradients)
    for at, weight, gradient in zip(thetas, weights, gradients, strict=True):
        slopes = differences(lambda at, by=weight: float(by @ learned.log_scale(at)), at)
        np.testing.assert_allclose(gradient - 1.0, slopes, rtol=1e-7, atol=1e-8)
