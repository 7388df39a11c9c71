"""Gaussian processes on grids: kernels, their spectra, and the waves in which they are diagonal.

The covariance of a field is a product of kernels k(d/l), one along each axis. Under lengthscales
that are known its eigenvectors are outer products of those of each axis, and a few of them hold
nearly all of the variance. Under lengthscales that are learned the waves have to be the same for
all of them: Fourier's, on a circle so long that its ends know nothing of each other, whose
variances are the kernel's spectral density (Rasmussen & Williams 2006, 4.2.1; Solin & Särkkä 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from bayesglm.numerics.theta.waves import Waves

Array = np.ndarray
# Variance that every one of Fourier's waves has, relative to the largest: chosen, so that none
# shrinks out of the floats as lengthscales grow, and the field is as it was to nine digits.
LOG_LEAST = float(np.log(1e-10))
# Shares of a field's variance that waves may leave out where nothing is said, and how many waves
# there may be before the second one counts: chosen; of 20 lags under 2,000 events 1e-3 moved an
# evidence by a nat, and 1e-5 by 0.01.
SHARES, MANY = (1e-5, 3e-3), 500
APART = 4.0  # lengthscales between the two ends of an axis, the other way round its circle: chosen


class Kernel(NamedTuple):
    """One kernel of distances u in lengthscales, and of frequencies f in radians for each of them.

    - `correlation(u)`: k(u), one at zero.
    - `log_spectrum(square)`: the logarithm of its spectral density at f^2, zero at zero.
    - `slope(square)`: the derivative of that in log f.
    """

    name: str
    correlation: Callable[[Array], Array]
    log_spectrum: Callable[[Array], Array]
    slope: Callable[[Array], Array]


def _matern(name: str, nu: float, polynomial: Callable[[Array], Array]) -> Kernel:
    def correlation(u: Array) -> Array:
        far = np.sqrt(2.0 * nu) * np.abs(u)
        return polynomial(far) * np.exp(-far)

    return Kernel(
        name,
        correlation,
        lambda square: -(nu + 0.5) * np.log1p(square / (2.0 * nu)),
        lambda square: -(2.0 * nu + 1.0) * square / (2.0 * nu + square),
    )


KERNELS = {
    one.name: one
    for one in (
        Kernel(
            "squared_exponential",
            lambda u: np.exp(-0.5 * u * u),
            lambda square: -0.5 * square,
            lambda square: -square,
        ),
        _matern("matern32", 1.5, lambda far: 1.0 + far),
        _matern("matern52", 2.5, lambda far: 1.0 + far + far * far / 3.0),
    )
}


class Field(NamedTuple):
    """Waves of a field of unit variance, and the logarithms of their own variances ``(r,)``."""

    waves: Waves
    log_variance: Array

    def behind(self, n: int) -> Field:
        """Return n fields that are independent, one behind the other."""
        return Field(self.waves.behind(n), np.tile(self.log_variance, n))


def eigenwaves(
    shape: tuple[int, ...],
    axes: tuple[int, ...],
    covariances: Sequence[Array],
    tolerance: float | None,
) -> Field:
    """Return the eigenvectors of a product of covariances along axes, but for a share of variance.

    >>> nearly = np.array([[1.0, 0.9999], [0.9999, 1.0]])
    >>> eigenwaves((2,), (0,), [nearly], 1e-3).waves.matrix.round(4).tolist()
    [[0.7071], [0.7071]]
    """
    values, vectors = [], []
    for covariance in covariances:
        own, turned = np.linalg.eigh(covariance)
        values.append(np.maximum(own[::-1], 0.0))
        vectors.append(turned[:, ::-1] * np.where(turned.sum(axis=0)[::-1] < 0.0, -1.0, 1.0))
    every = _products(shape, axes, values)
    kept = holding(every, tolerance)
    return Field(Waves(shape, axes, tuple(vectors), kept), np.log(every[kept]))


def _products(shape: tuple[int, ...], axes: tuple[int, ...], of_axes: Sequence[Array]) -> Array:
    """Return the products of numbers along each axis, ones along the others, flat."""
    sizes = list(shape)
    for axis, values in zip(axes, of_axes, strict=True):
        sizes[axis] = len(values)
    every = np.ones(sizes)
    for axis, values in zip(axes, of_axes, strict=True):
        every *= values.reshape([-1 if k == axis else 1 for k in range(len(shape))])
    return every.reshape(-1)


def holding(shares: Array, tolerance: float | None) -> Array:
    """Return the fewest, in order, that leave out no more than a share of the sum.

    Without a tolerance it is the smaller one of `SHARES`; where that takes more than `MANY`, as
    little as so many leave out, but no more than the larger one.
    """
    order = np.argsort(-shares, kind="stable")
    left = np.cumsum(shares[order][::-1])[::-1] / shares.sum()  # from each on

    def count(share: float) -> int:
        return int(np.searchsorted(-left, -share)) if left[-1] < share else len(left)

    if tolerance is None:
        fine, rough = (count(share) for share in SHARES)
        n = min(fine, max(MANY, rough))
    else:
        n = count(tolerance)
    # What is as large as the last one is kept as well: a sine with its cosine.
    least = shares[order[max(min(n, len(order)), 1) - 1]] * (1.0 - 1e-9)
    return np.flatnonzero(shares >= least)


@dataclass(frozen=True, eq=False)
class FourierField:
    """Fourier's waves of a field: a kernel's spectrum at their ``frequencies (d, r)``.

    In radians for each unit of the coordinate, along each of d axes. The waves' squares are one on
    average, and one in ``n_apart`` of them passes through a place: as many runs of coefficients
    are independent.
    """

    waves: Waves
    kernel: Kernel
    frequencies: Array
    n_apart: int = 1

    def behind(self, n: int) -> FourierField:
        """Return n fields that are independent, one behind the other."""
        frequencies = np.tile(self.frequencies, (1, n))
        return FourierField(self.waves.behind(n), self.kernel, frequencies, n * self.n_apart)

    def log_variance(self, log_lengths: Array) -> Array:
        """Return the logarithms of the variances ``(..., r)`` under lengthscales ``(..., d)``."""
        every = self._log_spectrum(log_lengths)
        return every - _log_sum(every) + np.log(self.n_apart)

    def _squares(self, log_lengths: Array) -> Array:
        return np.square(self.frequencies * np.exp(log_lengths)[..., None])

    def _log_spectrum(self, log_lengths: Array) -> Array:
        own = self.kernel.log_spectrum(self._squares(log_lengths)).sum(axis=-2)
        return np.logaddexp(own, LOG_LEAST)

    def pull(self, log_lengths: Array, slopes: Array) -> Array:
        """Return slopes in the log lengthscales ``(..., d)`` of those in the log variances."""
        squares = self._squares(log_lengths)
        own = self.kernel.log_spectrum(squares).sum(axis=-2)
        slope = self.kernel.slope(squares) * expit(own - LOG_LEAST)[..., None, :]
        every = np.logaddexp(own, LOG_LEAST)
        share = np.exp(every - _log_sum(every))
        net = slopes - share * slopes.sum(axis=-1, keepdims=True)
        return np.einsum("...dr,...r->...d", slope, net)


def _log_sum(values: Array) -> Array:
    return np.logaddexp.reduce(values, axis=-1, keepdims=True)


def fourier_field(
    shape: tuple[int, ...],
    axes: tuple[int, ...],
    places: Sequence[Array],
    kernel: Kernel,
    likely: Sequence[tuple[float, float]],
    tolerance: float | None,
) -> FourierField:
    """Return Fourier's waves for lengthscales that are learned.

    ``places`` are the coordinates along each axis, ``likely`` the shortest and the longest
    lengthscale that are served.
    """
    matrices, rates = zip(
        *(_of_axis(x, longest) for x, (_, longest) in zip(places, likely, strict=True)),
        strict=True,
    )
    spectra = [
        np.exp(kernel.log_spectrum(np.square(rate * shortest)))
        for rate, (shortest, _) in zip(rates, likely, strict=True)
    ]
    kept = holding(_products(shape, axes, spectra), tolerance)
    waves = Waves(shape, axes, tuple(matrices), kept)
    at = np.unravel_index(kept, waves.every)
    frequencies = np.stack([rate[at[axis]] for axis, rate in zip(axes, rates, strict=True)])
    n_apart = np.prod([n for axis, n in enumerate(shape) if axis not in axes], dtype=int)
    return FourierField(waves, kernel, frequencies, int(n_apart))


def _of_axis(x: Array, longest: float) -> tuple[Array, Array]:
    """Return waves ``(n, m)`` on a circle, whose squares are one on average, and frequencies."""
    if len(x) == 1:
        return np.ones((1, 1)), np.zeros(1)
    extent, nearest = float(np.ptp(x)), float(np.diff(np.sort(x)).min())
    around = extent + max(nearest, APART * min(longest, extent))
    n = max(1, int(np.floor(0.5 * around / nearest)))
    turns = 2.0 * np.pi / around * np.arange(1, n + 1)
    angle = np.multiply.outer(x - x.min(), turns)
    two = np.sqrt(2.0)
    matrix = np.hstack([np.ones((len(x), 1)), two * np.cos(angle), two * np.sin(angle)])
    return matrix, np.concatenate([[0.0], turns, turns])
