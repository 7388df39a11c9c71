"""An approximate inverse of minus the Hessian, never formed, for designs of very many columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bayesglm.numerics.density.likelihood import Rowwise
from bayesglm.numerics.density.objective import Objective

Array = np.ndarray
MOST_FREE = 50  # directions that no prior holds, of which the curvature is formed


class ApproximateInverse(NamedTuple):
    """The product with a matrix B near (-Hessian)^-1, and what the priors say of B (-Hessian).

    - `free`: the directions ``(k, p)`` that no prior holds, orthonormal by B^-1; None if many.
    - `held`: the least curvature that the priors give to a direction beside them, relative to B^-1.
    - `sd`: what -Hessian's diagonal leaves of each coordinate ``(p,)``, as the sample has it.
    """

    times: Callable[[Array], Array]
    free: Array | None
    held: float
    sd: Array


def approximate_inverse(objective: Objective, theta: Array, sample: Rowwise) -> ApproximateInverse:
    """Return the product with an approximation of (-Hessian)^-1, never formed.

    It is diagonal for each prior's coefficients, as a sample of rows has it: as they are, or as
    sums of waves, whichever comes nearer (no positive matrix has a determinant beyond the
    product of its diagonal: Hadamard). Natural images over time are nearly diagonal in waves.
    """
    w, phi = theta[: objective.n_coefficients], objective.phi(theta)
    waves = {k: part.waves() for k, part in enumerate(objective.coefficients)}

    def turned(v: Array, back: bool = False) -> Array:
        found = np.array(v)
        for k, part in enumerate(objective.coefficients):
            for basis in reversed(waves[k]) if back else waves[k]:
                found[..., part.where] = basis.rotate(found[..., part.where], back=back)
        return found

    plain, in_waves = sample.diagonal(w, phi), sample.diagonal(w, phi, turned)
    floor = 1e-10 * np.abs(plain).max(initial=0.0)
    inverse, precision, sd = np.zeros((3, objective.n_coefficients))
    for k, part in enumerate(objective.coefficients):
        at = theta[part.where]
        own = np.maximum(np.abs(plain[part.where]), floor)
        sd[part.where] = 1.0 / np.sqrt(own + part.typical_precision(at))
        bend = precision[part.where] = part.precision(at)
        total = own + bend
        if waves[k]:
            waved = np.maximum(np.abs(in_waves[part.where]), floor) + bend
            if part.structure.diagonal and np.log(total).sum() <= np.log(waved).sum():
                waves[k] = []
            else:
                total = waved
        inverse[part.where] = 1.0 / total
    few = _free_directions(objective, inverse, precision, turned)
    held = float((precision * inverse)[precision > 0.0].min(initial=np.inf))

    def times(v: Array) -> Array:
        return turned(turned(v) * inverse, back=True)

    return ApproximateInverse(times, few, held, sd)


def _free_directions(
    objective: Objective, inverse: Array, precision: Array, turned: Callable[..., Array]
) -> Array | None:
    """Return the directions of the basis that no prior holds, unit ones by the inverse."""
    free = np.flatnonzero(precision <= 0.0)
    alike = all(part.alike or part.structure.diagonal for part in objective.coefficients)
    if len(free) > MOST_FREE or not alike:
        return None
    units = np.zeros((len(free), objective.n_coefficients))
    units[np.arange(len(free)), free] = np.sqrt(inverse[free])
    return turned(units, back=True)
