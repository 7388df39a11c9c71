"""Log densities made safe for walkers, and the places where these begin."""

from __future__ import annotations

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.inference.nuts.trees import Slopes
from bayesglm.numerics.density.sampled import are_finite

Array = np.ndarray
SPREAD = 2.0  # posterior sds over which walkers start
NEAR = 1e-3  # the same, of the last place that a start is looked for


def guarded(slopes: Slopes) -> Slopes:
    """Make densities that fail, or are not finite, zero: each a divergence to its walker.

    Where arithmetic fails at one place of many, the others are asked for by themselves. Failures
    that are not arithmetic's are a ConvergenceError.
    """

    def safe(x: Array) -> tuple[Array, Array]:
        try:
            values, gradients = slopes(x)
        except (ArithmeticError, ValueError):
            if len(x) == 1:
                return np.full(1, -np.inf), np.zeros(x.shape)
            values, gradients = zip(*(safe(x[k : k + 1]) for k in range(len(x))), strict=True)
            return np.concatenate(values), np.concatenate(gradients)
        except Exception as error:
            told = f"the log density failed, {type(error).__name__}: {error}"
            raise ConvergenceError(told) from error
        finite = are_finite(values, gradients)
        if finite.all():
            return values, gradients
        return np.where(finite, values, -np.inf), np.where(finite[:, None], gradients, 0.0)

    return safe


def starting_points(slopes: Slopes, x: Array) -> Array:
    """Return starts ``(n, size)``, nearer to zero where the density has no value further out."""
    x = x.copy()
    while True:
        nowhere = ~np.isfinite(slopes(x)[0])
        if not nowhere.any():
            return x
        if np.abs(x[nowhere]).max(initial=0.0) < NEAR:
            raise ConvergenceError("NUTS has no place to start from: the log density is not finite")
        x[nowhere] *= 0.5
