"""The series of Tweedie's density against Bessel functions, and against sums in many digits."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mean_tweedie_deviance

from bayesglm.numerics.families.table import FAMILIES

FAMILY = FAMILIES["tweedie", "log"]
DIGITS = 45
POWERS = (1.0101, 1.05, 1.3, 1.5, 1.75, 1.95, 1.9899)


def log_sum(y, phi, p):
    """Return log of the sum over j of z^j / (j! Gamma(j a)), with log z as in Dunn & Smyth (2005).

    Where many terms count, those at a third of a standard deviation from one another: the rest of
    such a sum of a smooth bell is 1e-70 of it.
    """
    a = (2 - p) / (p - 1)
    log_z = a * (mp.log(y) - mp.log(p - 1)) - (1 + a) * mp.log(phi) - mp.log(2 - p)
    largest = y ** (2 - p) / ((2 - p) * phi)
    sd = mp.sqrt(largest / (1 + a))
    stride = sd / 3 if sd > 40 else mp.mpf(1)
    reach = 14 * sd + 40
    first = largest - reach if sd > 40 else max(mp.floor(largest - reach), mp.mpf(1))
    places = [first + k * stride for k in range(int(2 * (reach + 1) / stride) + 1)]
    logs = [j * log_z - mp.loggamma(j + 1) - mp.loggamma(j * a) for j in places]
    top = max(logs)
    return top + mp.log(stride * mp.fsum(mp.exp(one - top) for one in logs))


def log_density(y, eta, phi, p, of_sum=log_sum):
    value = -mp.exp((2 - p) * eta) / ((2 - p) * phi)
    if y:
        value += -y * mp.exp((1 - p) * eta) / ((p - 1) * phi) + of_sum(y, phi, p) - mp.log(y)
    return value


def numbers(*values):
    return tuple(map(mp.mpf, values))


def close(found, expected, size, rtol):
    assert abs(mp.mpf(float(found)) - expected) <= rtol * max(abs(expected), size), (
        float(found),
        mp.nstr(expected, 18),
    )


@pytest.mark.parametrize("phi", [1e-12, 1e-6, 0.01, 0.9, 30.0, 1e6])
@pytest.mark.parametrize("y", [1e-100, 1e-6, 0.3, 1.0, 80.0, 1e9])
def test_at_a_power_of_three_halves_it_is_a_bessel_function(y, phi):
    """The sum over j of z^j / (j! (j - 1)!) is sqrt(z) I_1(2 sqrt(z))."""

    def by_bessel(y, phi, p):
        z = mp.exp(mp.log(y) - mp.log(p - 1) - 2 * mp.log(phi) - mp.log(2 - p))
        with mp.workdps(DIGITS):
            return mp.log(z) / 2 + mp.log(mp.besseli(1, 2 * mp.sqrt(z)))

    # At the mean that the response says nothing is lost in what the two large parts have in common.
    eta = float(np.log(y))
    found = FAMILY.log_likelihood(np.array([y]), np.array([[eta]]), (phi, 1.5), None)[0]
    with mp.workdps(DIGITS):
        expected = log_density(*numbers(y, eta, phi, 1.5), of_sum=by_bessel)
        close(found, expected, 1.0 + abs(eta), 1e-13)  # eta is the logarithm of y, an addend


CASES = [
    *((0.0, 0.4, 0.8, p) for p in (1.0101, 1.5, 1.9899)),
    *((0.7, 0.2, 0.9, p) for p in (1.0101, 1.3, 1.75, 1.9899)),
    *((35.0, 3.0, 1e-4, p) for p in (1.0101, 1.5, 1.9)),
    (2.0, 0.5, 0.1, 1.6),
    (1e-5, 0.0, 0.5, 1.9),
    (1e-200, -1.0, 3.0, 1.2),
    (1e-200, -1.0, 3.0, 1.9899),
    (35.0, 3.4, 1e3, 1.05),
    (1e7, 15.0, 0.02, 1.3),
]


def in_many_digits(case, orders):
    """Return a derivative of log p in (eta, phi, p), of so many orders in each."""
    y, *where = numbers(*case)
    if not any(orders):
        return log_density(y, *where)
    return mp.diff(lambda *at: log_density(y, *at), tuple(where), orders)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_and_derivatives_in_many_digits(case):
    y, eta, phi, p = case
    d = FAMILY.derivatives(np.array([y]), np.array([[eta]]), (phi, p), None)
    parts = {
        (0, 0, 0): d.value,
        (1, 0, 0): d.eta[0],
        (2, 0, 0): d.eta_eta[0, 0],
        (0, 1, 0): d.phi[0],
        (0, 0, 1): d.phi[1],
        (0, 2, 0): d.phi_phi[0][0],
        (0, 1, 1): d.phi_phi[0][1],
        (0, 0, 2): d.phi_phi[1][1],
        (1, 1, 0): d.eta_phi[0][0],
        (1, 0, 1): d.eta_phi[1][0],
    }
    with mp.workdps(DIGITS):
        size = 1 + abs(in_many_digits(case, (0, 0, 0)))
        for orders, found in parts.items():
            # phi has a unit; an error in it is one of log phi.
            unit = size / mp.mpf(phi) ** orders[1]
            rtol = 1e-13 if sum(orders) == 0 else 1e-10 if sum(orders) == 1 else 1e-8
            close(found[0], in_many_digits(case, orders), unit, rtol)


@given(
    p=st.floats(1.0101, 1.9899),
    log_phi=st.floats(-12.0, 12.0),
    log_y=st.floats(-30.0, 30.0),
    away=st.floats(-1.0, 1.0),
)
def test_any_parameters(p, log_phi, log_y, away):
    y, eta, phi = float(np.exp(log_y)), log_y + away, float(np.exp(log_phi))
    found = FAMILY.log_likelihood(np.array([y]), np.array([[eta]]), (phi, p), None)[0]
    with mp.workdps(DIGITS):
        expected = log_density(*numbers(y, eta, phi, p))
        close(found, expected, 1.0, 1e-12)


@pytest.mark.parametrize("p", POWERS)
def test_deviances_are_scikit_learns(p):
    rng = np.random.default_rng(0)
    y = rng.gamma(2.0, 1.0, 50) * (rng.random(50) < 0.8)
    mu = rng.gamma(2.0, 1.0, 50)
    phi = 0.7
    kernel = FAMILY.kernel(y, np.log(mu)[None], (phi, p), None, 0).value
    fell = FAMILY.saturated(y, (phi, p), None) - kernel
    assert 2.0 * phi * fell.mean() == pytest.approx(
        mean_tweedie_deviance(y, mu, power=p), rel=1e-11
    )


@pytest.mark.parametrize("p", [1.0101, 1.5, 1.9])
def test_draws_have_the_variance_and_the_distribution(p):
    rng, phi, eta = np.random.default_rng(1), 0.6, 0.4
    y = FAMILY.draw(rng, np.full((1, 100_000), eta), (phi, p), None)
    assert y.var() == pytest.approx(phi * np.exp(eta * p), rel=0.03)
    none = np.exp(-np.exp((2.0 - p) * eta) / ((2.0 - p) * phi))
    assert (y == 0.0).mean() == pytest.approx(none, abs=0.005)
    at = np.array([0.0, 0.1, 1.0, 3.0])
    cdf = FAMILY.cdf(at, np.full((1, 4), eta), (phi, p), None)
    np.testing.assert_allclose(cdf, (y[:, None] <= at).mean(axis=0), atol=0.006)


def test_terms_are_few_however_many_there_are():
    """One response that is a sum of 1e30 gammas costs no more memory than one of a hundred."""
    y, eta = np.full(10, 1e25), np.full((1, 10), np.log(1e25))
    d = FAMILY.derivatives(y, eta, (1e-18, 1.5), None)
    assert np.all(np.isfinite([d.value, d.eta[0], d.phi[0], d.phi[1]]))
