"""Walkers over indicators against the sums over all of them."""

from itertools import product

import numpy as np
import pytest

from bayesglm.errors import ConvergenceError
from bayesglm.inference.weights.walk import slice_one
from bayesglm.numerics.density.indicators import Indicators, Walkers
from bayesglm.numerics.priors.record import TwoNormals

Q = 4


def setting(spike, correlation=0.8):
    """Return a quadratic of five coefficients, and indicators of four of them."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, Q + 1))
    X[:, 1] = correlation * X[:, 0] + np.sqrt(1.0 - correlation**2) * X[:, 1]
    y = X @ [0.45, 0.0, 0.3, 0.0, 0.5] + rng.normal(size=40)
    ones = np.ones(Q)
    normals = TwoNormals(spike * ones, np.array([1.0, 1.0, 0.7, 2.0]), -1.0 + 0.3 * np.arange(Q))
    return X.T @ X, X.T @ y, Indicators(np.array([4, 1, 0, 2]), normals)


def log_sums(precision, pull, indicators):
    """Return every set of indicators, and the log of the integral over the coefficients."""
    normals, sets = indicators.normals, np.array(list(product([False, True], repeat=Q)))
    values = []
    for wide in sets:
        sd, total = np.where(wide, normals.wide, normals.narrow), precision.copy()
        total[indicators.where, indicators.where] += sd**-2.0
        value = 0.5 * pull @ np.linalg.solve(total, pull) - 0.5 * np.linalg.slogdet(total)[1]
        values.append(value - np.log(sd).sum() + normals.log_odds @ wide)
    return sets, np.array(values)


@pytest.mark.parametrize("spike", [0.3, 0.03, 1e-5])
def test_sets_are_visited_as_often_as_their_sums_say(spike):
    precision, pull, indicators = setting(spike)
    sets, values = log_sums(precision, pull, indicators)
    expected = np.exp(values - np.logaddexp.reduce(values))
    rng = np.random.default_rng(0)
    walkers = Walkers(indicators, rng.random((1000, Q)) < 0.5, precision)
    walkers.condition(precision[None], pull[None])
    counts = np.zeros(len(sets))
    for sweep in range(60):
        walkers.sweep(rng)
        if sweep >= 20:
            counts += np.bincount(walkers.wide @ (1 << np.arange(Q)[::-1]), minlength=len(sets))
    # Five errors of 40,000 draws of which a third count.
    error = np.sqrt(expected * (1.0 - expected) / (counts.sum() / 3.0))
    assert np.all(np.abs(counts / counts.sum() - expected) <= 5.0 * error + 1e-4)


@pytest.mark.parametrize("spike", [0.3, 1e-3, 1e-5])
def test_what_flips_update_is_what_is_solved_afresh(spike):
    precision, pull, indicators = setting(spike)
    rng = np.random.default_rng(0)
    walkers = Walkers(indicators, rng.random((50, Q)) < 0.5, precision)
    walkers.condition(precision[None], pull[None])
    for _ in range(10):
        walkers.sweep(rng)
    mean, covariance = walkers.mean.copy(), walkers.covariance.copy()
    walkers.condition(precision[None], pull[None])
    sd = np.sqrt(np.diagonal(walkers.covariance, axis1=1, axis2=2))
    # Ten sweeps are not solved afresh in between; one of a walk is.
    assert np.max(np.abs(mean - walkers.mean) / sd) < 1e-5
    scaled = (covariance - walkers.covariance) / (sd[:, :, None] * sd[:, None, :])
    assert np.abs(scaled).max() < 1e-5


def test_draws_are_the_gaussian_given_the_indicators():
    precision, pull, indicators = setting(0.05)
    wide = np.tile([True, False, True, False], (40_000, 1))
    walkers = Walkers(indicators, wide, precision)
    walkers.condition(precision[None], pull[None])
    drawn = walkers.draw(np.random.default_rng(2))
    total = precision.copy()
    total[indicators.where, indicators.where] += indicators.precision(wide[0])
    covariance = np.linalg.inv(total)
    sd = np.sqrt(np.diagonal(covariance))
    np.testing.assert_allclose((drawn.mean(axis=0) - covariance @ pull) / sd, 0.0, atol=0.025)
    np.testing.assert_allclose(
        np.cov(drawn.T) / np.outer(sd, sd), covariance / np.outer(sd, sd), atol=0.03
    )


def test_a_curvature_of_no_maximum_is_refused():
    precision, pull, indicators = setting(0.3)
    walkers = Walkers(indicators, np.zeros((2, Q), dtype=bool), precision)
    with pytest.raises(ConvergenceError, match="not that of a maximum"):
        walkers.condition(-100.0 * precision[None], pull[None])


def test_slices_draw_from_the_density():
    """Of a gamma density on the log scale, from far out, at a width that is too small."""
    rng = np.random.default_rng(0)
    thetas = np.stack([np.full(4000, 6.0), np.arange(4000.0)], axis=-1)

    def log_density(at):
        return 3.0 * at[:, 0] - np.exp(at[:, 0])

    for _ in range(12):
        slice_one(rng, log_density, thetas, 0, 0.3)
    drawn = np.exp(thetas[:, 0])
    assert drawn.mean() == pytest.approx(3.0, abs=0.14)
    assert drawn.var() == pytest.approx(3.0, abs=0.5)
    np.testing.assert_array_equal(thetas[:, 1], np.arange(4000.0))
