"""The evidence of fields' covariances: against dense formulae, and its slopes by differences."""

import numpy as np
import pytest

import bayesglm as bg
from bayesglm.numerics.density.field_evidence import FieldEvidence
from bayesglm.numerics.priors.covariances import Processes, in_waves
from bayesglm.numerics.priors.kernels import KERNELS, eigenwaves

RNG = np.random.default_rng(2)
PLACES = [np.arange(5.0), np.array([0.0, 1.0, 2.5, 4.0])]
SHAPE, AXES = (5, 2, 4), (0, 2)


def base(name, lengths):
    matrices = [
        KERNELS[name].correlation(np.subtract.outer(x, x) / length)
        for x, length in zip(PLACES, lengths, strict=True)
    ]
    return eigenwaves(SHAPE, AXES, matrices, 1e-9).waves


@pytest.mark.parametrize("rank", [6, 20])
def test_it_is_the_integral_of_a_quadratic_under_a_normal(rank):
    """Where nothing is said of some directions as well."""
    A, B = RNG.normal(size=(rank, 9)), RNG.normal(size=(9, 9))
    G, h, C = A.T @ A, A.T @ RNG.normal(size=rank), B @ B.T + 0.1 * np.eye(9)
    own = FieldEvidence(G, h, 3.0)
    H = np.linalg.inv(C) + G
    value, slope = own.of(C)
    determinants = np.linalg.slogdet(np.eye(9) + C @ G)[1]
    expected = 3.0 + 0.5 * h @ np.linalg.solve(H, h) - 0.5 * determinants
    assert value == pytest.approx(expected, abs=1e-6)
    np.testing.assert_allclose(own.mean(C), np.linalg.solve(H, h), atol=1e-6)
    D = RNG.normal(size=(9, 9))
    D = D + D.T
    ends = [own.of(C + sign * 1e-5 * D)[0] for sign in (-1, 1)]
    assert (slope * D).sum() == pytest.approx((ends[1] - ends[0]) / 2e-5, rel=1e-5)


def test_a_curvature_that_bends_upwards_is_told():
    with pytest.raises(bg.ConvergenceError, match="not positive definite"):
        FieldEvidence(np.diag([1.0, -1.0]), np.ones(2), 0.0).of(np.eye(2))


@pytest.mark.parametrize("name", KERNELS)
def test_covariances_in_waves_are_those_of_the_field(name):
    """In waves of shorter lengthscales, along two axes of three, with every derivative."""
    waves, psi = base(name, (1.0, 1.0)), np.log([0.7, 1.4, 2.0])
    family = Processes(KERNELS[name], PLACES)
    found, slopes = in_waves(family, waves, psi)
    K = [family.of_axis(d, psi) for d in range(2)]
    whole = 0.49 * np.kron(np.kron(K[0], np.eye(2)), K[1])
    back = waves.matrix @ found @ waves.matrix.T
    np.testing.assert_allclose(back, whole, atol=1e-5)
    for k, slope in enumerate(slopes):
        step = 1e-4 * np.eye(3)[k]
        ends = [in_waves(family, waves, psi + sign * step)[0] for sign in (-1, 1)]
        np.testing.assert_allclose(slope, (ends[1] - ends[0]) / 2e-4, atol=1e-6)
