"""Block-tridiagonal matrices and precisions of series, against their dense matrices."""

import numpy as np
import pytest
from scipy.linalg import toeplitz

from bayesglm.numerics.autoregression import innovations, precision_bands
from bayesglm.numerics.tridiagonal import blocks_of, factored


def dense(bands):
    """Return the symmetric matrix of bands ``(m + 1, n, f, f)``, entry by entry."""
    width, n, f, _ = bands.shape
    matrix = np.zeros((n, f, n, f))
    for d in range(width):
        for s in range(d, n):
            matrix[s, :, s - d] = bands[d, s]
            matrix[s - d, :, s] = bands[d, s].T
    return matrix.reshape(n * f, n * f)


@pytest.mark.parametrize(("times", "f", "width"), [(3, 2, 4), (4, 1, 2), (2, 3, 1), (12, 1, 5)])
def test_factors_of_many_matrices_are_those_of_dense_ones(times, f, width):
    rng = np.random.default_rng(width)
    k, n = 3, 12
    bands = 0.3 * rng.normal(size=(k, width, n, f, f))
    bands[:, 0] = bands[:, 0] + bands[:, 0].swapaxes(-1, -2) + 4.0 * width * np.eye(f)
    factor = factored(*blocks_of(bands, times))
    b, z = rng.normal(size=(2, k, n * f))
    count = n // times

    def blocked(values):
        return values.reshape(k, count, -1).swapaxes(0, 1)

    solved, spread = factor.solve(blocked(b)), factor.spread(blocked(z))
    for one in range(k):
        H = dense(bands[one])
        inverse = np.linalg.inv(H)
        np.testing.assert_allclose(solved[:, one].ravel(), inverse @ b[one], atol=1e-13)
        diagonal = factor.inverse_diagonal()[:, one].ravel()
        np.testing.assert_allclose(diagonal, np.diagonal(inverse), rtol=1e-12)
        assert factor.log_determinant()[one] == pytest.approx(np.linalg.slogdet(H)[1], rel=1e-12)
        # H has a factor L with L' x = z, so that x' H x = z' z.
        x = spread[:, one].ravel()
        assert x @ H @ x == pytest.approx(z[one] @ z[one], rel=1e-12)


@pytest.mark.parametrize("n", [1, 2, 4, 9, 40])
@pytest.mark.parametrize("c", [[2.0], [1.0, 0.9], [1.0, 0.6, 0.1, -0.2], [3.0, -1.0, 0.5]])
def test_the_precision_of_a_series_is_the_inverse_of_its_covariance(c, n):
    bands = precision_bands(np.array(c), n)
    covariance = np.linalg.inv(dense(bands[..., None, None]))
    known = min(n, len(c))
    np.testing.assert_allclose(covariance[0, :known], c[:known], rtol=0, atol=1e-10)
    np.testing.assert_allclose(covariance, toeplitz(covariance[0]), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("c", "place"), [([1.0, 0.9, 0.1], "lag 2"), ([0.0, 0.0], "lag 0"), ([1.0, 1.0], "lag 1")]
)
def test_numbers_that_are_no_autocovariances_are_noticed(c, place):
    with pytest.raises(ValueError, match=place):
        innovations(np.array(c))
