"""Coordinates of coefficients above zero: the same density, without a wall."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesglm.numerics.density.above import Above, inverse
from bayesglm.numerics.density.coordinates import Coordinates

FACTOR = np.array([[1.0, 0.2, -0.4], [0.0, 0.7, 0.1], [0.0, 0.0, 1.3]])
STRAIGHT = Coordinates(np.array([0.3, -0.5, 1.0]), FACTOR)
ABOVE = Above(STRAIGHT, np.array([0, 2]), np.array([0.5, 3.0]))


def slope(theta):
    """A normal and two exponential densities, the latter of log w."""
    w = np.exp(theta[[0, 2]])
    gradient = -theta.copy()
    gradient[[0, 2]] = 1.0 - w / np.array([0.5, 2.0])
    value = -0.5 * theta[1] ** 2 + float(np.sum(theta[[0, 2]] - w / np.array([0.5, 2.0])))
    return value, gradient


def differences(function, x, step=1e-6):
    steps = step * np.eye(len(x))
    return np.array([(function(x + one) - function(x - one)) / (2.0 * step) for one in steps])


@pytest.mark.parametrize("seed", range(4))
def test_values_slopes_and_volumes(seed):
    x = 2.0 * np.random.default_rng(seed).normal(size=3)
    theta, in_x = ABOVE.to_theta(x), ABOVE.in_x(slope)
    value, gradient = in_x(x)
    assert value == pytest.approx(slope(theta)[0] + float(ABOVE.log_det(x)), rel=1e-12)
    np.testing.assert_allclose(gradient, differences(lambda at: in_x(at)[0], x), atol=1e-7)
    volume = np.linalg.slogdet(differences(ABOVE.to_theta, x))[1]
    assert float(ABOVE.log_det(x)) == pytest.approx(volume, abs=1e-6)
    many = np.stack([x, -x])
    np.testing.assert_allclose(ABOVE.to_theta(many)[0], theta)
    np.testing.assert_allclose(ABOVE.log_det(many)[0], ABOVE.log_det(x))
    np.testing.assert_array_equal(ABOVE.variance(), STRAIGHT.variance())


@given(st.floats(-12.0, 6.0), st.floats(-6.0, 6.0))
def test_there_and_back(log_w, log_unit):
    unit = np.exp(np.array([log_unit]))
    w = np.exp(np.array([log_w])) * unit
    one = Above(Coordinates(np.zeros(1), np.ones(1)), np.array([0]), unit)
    np.testing.assert_allclose(np.exp(one.to_theta(inverse(w, unit))), w, rtol=1e-9)


def test_an_exponential_density_is_a_logistic_one():
    one = Above(Coordinates(np.zeros(1), np.ones(1)), np.array([0]), np.array([0.5]))
    in_v = one.in_x(lambda u: (float(u[0] - 2.0 * np.exp(u[0])), 1.0 - 2.0 * np.exp(u)))
    v = np.linspace(-40.0, 40.0, 81)
    found = np.array([in_v(np.array([at]))[0] for at in v])
    expected = -np.logaddexp(0.0, v) - np.logaddexp(0.0, -v) + np.log(0.5)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert np.isfinite(in_v(np.array([-700.0]))[1]).all()
