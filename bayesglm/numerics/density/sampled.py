"""The log density as samplers ask for it: values and gradients at many thetas, over and over.

What Python and NumPy take for a call is taken once for all of them, and products with the rows are
products of matrices. An evaluation stays in the thread that asks for it: nothing is shared out
here, so that samplers can share out thetas. Rows that are few enough are laid out once, side by
side in columns, which is how both products with them are fastest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from bayesglm.numerics.density.channels import matrices
from bayesglm.numerics.density.likelihood import CELLS, block_rows, phi_of
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
    cross go wrong by their own length. ``cells`` are the numbers that one theta reads.
    """

    objective: Objective
    rows: Iterable[Rows] | None
    widths: Array
    cells: int
    single: Single | None = None

    @cached_property
    def _soft(self) -> tuple[Array, Array, Array, Array]:
        """Where softened kinks are: places in theta, weights, values of theta, and widths."""
        kinks = self.objective.kinks
        places = np.flatnonzero((kinks.weight > 0.0) & (self.widths > 0.0))
        return places, kinks.weight[places], kinks.at[places], self.widths[places]

    def slopes(self, thetas: Array) -> tuple[Array, Array]:
        """Return values ``(...)`` and gradients ``(..., size)`` at thetas ``(..., size)``.

        Where no probability lies they are -inf and zero. At a kink itself the gradient is that of
        the smooth part. Far out, what is added up may overflow: that is for the caller to ignore,
        once for all that it does there.
        """
        far_out = self.objective.far_out(thetas)
        if not far_out.any():
            return self._slopes(thetas)
        values, gradients = np.full(far_out.shape, -np.inf), np.zeros(thetas.shape)
        possible = ~far_out
        if possible.any():
            values[possible], gradients[possible] = self._slopes(thetas[possible])
        return values, gradients

    def _slopes(self, thetas: Array) -> tuple[Array, Array]:
        objective = self.objective
        of_rows, of_w, of_phi = self._likelihood(objective.w(thetas), objective.phi(thetas))
        values, gradients = objective.prior_slopes(thetas)
        objective.add_likelihood_slopes(thetas, of_w, of_phi, gradients)
        places, weights, at, widths = self._soft
        if len(places):
            away = thetas[..., places] - at
            soft = np.clip(away / widths, -1.0, 1.0)
            gradients[..., places] += weights * (np.sign(away) - soft)
        return values + of_rows, gradients

    def _likelihood(self, w: Array, phi: list) -> tuple[Array, Array, Array]:
        """Return the log likelihoods ``(...)`` and slopes in w and phi, ``(..., p)`` and so on."""
        objective, lead = self.objective, w.shape[:-1]
        if objective.moments is not None:
            return objective.moments.slopes(w, phi)
        W = w.reshape(-1, w.shape[-1])
        values, gradients, of_phi = self._of_rows(W, [_upright(one) for one in phi])
        return values.reshape(lead), gradients.reshape(w.shape), of_phi.reshape(*lead, len(phi))

    def _of_rows(self, W: Array, phi: list) -> tuple[Array, Array, Array]:
        """Return the same of lines w ``(k, p)``, phi being numbers or ``(k, 1)``."""
        if self.single is None:
            return self._in_double(W, phi)
        values, gradients = self.single.slopes(W)
        lost = ~are_finite(values, gradients)
        if lost.any():
            values[lost], gradients[lost], _ = self._in_double(W[lost], phi)
        return values, gradients, np.zeros((len(W), 0))

    def _in_double(self, W: Array, phi: list) -> tuple[Array, Array, Array]:
        objective, run = self.objective, self.rows
        if run is None:
            step, run = len(W), objective.source.ranges(block_rows(objective.rowwise.width, len(W)))
        else:
            step = max(1, CELLS // max(1, min(MOST_ROWS, objective.source.n_rows)))
        lots = [slice(start, start + step) for start in range(0, len(W), step)]
        each = [run_slopes(objective.family, run, W[lot], phi_of(phi, lot)) for lot in lots]
        values, gradients, of_phi = map(np.concatenate, zip(*each, strict=True))
        return values + objective.rowwise.constant, gradients, of_phi


def _upright(number: Any) -> Any:
    """Return a dispersion at many thetas as a column, and one number as it is."""
    return np.reshape(number, (-1, 1)) if np.ndim(number) else float(number)


def are_finite(values: Array, gradients: Array) -> Array:
    """Say which values ``(...)``, and lengths of their gradients ``(..., size)``, are finite."""
    return np.isfinite(values) & np.isfinite(np.vecdot(gradients, gradients))


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
    >>> values, gradients = density(objective, np.zeros(1)).slopes(np.array([[0.0], [0.5]]))
    >>> values.round(3).tolist(), gradients.round(3).tolist()
    ([-7.787, -6.734], [[3.0], [1.054]])
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
