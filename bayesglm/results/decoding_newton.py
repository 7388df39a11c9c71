"""Modes and normal approximations of stimuli, of several encodings side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.numerics.tridiagonal import Factor, blocks_of, factored
from bayesglm.results.decoding_rows import Encoding, LaidPrior

Array = np.ndarray
STEPS = 100  # of Newton's method, at most
CLOSE = 1e-9  # nats that a further step would gain, from which on a mode is found
LEAST_BLOCK = 24  # numbers, of which the blocks of a matrix are made at least: measured, 16 to 48
HALVINGS = 40


class Decoded(NamedTuple):
    """Modes of encodings ``(k, times, features)``, and the factor of their curvature."""

    mode: Array
    factor: Factor
    times: int  # of a block

    @property
    def variance(self) -> Array:
        """Return the variances ``(k, times, features)`` of the normal approximations."""
        return self._of_times(self.factor.inverse_diagonal())

    def draw(self, rng: np.random.Generator) -> Array:
        """Return a stimulus of each encoding ``(k, times, features)``."""
        shape = self.factor.inverse.shape[:3]
        return self.mode + self._of_times(self.factor.spread(rng.standard_normal(shape)))

    def _of_times(self, values: Array) -> Array:
        return _of_times(values, self.mode.shape)


def decoded(encodings: Sequence[Encoding], prior: LaidPrior, start: Array) -> Decoded:
    """Find the modes of encodings by Newton's method, from a stimulus ``(times, features)``.

    The log posteriors are concave, and steps are halved until they ascend. Raises ConvergenceError
    where a step gains nothing.
    """
    x = np.repeat(start[None], len(encodings), axis=0)
    values = np.array([one.value(start) + prior.value(start) for one in encodings])
    times = _times_of_block(encodings[0], prior)
    for _ in range(STEPS):
        every = [one.slopes(place) for one, place in zip(encodings, x, strict=True)]
        gradient = np.stack(
            [slope - prior.pull(place) for (slope, _), place in zip(every, x, strict=True)]
        )
        if not np.isfinite(gradient).all():
            raise ConvergenceError(
                "the log posterior of the stimulus has no finite slope where Newton's method "
                "stands: look for values of the fit or of the new data that are beyond "
                "all others, and give a prior with less variance."
            )
        factor = _factor(np.stack([bands for _, bands in every]), prior, times)
        step = _of_times(factor.solve(_blocked(gradient, times)), x.shape)
        gain = 0.5 * np.sum(gradient * step, axis=(1, 2))
        if (gain < CLOSE * (1.0 + 1e-3 * np.abs(values))).all():
            return Decoded(x + step, factor, times)
        for k, encoding in enumerate(encodings):
            x[k], values[k] = _climbed(encoding, prior, x[k], step[k], values[k])
    raise ConvergenceError(
        f"no mode of the stimulus was found in {STEPS} steps of Newton's method: the spikes may "
        "leave it free where the prior is wide. Give a prior with less variance."
    )


def _climbed(
    encoding: Encoding, prior: LaidPrior, x: Array, step: Array, value: float
) -> tuple[Array, float]:
    """Return the first of a step, its half, its quarter, ... that ascends, and the value there."""
    share = 1.0
    for _ in range(HALVINGS):
        place = x + share * step
        there = encoding.value(place) + prior.value(place)
        if there >= value - 1e-12 * abs(value):
            return place, there
        share *= 0.5
    return x, value


def _times_of_block(encoding: Encoding, prior: LaidPrior) -> int:
    """Return how many times a block of the curvature holds: as many as its bands are wide."""
    _, n_lags, n_features = encoding.kernels.shape
    width = max(n_lags, len(prior.bands)) - 1
    return max(width, -(-LEAST_BLOCK // n_features))


def _factor(bands: Array, prior: LaidPrior, times: int) -> Factor:
    """Factor the curvature: bands of likelihoods ``(k, lags, times, f, f)`` and of the prior."""
    k, n_lags, n, f, _ = bands.shape
    width, padded = max(n_lags, len(prior.bands)), -(-n // times) * times
    every = np.zeros((k, width, padded, f, f))
    every[:, :n_lags, :n] = bands
    every[:, : len(prior.bands), :n] += prior.bands[..., None, None] * prior.features
    every[:, 0, n:] = np.eye(f)
    return factored(*blocks_of(every, times))


def _blocked(values: Array, times: int) -> Array:
    """Return values ``(k, times, features)`` by the blocks of a matrix, zeros at the end."""
    k, n, f = values.shape
    count = -(-n // times)
    padded = np.zeros((k, count * times, f))
    padded[:, :n] = values
    return padded.reshape(k, count, times * f).swapaxes(0, 1)


def _of_times(blocked: Array, shape: tuple[int, ...]) -> Array:
    """Return what stands in blocks by times and features again."""
    k, n, f = shape
    return blocked.swapaxes(0, 1).reshape(k, -1, f)[:, :n]
