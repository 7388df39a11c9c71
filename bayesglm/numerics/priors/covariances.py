"""Covariances of fields as functions of their hyperparameters, told in waves.

The covariance of a field is exp(2 psi_0) times the real part of the product, over its axes, of one
Hermitian matrix each, of which every further hyperparameter moves one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from bayesglm.numerics.priors.kernels import Kernel
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
