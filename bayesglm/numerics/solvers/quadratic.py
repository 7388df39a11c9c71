"""Quadratic models: curvatures scaled to a unit diagonal, with a factor that always exists."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpotrf

type Array = NDArray[np.float64]

_EPSILON = float(np.finfo(np.float64).eps)
# Pivots beyond are far above the rounding of single precision.
_SINGLE = 1e-4
# Of a unit diagonal: what an eigenvalue may be by rounding, in matrices of thousands of rows.
_NOISE = 1e-9
# Pivots below so many times p * epsilon may be nothing but rounding.
_RESOLVED = 100.0


class ScaledModel(NamedTuple):
    """-hessian scaled to a unit diagonal, D (-hessian) D, made definite, with its Cholesky factor.

    ``tau`` is the most by which that changed any direction's curvature.
    `resolved` is false where rounding may have made up the curvature of some direction: there
    Newton's method is slow, and a step that gets no smaller does not mean that it is at the end.
    """

    matrix: Array
    scale: Array
    tau: float
    factor: tuple[Array, bool]
    resolved: bool


def approximate_model(rough: Array, exact: Callable[[], Array]) -> ScaledModel:
    """The scaled model of a curvature that need not be exact, from one in single precision.

    That will do unless it leaves too little of some direction; then ``exact()`` is asked for.
    """
    if np.isfinite(rough).all():
        model = scaled_model(rough)
        if model.factor[0].diagonal().min(initial=1.0) ** 2 > _SINGLE:
            return model
    return scaled_model(exact())


def scaled_model(curvature: Array) -> ScaledModel:
    """Scale to a unit diagonal, then change what is not positive definite so that it is.

    The first addition, p * epsilon, is there from the start: it removes the noise in directions
    without curvature, and leaves the maximum where it is, since it acts on the step alone. Where
    more than rounding bends the wrong way, every direction is taken to bend down as much as it
    bends (Nocedal & Wright 2006, section 3.4): a step is then neither without end nor, as with one
    addition to all, next to nothing in directions that have little to do with it.
    """
    size = np.abs(np.diagonal(curvature))
    scale = 1.0 / np.sqrt(np.where(size > 0.0, size, 1.0))
    scaled = scale[:, None] * curvature * scale
    floor = max(len(scale), 1) * _EPSILON
    tau, matrix = floor, scaled.copy()
    matrix.flat[:: len(scale) + 1] += tau
    factor, failed = dpotrf(matrix, lower=True) if len(scale) else (matrix, 0)
    while failed:
        tau *= 10.0
        if tau > _NOISE:
            matrix, tau = _turned_down(scaled)
        else:
            matrix = scaled.copy()
            matrix.flat[:: len(scale) + 1] += tau
        factor, failed = dpotrf(matrix, lower=True)
    pivot = factor.diagonal().min(initial=1.0) ** 2
    resolved = bool(pivot > _RESOLVED * floor)
    return ScaledModel(matrix, scale, tau, (factor, True), resolved)


def _turned_down(scaled: Array) -> tuple[Array, float]:
    """Return a matrix with the sizes of all eigenvalues, and the most that one was changed by."""
    values, vectors = np.linalg.eigh(scaled)
    sizes = np.maximum(np.abs(values), _NOISE * np.abs(values).max())
    return (vectors * sizes) @ vectors.T, float((sizes - values).max())


class KinkedPart:
    """A quadratic whose smooth coordinates are at their best for whatever the others are.

    What is left, a quadratic in the coordinates with kinks, is scaled anew to a unit diagonal.
    Columns far from zero all but equal the intercept's, and only without it can be told apart.
    """

    def __init__(self, matrix: Array, kinked: NDArray[np.bool_]) -> None:
        self.kinked, self.smooth = np.flatnonzero(kinked), np.flatnonzero(~kinked)
        rest = matrix[np.ix_(self.kinked, self.kinked)]
        if len(self.smooth):
            self.factor = cho_factor(matrix[np.ix_(self.smooth, self.smooth)], lower=True)
            across = matrix[np.ix_(self.smooth, self.kinked)]
            self.reach = cho_solve(self.factor, across, check_finite=False)
            rest = rest - across.T @ self.reach
            rest = 0.5 * (rest + rest.T)  # next to nothing is left, and what is, is not symmetric
        model = scaled_model(rest)
        self.matrix, self.scale = model.matrix, model.scale

    def reduce(self, offset: Array, gradient: Array) -> tuple[Array, Array]:
        """Return the linear term of what is left, and the point where the gradient was taken."""
        pull = gradient[self.kinked]
        if len(self.smooth):
            pull = pull - self.reach.T @ gradient[self.smooth]
        near = offset[self.kinked] / self.scale
        return self.scale * pull + self.matrix @ near, near

    def whole(self, z: Array, offset: Array, gradient: Array) -> Array:
        """Return all coordinates, from those with kinks and from where the gradient was taken."""
        found = np.empty(len(offset))
        found[self.kinked] = self.scale * z
        if len(self.smooth):
            alone = cho_solve(self.factor, gradient[self.smooth], check_finite=False)
            moved = found[self.kinked] - offset[self.kinked]
            found[self.smooth] = offset[self.smooth] + alone - self.reach @ moved
        return found
