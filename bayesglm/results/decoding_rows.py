"""The log posterior of a stimulus given spikes, whose rows read it at some lags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bayesglm.numerics.autoregression import precision_bands
from bayesglm.numerics.families.record import Family

Array = np.ndarray
NUMBERS = 4_000_000  # of windows that are laid at a time: chosen, 32 MB


@dataclass(frozen=True)
class Lattice:
    """Times of several trials, so far apart that no lag reaches from one into another.

    ``first`` and ``stop (times,)`` are the ends of each time's trial, ``lags`` whole numbers in a
    row.
    """

    first: Array
    stop: Array
    lags: Array

    @cached_property
    def _margin(self) -> int:
        return int(np.abs(self.lags).max()) + 1

    @cached_property
    def _at(self) -> Array:
        """Where each time stands among all, margins between trials included."""
        trial = np.cumsum(np.arange(len(self.first)) == self.first)
        return np.arange(len(self.first)) + self._margin * trial

    def spread(self, values: Array, times: Array | slice = slice(None)) -> Array:
        """Return values ``(times, ...)`` on the lattice, zero in the margins."""
        size = int(self._at[-1]) + 1 + self._margin
        laid = np.zeros((size, *values.shape[1:]))
        laid[self._at[times]] = values
        return laid

    def before(self, laid: Array, times: Array) -> Array:
        """Return what some times read of a series, at t - lag ``(times, lags, columns)``."""
        windows = sliding_window_view(laid, len(self.lags), axis=0)
        return windows[self._at[times] - self.lags[-1]][..., ::-1].swapaxes(-1, -2)

    def after(self, laid: Array, times: Array) -> Array:
        """Return what reads some times, at t + lag ``(times, lags, columns)``."""
        windows = sliding_window_view(laid, len(self.lags), axis=0)
        return windows[self._at[times] + self.lags[0]].swapaxes(-1, -2)

    def inside(self, width: int) -> Array:
        """Say of each time and distance below ``width`` if so long before lies in its trial."""
        t = np.arange(len(self.first))
        return t - np.arange(width)[:, None] >= self.first


@dataclass(frozen=True)
class StimulusPrior:
    """A stationary normal stimulus: its mean, autocovariances and covariance of its features.

    ``features`` is a correlation of the features, which multiplies autocovariances.
    """

    mean: Array  # (features,)
    autocovariance: Array
    features: Array

    def laid_on(self, lattice: Lattice) -> LaidPrior:
        """Return its precision on trials, each a series of its own."""
        bands = np.zeros((len(self.autocovariance), len(lattice.first)))
        for start in np.unique(lattice.first):
            stop = lattice.stop[start]
            bands[:, start:stop] = precision_bands(self.autocovariance, stop - start)
        return LaidPrior(self.mean, bands, np.linalg.inv(self.features))


class LaidPrior(NamedTuple):
    """The precision of a stimulus: bands over time ``(m + 1, times)`` times that of features."""

    mean: Array
    bands: Array
    features: Array

    def pull(self, x: Array) -> Array:
        """Return minus the gradient of the log density at x ``(times, features)``."""
        away = x - self.mean
        pulled = self.bands[0][:, None] * away
        for d, band in enumerate(self.bands[1:], start=1):
            pulled[d:] += band[d:, None] * away[:-d]
            pulled[:-d] += band[d:, None] * away[d:]
        return pulled @ self.features

    def value(self, x: Array) -> float:
        """Return the log density at x but for a constant."""
        return -0.5 * float(np.sum(self.pull(x) * (x - self.mean)))


@dataclass(frozen=True)
class Encoding:
    """One draw of all neurons: how rows of spikes read a stimulus, and what else moves them.

    ``rows`` are the times that have a response; ``y`` and ``known`` (linear predictors at a
    stimulus of zero) are ``(rows, neurons)``, kernels ``(neurons, lags, features)``, and each
    dispersion ``(neurons,)``.
    """

    lattice: Lattice
    rows: Array
    family: Family
    y: Array
    known: Array
    kernels: Array
    phi: Sequence[Any]
    trials: Array | None

    def eta(self, x: Array) -> Array:
        """Return the linear predictors ``(rows, neurons)``."""
        laid, flat = self.lattice.spread(x), self._flat
        eta = np.array(self.known)
        for part in _parts(len(self.rows), flat.shape[1]):
            seen = self.lattice.before(laid, self.rows[part])
            eta[part] += seen.reshape(len(seen), -1) @ flat.T
        return eta

    @cached_property
    def _flat(self) -> Array:
        return self.kernels.reshape(len(self.kernels), -1)

    def value(self, x: Array) -> float:
        """Return the log likelihood but for a constant."""
        with np.errstate(over="ignore", invalid="ignore"):
            kernel = self.family.kernel(self.y, self.eta(x)[None], self.phi, self.trials, 0)
        return float(np.sum(kernel.value))

    def slopes(self, x: Array) -> tuple[Array, Array]:
        """Return the gradient ``(times, features)``, and the bands of minus the Hessian.

        Bands are ``(lags, times, features, features)``, of the rows s and the columns s - d.
        """
        d = self.family.kernel(self.y, self.eta(x)[None], self.phi, self.trials, 2)
        n_lags, n_features = self.kernels.shape[1:]
        slope = self.lattice.spread(d.eta[0], self.rows)
        bend = self.lattice.spread(-d.eta_eta[0, 0], self.rows)
        gradient = np.empty(x.shape)
        bands = np.empty((n_lags, len(x), n_features, n_features))
        by_lag = self.kernels.swapaxes(0, 1).reshape(-1, n_features)
        times = np.arange(len(x))
        for part in _parts(len(x), len(by_lag)):
            heard = self.lattice.after(slope, times[part])
            gradient[part] = heard.reshape(len(heard), -1) @ by_lag
            heard = self.lattice.after(bend, times[part])
            product = heard.reshape(len(heard), -1) @ self._products
            shape = (len(heard), n_lags, n_features, n_features)
            bands[:, part] = product.reshape(shape).swapaxes(0, 1)
        return gradient, bands * self.lattice.inside(n_lags)[..., None, None]

    @cached_property
    def _products(self) -> Array:
        """Products of a kernel with itself: at (lag, neuron) those with each d lags further on."""
        n_neurons, n_lags, n_features = self.kernels.shape
        products = np.zeros((n_lags, n_neurons, n_lags, n_features, n_features))
        for d in range(n_lags):
            one, other = self.kernels[:, : n_lags - d], self.kernels[:, d:]
            products[: n_lags - d, :, d] = np.einsum("nkf,nkg->knfg", one, other)
        return products.reshape(n_lags * n_neurons, -1)


def _parts(n: int, width: int) -> Iterator[slice]:
    step = max(64, NUMBERS // max(1, width))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))
