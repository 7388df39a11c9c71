"""What a learned scale does to coefficients: exact where nothing correlates them but a walk."""

import numpy as np
import pytest

from bayesglm.numerics.priors.differences import Differences
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.shrinkage import in_directions, shrinkage
from bayesglm.numerics.priors.spectra import LearnedScale
from bayesglm.numerics.priors.table import PRIORS

Q, SIZE = 6, 8  # coefficients of the prior, after one of another; their log scale comes last
WHERE = slice(1, 1 + Q)
LEARNED = LearnedScale(np.array([SIZE - 1]))
WALK = Differences((3, 2), (0,), 1)
THETA = np.zeros(SIZE)
PARTS = {
    "Normal": PriorPart(WHERE, PRIORS["Normal"], {"loc": 0.4}, learned=LEARNED),
    "RandomWalk": PriorPart(WHERE, PRIORS["RandomWalk"], {}, learned=LEARNED, structure=WALK),
}
PRECISIONS = {"Normal": np.eye(Q), "RandomWalk": WALK.matrix()}


@pytest.mark.parametrize("prior", PARTS)
@pytest.mark.parametrize("scale", [1e-3, 0.7, 1e3])
def test_means_and_covariances_are_exact_where_the_data_correlate_nothing(prior, scale):
    information, pull = 2.5, np.linspace(-1.0, 2.0, Q)
    of = shrinkage(PARTS[prior], information * np.eye(SIZE - 1), THETA)
    theta = np.append(np.zeros(SIZE - 1), np.log(scale))
    precision = PRECISIONS[prior] / scale**2 + information * np.eye(Q)
    log_precision = of.log_precision(theta)
    back = of.structure.rotate(np.eye(Q), back=True)
    np.testing.assert_allclose(
        (back.T * np.exp(-log_precision)) @ back, np.linalg.inv(precision), rtol=1e-6, atol=1e-12
    )
    mean = of.structure.rotate(
        np.exp(of.log_share(log_precision)) * of.structure.rotate(pull), back=True
    )
    exact = np.linalg.solve(precision, information * pull)
    np.testing.assert_allclose(mean, exact, rtol=1e-6, atol=1e-9)


def test_information_is_that_in_the_eigenbasis_of_a_walk():
    root = np.random.default_rng(0).normal(size=(SIZE - 1, 30))
    curvature = root @ root.T
    basis = np.eye(SIZE - 1)
    basis[WHERE, WHERE] = WALK.rotate(np.eye(Q))
    found = in_directions(tuple(PARTS.values()), curvature, THETA)
    np.testing.assert_allclose(found, basis.T @ curvature @ basis, rtol=1e-12)
    of = shrinkage(PARTS["RandomWalk"], curvature, THETA)
    np.testing.assert_allclose(of.information, np.diagonal(found)[WHERE])
    plain = shrinkage(PARTS["Normal"], curvature, THETA)
    np.testing.assert_allclose(plain.information, np.diagonal(curvature)[WHERE])


def test_a_diagonal_is_all_that_is_known_of_many():
    diagonal = np.arange(1.0, SIZE)
    plain = shrinkage(PARTS["Normal"], diagonal, THETA)
    np.testing.assert_array_equal(plain.information, diagonal[WHERE])
    walk = shrinkage(PARTS["RandomWalk"], diagonal, THETA)
    np.testing.assert_array_equal(walk.information, np.full(Q, diagonal[WHERE].mean()))


def test_coefficients_without_data_stay_finite():
    of = shrinkage(PARTS["Normal"], np.zeros((SIZE - 1, SIZE - 1)), THETA)
    for log_scale in (-300.0, 0.0, 300.0):
        log_precision = of.log_precision(np.append(np.zeros(SIZE - 1), log_scale))
        np.testing.assert_allclose(-0.5 * log_precision, log_scale, atol=1e-9)
        assert np.isfinite(of.log_share(log_precision)).all()
