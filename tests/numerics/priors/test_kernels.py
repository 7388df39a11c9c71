"""Waves of Gaussian processes: against the dense covariance, and their slopes."""

import numpy as np
import pytest
from scipy import integrate

from bayesglm.numerics.priors.kernels import KERNELS, eigenwaves, fourier_field
from bayesglm.numerics.priors.processes import Process
from bayesglm.numerics.priors.record import FLAT

NAMES = pytest.mark.parametrize("name", KERNELS)
PLACES = np.concatenate([np.arange(9.0), [9.5, 12.0]])


def dense(name, x, length):
    return KERNELS[name].correlation(np.subtract.outer(x, x) / length)


def covariance(waves, log_variance):
    root = waves.matrix * np.exp(0.5 * log_variance)
    return root @ root.T


@NAMES
def test_a_spectrum_is_the_fourier_transform_of_its_kernel(name):
    kernel = KERNELS[name]
    assert kernel.correlation(np.zeros(1)) == 1.0

    def density(f):
        return integrate.quad(
            lambda u: kernel.correlation(np.array(u)), 0, np.inf, weight="cos", wvar=f
        )[0]

    at_zero = integrate.quad(lambda u: kernel.correlation(np.array(u)), 0, 60)[0]
    for f in (0.3, 1.0, 2.5):
        expected = np.log(density(f) / at_zero)
        assert kernel.log_spectrum(np.array(f * f)) == pytest.approx(expected, abs=1e-5)
        step = 1e-5
        ends = kernel.log_spectrum(np.square(f * np.exp(np.array([-step, step]))))
        slope = (ends[1] - ends[0]) / (2 * step)
        assert kernel.slope(np.array(f * f)) == pytest.approx(slope, rel=1e-6)


@NAMES
@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-6])
def test_eigenwaves_leave_out_no_more_than_is_said(name, tolerance):
    """The trace of what is left out of a product of three axes, of which one is independent."""
    x, y = PLACES, np.arange(7.0)
    parts = [dense(name, y, 1.7), dense(name, x, 2.5)]
    field = eigenwaves((7, 2, 11), (0, 2), parts, tolerance)
    whole = np.kron(np.kron(parts[0], np.eye(2)), parts[1])
    kept = covariance(field.waves, field.log_variance)
    left = np.trace(whole - kept) / np.trace(whole)
    assert -1e-12 < left <= tolerance
    assert np.linalg.eigvalsh(whole - kept).min() > -1e-12
    last = 2.0 * np.exp(field.log_variance.min()) / np.trace(whole)
    assert left + last > tolerance or field.waves.size == len(whole)
    np.testing.assert_allclose(
        field.waves.matrix.T @ field.waves.matrix, np.eye(field.waves.size), atol=1e-12
    )


@NAMES
@pytest.mark.parametrize("lengths", [(1.5, 2.0), (2.5, 2.0), (2.5, 4.0)], ids=str)
def test_fourier_waves_are_the_process_under_every_likely_lengthscale(name, lengths):
    """Within 0.3% of the variance, or 3% where kernels are rough, and that itself exactly."""
    x, y = PLACES, np.arange(7.0)
    places, likely = [y, x], [(1.5, 2.5), (2.0, 4.0)]
    field = fourier_field((7, 11), (0, 1), places, KERNELS[name], likely, 1e-3)
    found = covariance(field.waves, field.log_variance(np.log(lengths)))
    expected = np.kron(dense(name, y, lengths[0]), dense(name, x, lengths[1]))
    np.testing.assert_allclose(np.diagonal(found), 1.0, rtol=1e-9)
    assert np.abs(found - expected).max() < (0.003 if name == "squared_exponential" else 0.03)


@NAMES
def test_slopes_in_lengthscales_are_differences(name):
    rng = np.random.default_rng(0)
    field = fourier_field(
        (6, 5), (0, 1), [np.arange(6.0), np.arange(5.0)], KERNELS[name], [(1.0, 3.0)] * 2, 0.02
    )
    at, slopes, step = (
        np.log([[1.3, 2.0], [40.0, 0.7]]),
        rng.normal(size=(2, field.waves.size)),
        1e-6,
    )
    found = field.pull(at, slopes)
    for k in range(2):
        ends = [field.log_variance(at + sign * step * np.eye(2)[k]) for sign in (-1, 1)]
        expected = ((ends[1] - ends[0]) * slopes).sum(axis=-1) / (2 * step)
        np.testing.assert_allclose(found[:, k], expected, rtol=1e-5, atol=1e-7)


def test_several_fields_one_behind_the_other_are_independent():
    one = eigenwaves((5,), (0,), [dense("matern32", np.arange(5.0), 2.0)], 1e-3)
    two = one.behind(2)
    single = covariance(one.waves, one.log_variance)
    np.testing.assert_allclose(
        covariance(two.waves, two.log_variance), np.kron(np.eye(2), single), atol=1e-13
    )
    field = fourier_field((5,), (0,), [np.arange(5.0)], KERNELS["matern52"], [(1.0, 3.0)], 1e-3)
    of_two = field.behind(2).log_variance(np.log([2.0]))
    np.testing.assert_allclose(of_two, np.tile(field.log_variance(np.log([2.0])), 2), rtol=1e-12)


def test_a_process_is_the_multivariate_normal():
    x, scale = np.array([[0.1, 0.2, -0.3], [1.0, 0.0, 2.0]]), np.array([[0.5], [2.0]])
    process = Process(3, KERNELS["matern52"], 1.3)
    K = dense("matern52", np.arange(3.0), 1.3)
    found = process.log_density(FLAT, x, {"scale": scale})
    for row, s, value in zip(x, scale[:, 0], found, strict=True):
        Q = np.linalg.inv(s * s * K)
        expected = 0.5 * (np.linalg.slogdet(Q)[1] - row @ Q @ row - 3 * np.log(2 * np.pi))
        assert value == pytest.approx(expected, abs=1e-10)
    z = process.prox(FLAT, x[0], 0.7, {"scale": 0.5})
    np.testing.assert_allclose(z + 0.7 * np.linalg.solve(0.25 * K, z), x[0], atol=1e-12)
    drawn = process.draw(FLAT, np.random.default_rng(1), (20_000, 3), {"scale": 0.5})
    np.testing.assert_allclose(np.cov(drawn.T), 0.25 * K, atol=0.01)
