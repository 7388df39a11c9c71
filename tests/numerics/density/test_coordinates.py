"""Coordinates: they whiten, they keep probabilities, and they go where no Cholesky factor is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesglm.numerics.density.coordinates import Coordinates, Shrunk, whitened
from bayesglm.numerics.priors.shrinkage import Shrinkage
from bayesglm.numerics.priors.spectra import LearnedScale
from bayesglm.numerics.priors.structure import APART

CENTRE = np.array([1.0, -2.0, 0.5])
ROOT = np.array([[2.0, 0.0, 0.0], [0.7, 0.1, 0.0], [-1.0, 0.3, 30.0]])
PRECISION = ROOT @ ROOT.T


def test_the_normal_of_a_precision_becomes_a_standard_normal():
    coordinates = whitened(CENTRE, PRECISION)
    np.testing.assert_allclose(
        coordinates.factor.T @ PRECISION @ coordinates.factor, np.eye(3), atol=1e-9
    )
    np.testing.assert_allclose(coordinates.variance(), np.diag(np.linalg.inv(PRECISION)))
    np.testing.assert_allclose(np.triu(coordinates.factor), coordinates.factor)


def test_a_diagonal_is_its_matrix():
    diagonal, full = (
        whitened(CENTRE, np.diag(PRECISION)),
        whitened(CENTRE, np.diag(np.diag(PRECISION))),
    )
    x = np.random.default_rng(0).normal(size=(4, 2, 3))
    np.testing.assert_allclose(diagonal.to_theta(x), full.to_theta(x))
    np.testing.assert_allclose(diagonal.log_det(x), full.log_det(x))
    values = [one.in_x(lambda theta: (0.0, theta))(x[0, 0])[1] for one in (diagonal, full)]
    np.testing.assert_allclose(*values)
    np.testing.assert_allclose(diagonal.variance(), full.variance())


@pytest.mark.parametrize("precision", [PRECISION, np.diag(PRECISION)], ids=["full", "diagonal"])
def test_probabilities_stay(precision):
    """The density in x of N(centre, precision^-1) is the standard normal's, constant included."""
    coordinates = whitened(CENTRE, precision)
    matrix = precision if precision.ndim == 2 else np.diag(precision)

    def slope(theta):
        away = theta - CENTRE
        constant = 0.5 * np.linalg.slogdet(matrix)[1] - 1.5 * np.log(2 * np.pi)
        return constant - 0.5 * away @ matrix @ away, -matrix @ away

    x = np.array([0.3, -1.2, 2.0])
    value, gradient = coordinates.in_x(slope)(x)
    assert value == pytest.approx(-0.5 * x @ x - 1.5 * np.log(2 * np.pi), rel=1e-9)
    np.testing.assert_allclose(gradient, -x, rtol=1e-7)
    assert value == pytest.approx(
        slope(coordinates.to_theta(x))[0] + float(coordinates.log_det(x)), rel=1e-12
    )


def test_many_points_at_once_are_each_by_itself():
    coordinates = whitened(CENTRE, PRECISION)
    x = np.random.default_rng(0).normal(size=(2, 5, 3))
    together = coordinates.to_theta(x)
    assert coordinates.log_det(x).shape == (2, 5)
    for index in np.ndindex(2, 5):
        np.testing.assert_allclose(together[index], coordinates.to_theta(x[index]), rtol=1e-12)


def test_an_indefinite_precision_still_gives_coordinates():
    coordinates = whitened(np.zeros(2), np.array([[1.0, 2.0], [2.0, 1.0]]))
    assert np.isfinite(coordinates.factor).all()
    assert np.isfinite(coordinates.log_det(np.zeros(2)))


def test_they_are_inert():
    coordinates = Coordinates(CENTRE, np.ones(3))
    with pytest.raises(AttributeError):
        coordinates.centre = np.zeros(3)


@given(st.integers(1, 6), st.integers(0, 99))
def test_whitened_is_white(size, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size + 2))
    precision = root @ root.T
    coordinates = whitened(rng.normal(size=size), precision)
    factor = coordinates.factor
    np.testing.assert_allclose(factor.T @ precision @ factor, np.eye(size), atol=1e-6)
    assert float(coordinates.log_det(np.zeros(size))) == pytest.approx(
        -0.5 * np.linalg.slogdet(precision)[1], abs=1e-6
    )


def test_coefficients_go_from_multiples_of_their_scale_to_themselves():
    learned = LearnedScale(np.array([2, 2]))
    of = Shrinkage(slice(0, 2), 0.5, learned, APART, np.array([4.0, 1e-12]))
    made = Coordinates(np.zeros(3), np.ones(3), (Shrunk(of, np.array([7.0, 0.0])),))
    small, large = (made.to_theta(np.array([2.0, 2.0, np.log(s)])) for s in (1e-5, 1e3))
    np.testing.assert_allclose(small[:2], 0.5 + 1e-5 * 2.0, rtol=1e-8)
    np.testing.assert_allclose(large[:2], [0.5 + 7.0 + 2.0 / 2.0, 0.5 + 1e3 * 2.0], rtol=1e-5)
