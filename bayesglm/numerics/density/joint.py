"""Objectives that share their predictors, taken together: two matrix products serve them all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayesglm.numerics.density.moments import moment_slopes
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.density.together import curvatures, slopes
from bayesglm.numerics.rows.source import Source

Array = np.ndarray


def smooth_slopes(
    objectives: Sequence[Objective],
    W: Array,
    source: Source | None = None,
) -> tuple[Array, Array]:
    """Return values ``(k,)`` and gradients ``(k, p)`` of the smooth parts, each at its own w.

    For objectives without free dispersions that share X: all their data, differing in priors only,
    or their moments; with a ``source`` of joint rows (see `together.slopes`) each its own response.
    """
    first, k = objectives[0], len(W)
    phi = [one.phi(w) for one, w in zip(objectives, W, strict=True)]
    if first.moments is not None:
        values, gradients = moment_slopes(first.moments, W, phi)
    elif source is not None:
        values, gradients = slopes(first.family, source, W, phi)
        values += [one.rowwise.constant for one in objectives]
    elif k > 1 and not np.ptp(W, axis=0).any():
        values, gradients = slopes(first.family, first.source, W[:1], phi[:1])
        values, gradients = np.repeat(values, k), np.repeat(gradients, k, axis=0)
        values += first.rowwise.constant
    else:
        values, gradients = slopes(first.family, first.source, W, phi)
        values += first.rowwise.constant
    for j, objective in enumerate(objectives):
        here = slice(j, j + 1)
        objective.priors.add_smooth(W[here], values[here], gradients[here])
    return values, gradients


def rough_curvatures(objectives: Sequence[Objective], W: Array, source: Source) -> Array:
    """Return minus the Hessians ``(k, p, p)`` of the smooth parts, good to six digits or infinite.

    The objectives are as for `smooth_slopes`.
    """
    every = np.arange(objectives[0].n_coefficients)
    phi = [one.phi(w) for one, w in zip(objectives, W, strict=True)]
    found = curvatures(objectives[0].family, source, W, phi)
    for one, curvature, w in zip(objectives, found, W, strict=True):
        curvature += one.priors.curvature(w, every)
    return found
