"""The log density as a sampler asks for it: value and gradient at one theta, over and over.

An evaluation stays in the thread that asks for it: nothing is shared out here, and NumPy lets the
other chains in while it computes. Rows that are few enough are laid out once, side by side in
columns, which is how both products with them are fastest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bayesglm.numerics.density.channels import matrices
from bayesglm.numerics.density.likelihood import block_rows
from bayesglm.numerics.density.moments import moments
from bayesglm.numerics.density.near import Single, in_single
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.density.together import run_slopes
from bayesglm.numerics.rows.dense import Dense
from bayesglm.numerics.rows.rows import Rows
from bayesglm.numerics.rows.source import Source

Array = np.ndarray
HELD = 20_000_000  # numbers of a design that is laid out once more, in columns
MOST_ROWS = 32768  # of a block of these at most: what is computed of each then stays in the cache
SMALL = 20_000  # numbers, up to which there is too little to gain for any rounding
MOST_MOMENTS = 4000  # coefficients at most of which a Gram matrix is kept


@dataclass(frozen=True)
class Density:
    """The whole log posterior, kinks and Jacobian included, with a gradient to be led by.

    ``rows`` are the blocks of rows in columns, or None where they are too many to be held; of a
    gaussian response with the identity link the objective's moments may say it all. ``widths``
    ``(size,)`` say how far around each kink its slope changes from one side's to the other's. At
    width 0 the gradient is that of the density. At others the value is still the density's own, and
    so are draws that it accepts or weights: trajectories led by any force that depends on the place
    alone are reversible and keep volumes. What a width saves is steps, which at every kink they
    cross go wrong by their own length.
    """

    objective: Objective
    rows: Sequence[Rows] | None
    widths: Array
    cells: int
    single: Single | None = None

    @cached_property
    def _soft(self) -> tuple[Array, Array, Array, Array]:
        """Where softened kinks are: places in theta, weights, values of theta, and widths."""
        kinks = self.objective.kinks
        places = np.flatnonzero((kinks.weight > 0.0) & (self.widths > 0.0))
        return places, kinks.weight[places], kinks.at[places], self.widths[places]

    def slope(self, theta: Array) -> tuple[float, Array]:
        """Return value and gradient at one theta ``(size,)``; -inf where no probability lies.

        At a kink itself the gradient is that of the smooth part. Far out, what is added up may
        overflow: that is for the caller to ignore, once for all that it does there.
        """
        objective = self.objective
        if objective.registry.is_far_out(theta):
            return -np.inf, np.zeros(objective.size)
        value, of_w, of_phi = self._likelihood(objective.w(theta), objective.phi(theta))
        of_prior, gradient = objective.prior_slope(theta)
        objective.add_likelihood_slope(theta, of_w, of_phi, gradient)
        places, weights, at, widths = self._soft
        if len(places):
            away = theta[places] - at
            soft = np.clip(away / widths, -1.0, 1.0)
            gradient[places] += weights * (np.sign(away) - soft)
        return value + of_prior, gradient

    def _likelihood(self, w: Array, phi: list) -> tuple[float, Array, Array]:
        objective = self.objective
        if objective.moments is not None:
            return objective.moments.slope(w, phi)
        if self.single is not None:
            value, gradient = self.single.slope(w)
            if are_finite(value, gradient):
                return value, gradient, np.zeros(0)
        run: Iterable[Rows]
        if self.rows is None:
            run = objective.source.ranges(block_rows(objective.rowwise.width))
        else:
            run = self.rows
        values, gradients, of_phi = run_slopes(objective.family, run, w[None], phi)
        return float(values[0]) + objective.rowwise.constant, gradients[0], of_phi[:, 0]


def are_finite(value: float, gradient: Array) -> bool:
    """Say whether a value, and the length of its gradient, are finite."""
    return math.isfinite(value) and math.isfinite(float(gradient @ gradient))


def density(
    objective: Objective,
    around: Array,
    widths: Array | float = 0.0,
    typical: Array | None = None,
) -> Density:
    """Make the density of an objective; it will be asked for near one theta above all.

    In single precision if that is enough at ``typical`` thetas ``(k, size)``.

    >>> from bayesglm.numerics.families.table import FAMILIES
    >>> from bayesglm.numerics.theta.parameter import Parameter
    >>> from bayesglm.numerics.theta.registry import Theta
    >>> source = Source.of(np.ones((3, 1)), y=np.array([0.0, 1.0, 5.0]))
    >>> theta = Theta((Parameter("intercept", "coefficients", slice(0, 1)),), jacobian=True)
    >>> objective = Objective(source, FAMILIES["poisson", "log"], theta, ())
    >>> value, gradient = density(objective, np.zeros(1)).slope(np.zeros(1))
    >>> round(value, 3), gradient.tolist()
    (-7.787, [3.0])
    """
    p, widths = objective.n_coefficients, np.broadcast_to(widths, objective.size)
    n = objective.source.n_rows
    width = objective.rowwise.width
    if objective.family.quadratic and p <= min(n, MOST_MOMENTS):
        taken = moments(objective.rowwise, objective.w(around))
        return Density(replace(objective, moments=taken), None, widths, p * p)
    _ = objective.rowwise.constant  # now, and not in each chain
    if n * _laid_width(objective.source) > HELD:
        return Density(objective, None, widths, n * width)
    rows = tuple(_in_columns(rows) for rows in objective.source.ranges(MOST_ROWS))
    single = None
    if typical is not None and n * width > SMALL:
        single = in_single(objective.rowwise, rows, objective.w(around), objective.w(typical))
    return Density(objective, rows, widths, n * width, single)


def _laid_width(source: Source) -> int:
    """Return how many numbers are laid out of each row."""
    if not source.n_rows:
        return 0
    return sum(part.width for _, part in source.form(slice(0, 1)).columns if part.laid_for_one)


def _in_columns(rows: Rows) -> Rows:
    if not rows.all_laid:
        return rows  # factors are read faster by their codes, and lags in place
    if rows.sharing is not None:
        laid = [(slice(0, rows.n_coefficients), Dense(np.asfortranarray(rows.X)))]
        return replace(rows, parts=lambda: laid)
    laid = [(run, Dense(np.asfortranarray(X))) for run, X in matrices(rows)]
    return replace(rows, parts=lambda: laid)
