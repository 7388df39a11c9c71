"""Steps of one sign: the prior of their mean, the marginal of one, and the joint density."""

import mpmath as mp
import numpy as np
import pytest
from scipy import integrate, stats

from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.steps import STEPS, Steps
from bayesglm.numerics.theta.one_sign import ONE_SIGN

SCALE = 1.4


def part(n, scale=SCALE):
    return PriorPart(slice(0, n), STEPS, {"scale": scale}, structure=Steps(n))


@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_density_is_that_of_mean_and_shares(n):
    w = -np.random.default_rng(n).exponential(size=(3, n))
    expected = stats.norm.logpdf(w.mean(axis=1), scale=SCALE)
    expected += [stats.dirichlet.logpdf(row / row.sum(), np.ones(n)) if n > 1 else 0 for row in w]
    np.testing.assert_allclose(part(n).total(w), expected, rtol=1e-12)
    np.testing.assert_allclose(part(n, np.full(n, SCALE)).total(w), expected, rtol=1e-12)


def test_derivatives_by_differences():
    n, step = 3, 1e-5
    one, x = part(n), np.array([0.4, 2.0, 0.1])
    steps = step * np.eye(n)
    slope = [(one.total(x + h) - one.total(x - h)) / (2.0 * step) for h in steps]
    np.testing.assert_allclose(one.gradient(x), slope, rtol=1e-6)
    bend = [(one.gradient(x + h) - one.gradient(x - h)) / (2.0 * step) for h in steps]
    some = np.array([0, 2])
    np.testing.assert_allclose(
        one.curvature(x, some), -np.array(bend)[np.ix_(some, some)], rtol=1e-6
    )
    v = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(one.product(x, v), -np.array(bend) @ v, rtol=1e-6)
    np.testing.assert_allclose(one.precision(x), -np.diagonal(bend), rtol=1e-6)


def test_on_the_unconstrained_scale_it_integrates_to_one():
    def density(u, b):
        at = np.array([b, u])
        return np.exp(part(2).total(ONE_SIGN.natural(at)) + ONE_SIGN.log_jacobian(at))

    mass, _ = integrate.dblquad(density, -12.0, 12.0, -30.0, 30.0, epsabs=1e-9)
    assert mass == pytest.approx(1.0, abs=1e-7)


@pytest.mark.parametrize("n", [1, 2, 3, 12])
def test_the_marginal_density_of_a_step(n):
    def exact(x):
        if n == 1:
            return mp.npdf(x, 0, SCALE)

        def of_share(t):  # -log of the share, whose density is that of Beta(1, n - 1)
            z = mp.exp(-t)
            return (n - 1) * (1 - z) ** (n - 2) * mp.npdf(x / (n * z), 0, SCALE) / n

        return mp.quad(of_share, mp.arange(0, 16))

    x = np.array([0.003, 0.2, 1.0, 4.0])
    found = STEPS.marginal(x, scale=SCALE, size=float(n))
    np.testing.assert_allclose(np.exp(found), [float(exact(one)) for one in x], rtol=1e-9)
    np.testing.assert_array_equal(found, STEPS.marginal(-x, scale=SCALE, size=float(n)))
    assert np.isfinite(STEPS.marginal(np.zeros(1), scale=SCALE, size=float(n)))
