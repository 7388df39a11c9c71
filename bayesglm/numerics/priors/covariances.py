"""Covariances of fields as functions of their hyperparameters, told in waves.

The covariance of a field is exp(2 psi_0) times the real part of the product, over its axes, of one
Hermitian matrix each, of which every further hyperparameter moves one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from bayesglm.numerics.priors.kernels import Field, Kernel, eigenwaves, holding
from bayesglm.numerics.theta.waves import Waves

Array = np.ndarray
STEP = 1e-5  # of a hyperparameter, in central differences of the matrix of an axis


class Family(Protocol):
    """Covariances of a field along some axes, by hyperparameters psi that have no bounds.

    The first is the logarithm of the scale; ``own[d]`` are the numbers of those that move the
    matrix ``of_axis(d, psi)``, ``(n_d, n_d)``.
    """

    @property
    def own(self) -> Sequence[Sequence[int]]: ...

    def of_axis(self, d: int, psi: Array) -> Array: ...


class Processes:
    """Gaussian processes of one kernel: psi are the logarithms of scale and lengthscales."""

    def __init__(self, kernel: Kernel, places: Sequence[Array]) -> None:
        self.kernel = kernel
        self.apart = [np.subtract.outer(x, x) for x in places]

    @property
    def own(self) -> list[list[int]]:
        """A lengthscale for each axis."""
        return [[d + 1] for d in range(len(self.apart))]

    def of_axis(self, d: int, psi: Array) -> Array:
        """Return the correlations along an axis."""
        return self.kernel.correlation(self.apart[d] * np.exp(-psi[d + 1]))


class Localities:
    """Fields that are local in space-time and in frequency (`spec.prior.fields.ALD`).

    psi are the logarithm of the scale, and for each axis the centre in ``steps`` from the ``first``
    place, the logarithm of the width, the frequency in cycles along the extent, and the logarithm
    of the bandwidth. Along axes that are ``even`` a field has a frequency and its negative alike.
    """

    def __init__(self, places: Sequence[Array], even: Sequence[bool]) -> None:
        self.places, self.even = places, even
        self.apart = [np.subtract.outer(x, x) for x in places]
        self.first = np.array([x.min() for x in places])
        self.extents = np.array([extent_of(x) for x in places])
        self.steps = np.array([_step(x) for x in places])

    @property
    def own(self) -> list[list[int]]:
        """Four numbers for each axis."""
        return [list(range(1 + 4 * d, 5 + 4 * d)) for d in range(len(self.places))]

    def psi(self, scale: float, numbers: Sequence[Sequence[float]]) -> Array:
        """Return psi of a scale and, for each axis, centre, width, frequency and bandwidth."""
        psi = [np.log(scale)]
        for d, (centre, width, frequency, bandwidth) in enumerate(numbers):
            psi += [
                (centre - self.first[d]) / self.steps[d],
                np.log(width),
                frequency * self.extents[d],
                np.log(bandwidth),
            ]
        return np.array(psi)

    def numbers(self, psi: Array) -> tuple[float, Array]:
        """Return the scale, and centres, widths, frequencies and bandwidths ``(4, d)``."""
        centre, width, frequency, bandwidth = psi[1:].reshape(-1, 4).T
        return float(np.exp(psi[0])), np.array(
            [
                self.first + self.steps * centre,
                np.exp(width),
                frequency / self.extents,
                np.exp(bandwidth),
            ]
        )

    def reach(self, log_scale: float, far: float) -> Array:
        """Return the bounds ``(n, 2)`` of psi: what the places tell apart."""
        bounds = [(log_scale - far, log_scale + far)]
        for extent, step in zip(self.extents, self.steps, strict=True):
            n, fastest = extent / step, 0.5 * extent / step
            bounds += [
                (-0.5 * n, 1.5 * n),
                (np.log(0.3 * step), np.log(4.0 * extent)),
                (-fastest, fastest),
                (np.log(0.01 / extent), np.log(0.5 / step)),
            ]
        return np.array(bounds)

    def of_axis(self, d: int, psi: Array) -> Array:
        """Return the Hermitian matrix of an axis."""
        centre, width, frequency, bandwidth = self.numbers(psi)[1][:, d]
        mask = np.exp(-np.square((self.places[d] - centre) / (2.0 * width)))
        turns = 2.0 * np.pi * self.apart[d]
        smooth = np.outer(mask, mask) * np.exp(-0.5 * np.square(bandwidth * turns))
        return smooth * (
            np.cos(frequency * turns) if self.even[d] else np.exp(1j * frequency * turns)
        )


def extent_of(x: Array) -> float:
    """Return how far places extend, in their own unit; 1 of a single one.

    >>> extent_of(np.array([0.001, 0.004])), extent_of(np.array([5.0]))
    (0.003, 1.0)
    """
    extent = float(np.ptp(x))
    return extent if extent > 0.0 else 1.0


def _step(x: Array) -> float:
    return float(np.diff(np.sort(x)).min()) if len(x) > 1 else 1.0


def combined(
    family: Family,
    shape: tuple[int, ...],
    axes: tuple[int, ...],
    psi: Array,
    tolerance: float | None,
) -> Field:
    """Return the eigenvectors of a field's covariance of unit scale, but for a share of variance.

    Those of each axis alone come first, of which few make them.
    """
    every = [family.of_axis(d, psi).real for d in range(len(axes))]
    share = tolerance if tolerance is None else 0.1 * tolerance
    waves = eigenwaves(shape, axes, every, share).waves
    unit = np.concatenate([[0.0], psi[1:]])
    whole, _ = in_waves(family, waves, unit)
    values, vectors = np.linalg.eigh(whole)
    kept = holding(np.maximum(values, 0.0), tolerance)
    turned = replace(waves, turn=np.ascontiguousarray(vectors[:, kept]))
    return Field(turned, np.log(values[kept]))


def in_waves(family: Family, waves: Waves, psi: Array) -> tuple[Array, list[Array]]:
    """Return the covariance of waves' amplitudes ``(r, r)``, and its derivatives in each of psi.

    The waves are orthonormal, and the field lies among them.
    """
    at = np.unravel_index(waves.kept, waves.every)
    others = [axis for axis in range(len(waves.shape)) if axis not in waves.axes]
    square = np.exp(2.0 * psi[0])
    alike = np.full((waves.size, waves.size), square)
    for axis in others:
        alike *= np.equal.outer(at[axis], at[axis])

    def turned(d: int, matrix: Array) -> Array:
        V, own = waves.matrices[d], at[waves.axes[d]]
        return (V.T @ matrix @ V)[np.ix_(own, own)]

    factors = [turned(d, family.of_axis(d, psi)) for d in range(len(waves.axes))]

    def product(which: int | None = None, instead: Array | None = None) -> Array:
        total: Array = alike
        for d, factor in enumerate(factors):
            total = total * (instead if d == which else factor)
        return np.ascontiguousarray(total.real)

    whole = product()
    slopes = [2.0 * whole] + [np.zeros((0, 0))] * (len(psi) - 1)
    for d, own in enumerate(family.own):
        for k in own:
            moved = STEP * np.eye(len(psi))[k]
            ends = [family.of_axis(d, psi + sign * moved) for sign in (-1.0, 1.0)]
            slopes[k] = product(d, turned(d, (ends[1] - ends[0]) / (2.0 * STEP)))
    return whole, slopes
