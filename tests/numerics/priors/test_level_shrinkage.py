"""What scales and correlations do to effects: exact where the data correlate no levels."""

import numpy as np
import pytest

from bayesglm.numerics.priors.correlated import Correlated, CorrelatedScale
from bayesglm.numerics.priors.level_shrinkage import level_shrinkage
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.shrinkage import shrinkage
from bayesglm.numerics.priors.spectra import LearnedScale
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.numerics.theta.correlations import n_below

SHAPES = [(1, 2, 3), (1, 4, 2), (2, 3, 2)]


def part_of(shape):
    """Effects behind one other coefficient, then one scale of each and what correlates them."""
    m, k, _ = shape
    q, of_scales = int(np.prod(shape)), m * k
    scales = CorrelatedScale(
        LearnedScale(1 + q + np.arange(of_scales)),
        slice(1 + q + of_scales, 1 + q + of_scales + m * n_below(k)),
        shape,
    )
    return PriorPart(
        slice(1, 1 + q),
        PRIORS["Normal"],
        {"loc": np.linspace(-0.5, 0.5, q)},
        learned=scales,
        structure=Correlated(scales),
    )


def theta_of(part, seed, shift=0.0):
    rng, scales = np.random.default_rng(seed), part.learned
    theta = rng.normal(size=scales.place.stop)
    theta[scales.effects.places] += shift
    return theta


def information_of(part, seed):
    """A block of each level, and nothing between levels."""
    rng, (m, k, levels) = np.random.default_rng(seed), part.learned.shape
    roots = rng.normal(size=(m, levels, k, 2 * k))
    blocks = roots @ np.swapaxes(roots, -1, -2)
    whole = np.zeros((m, k, levels, m, k, levels))
    for a in range(m):
        for level in range(levels):
            whole[a, :, level, a, :, level] = blocks[a, level]
    information = np.eye(1 + part.size)
    information[1:, 1:] = whole.reshape(part.size, part.size)
    return information


def exact(part, information, theta):
    """The precision of the effects, prior and data together."""
    given = part.given(theta)
    prior = given.curvature(theta[part.where], np.arange(part.size))
    return prior + information[part.where, part.where]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("shift", [-4.0, 0.0, 4.0])
def test_means_and_factors_are_exact(shape, shift):
    part = part_of(shape)
    information = information_of(part, 0)
    of = level_shrinkage(part, information)
    theta, pull = theta_of(part, 1, shift), np.random.default_rng(2).normal(size=part.size)
    precision = exact(part, information, theta)
    mean, volume = of.placed(theta, np.zeros(part.size), pull)
    np.testing.assert_allclose(mean, part.loc + np.linalg.solve(precision, pull), atol=1e-9)
    several = np.broadcast_to(theta, (part.size, len(theta)))
    noise = of.placed(several, np.eye(part.size), np.zeros((part.size, part.size)))[0] - part.loc
    np.testing.assert_allclose(noise.T @ noise, np.linalg.inv(precision), atol=1e-9)
    np.testing.assert_array_equal(np.triu(noise.T), noise.T)
    assert volume == pytest.approx(np.log(np.diagonal(noise)).sum())
    factor = np.eye(1 + part.size)[1:] * 0.0
    factor[:, 1:] = noise.T
    np.testing.assert_allclose(of.units(theta, factor)[:, 1:], np.eye(part.size), atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("of_levels", [True, False])
def test_pulls_are_those_that_make_the_coefficients_the_means(shape, of_levels):
    """Of levels together, and of directions each by itself."""
    part = part_of(shape)
    information = information_of(part, 0)
    own = [level_shrinkage(part, information)] if of_levels else []
    of = own[0] if own else shrinkage(part, information, theta_of(part, 1))
    thetas = np.stack([theta_of(part, seed) for seed in range(4)])
    w = np.random.default_rng(3).normal(size=(4, part.size))
    back, volumes = of.placed(thetas, np.zeros_like(w), of.pulls(thetas, w))
    np.testing.assert_allclose(back, w, rtol=1e-8, atol=1e-9)
    for theta, volume in zip(thetas, volumes, strict=True):
        several = np.broadcast_to(theta, (part.size, len(theta)))
        nothing = np.zeros((part.size, part.size))
        noise = of.placed(several, np.eye(part.size), nothing)[0] - part.loc
        assert np.linalg.slogdet(noise)[1] == pytest.approx(volume)


def test_effects_next_to_one_line_stay_finite():
    part = part_of((1, 2, 3))
    of = level_shrinkage(part, np.zeros((7, 7)))
    theta = np.zeros(part.learned.place.stop)
    theta[part.learned.place] = 25.0
    w, volume = of.placed(theta, np.ones(6), np.ones(6))
    assert np.isfinite(w).all()
    assert np.isfinite(volume)
