"""Log densities averaged over responses of a mean, and dispersions that take up what it lacks."""

import numpy as np
import pytest
from families import EVERY_KEY, phi_of, trials_of
from scipy import stats
from scipy.optimize import minimize_scalar

from bayesglm.numerics.families.nodes import Asked, nodes_of
from bayesglm.numerics.families.table import FAMILIES

LINEAR = [key for key in EVERY_KEY if FAMILIES[key].averaged is not None]
ABSORBING = [key for key in EVERY_KEY if FAMILIES[key].absorbed is not None]
MOVES = np.array([-0.4, 0.1, 0.3])


def inside(family, moves):
    """Return linear predictors of a family's domain."""
    return family.domain.place(0.2 + moves)


def expected(family, eta, other, phi, trials):
    """Return slopes and curvatures at ``other``, averaged over responses of ``eta`` by sums."""
    every = np.full(eta.shape, -np.inf), np.full(eta.shape, np.inf)
    rows = None if trials is None else np.full(eta.shape, trials)
    slope, bend, chance = np.zeros((3, *eta.shape))
    for y, log_weight in nodes_of(family, Asked(*every, eta[None], phi, rows)):
        log_p = family.log_likelihood(y, eta[None], phi, rows) + log_weight
        d = family.kernel(y, np.broadcast_to(other, (1, *y.shape)), phi, rows, 2)
        share = np.exp(log_p)
        chance += share.sum(axis=0)
        slope += np.sum(share * d.eta[0], axis=0, where=share > 0.0)
        bend += np.sum(share * d.eta_eta[0, 0], axis=0, where=share > 0.0)
    np.testing.assert_allclose(chance, 1.0, rtol=1e-9)
    return slope, bend


@pytest.mark.parametrize("key", LINEAR, ids="-".join)
def test_averages_are_those_over_responses(key):
    family, phi, trials = FAMILIES[key], phi_of(key), trials_of(key[0])
    eta, other = inside(family, MOVES), inside(family, MOVES[::-1] + 0.2)
    rows = None if trials is None else np.full(eta.shape, trials)
    mean = family.mean(eta[None], phi, rows)
    d = family.averaged(mean[None], other[None, None], phi, rows, 2)
    slope, bend = expected(family, eta, other, phi, trials)
    np.testing.assert_allclose(d.eta[0, 0], slope, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(d.eta_eta[0, 0, 0], bend, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("key", LINEAR, ids="-".join)
def test_no_mean_is_nearer_than_its_own(key):
    family, phi, trials = FAMILIES[key], phi_of(key), trials_of(key[0])
    eta = inside(family, MOVES)
    rows = None if trials is None else np.full(eta.shape, trials)
    mean = family.mean(eta[None], phi, rows)
    own = family.averaged(mean[None], eta[None, None], phi, rows, 2)
    np.testing.assert_allclose(own.value, family.saturated(mean[None], phi, rows), rtol=1e-12)
    np.testing.assert_allclose(own.eta[0], 0.0, atol=1e-9)


DENSITIES = {
    "gaussian": lambda mean, sigma: stats.norm(mean, sigma),
    "gamma": lambda mean, alpha: stats.gamma(alpha, scale=mean / alpha),
    "inverse_gaussian": lambda mean, lam: stats.invgauss(mean / lam, scale=lam),
}


def divergence(density, mean, mu, phi, other):
    """Return Kullback and Leibler's divergence of one row, by a sum over y, or over log y."""
    p, q = density(mean, phi), density(mu, other)
    if p.support()[0] == 0.0:
        z = np.log(mean) + np.linspace(-14.0, 4.0, 4001)
        y, slope = np.exp(z), np.exp(z)
    else:
        z = mean + p.std() * np.linspace(-12.0, 12.0, 4001)
        y, slope = z, 1.0
    log_p, log_q = p.logpdf(y), q.logpdf(y)
    share = np.exp(log_p) * slope
    return np.sum(share * (log_p - log_q), where=share > 0.0) * (z[1] - z[0])


def test_every_dispersion_that_takes_up_means_is_tried():
    assert {name for name, _ in ABSORBING} == set(DENSITIES)


@pytest.mark.parametrize("name", DENSITIES)
def test_dispersions_take_up_what_means_lack(name):
    family, phi = next(FAMILIES[key] for key in ABSORBING if key[0] == name), 2.5
    density = DENSITIES[name]
    mean, mu = np.array([[1.0, 2.0, 0.7]]), np.array([[1.3, 1.5, 0.8]])
    shares = np.array([0.5, 0.2, 0.3])
    ((found,), kl) = family.absorbed(mean, mu, [np.array([[phi]])], shares)

    def total(log_other):
        rows = zip(mean[0], mu[0], shares, strict=True)
        return sum(s * divergence(density, m, n, phi, np.exp(log_other)) for m, n, s in rows)

    best = minimize_scalar(total, bracket=(np.log(phi) - 0.5, np.log(phi)), tol=1e-9)
    np.testing.assert_allclose(found, np.exp(best.x), rtol=1e-5)
    np.testing.assert_allclose(kl, best.fun, rtol=1e-7)


@pytest.mark.parametrize("key", ABSORBING, ids="-".join)
@pytest.mark.parametrize("phi", [1e-3, 0.7, 1e4])
def test_nothing_is_taken_up_of_the_same_means(key, phi):
    family = FAMILIES[key]
    mean = np.array([[1.0, 2.0]])
    ((found,), kl) = family.absorbed(mean, mean, [np.array([[phi]])], np.array([0.4, 0.6]))
    np.testing.assert_allclose(found, phi, rtol=1e-12)
    np.testing.assert_allclose(kl, 0.0, atol=1e-12)
