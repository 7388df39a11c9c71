"""Mean densities of single rows: over weighted draws, or over a Gaussian of the coefficients."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from bayesglm.numerics.density.channels import predictors
from bayesglm.numerics.density.likelihood import block_rows, kernel, rotated_rows, weighted
from bayesglm.numerics.density.near import FEW, log_averages
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.density.pointwise import each_pointwise
from bayesglm.numerics.rows.rows import Rows

Array = np.ndarray
# Nodes of a linear predictor: exact to 1e-12 where it is known to a unit of its link, or better.
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(21)


def row_averages(objective: Objective, thetas: Array, shares: Array) -> Array:
    """Return log mean densities ``(k, rows)`` over thetas, by ``shares (k, draws)`` of each."""
    if objective.near is not None and len(thetas) * objective.source.n_rows >= FEW:
        return objective.near.averages(objective.w(thetas), shares)
    parts = each_pointwise(objective, thetas, lambda values: log_averages(values, shares))
    return np.concatenate(parts, axis=1)


def is_of_predictor(objective: Objective) -> bool:
    """Say whether a density of a row is one of a single linear predictor, all else being known."""
    alone = objective.size == objective.n_coefficients and objective.registry.straight
    return alone and len(objective.family.channels) == 1


def gaussian_averages(objective: Objective, mean: Array, root: Array) -> Array:
    """Return log mean densities ``(rows,)`` over N(mean, (root' root)^-1) of the coefficients.

    Each is an integral over a row's own linear predictor, by Gauss-Hermite quadrature.
    """
    phi, turn = objective.phi(mean), np.linalg.inv(root)
    averages = np.empty(objective.source.n_rows)

    def work(run: Iterable[Rows]) -> None:
        for rows in run:
            (own,) = rotated_rows(rows, lambda X: X @ turn)
            sd = np.sqrt(np.einsum("ij,ij->i", own, own))
            eta = predictors(rows, mean[None]) + NODES[:, None] * sd
            values = kernel(objective.family, rows, eta, phi, 0).value
            values += weighted(
                np.asarray(objective.family.constant(rows.y, rows.trials)), rows.weights
            )
            averages[rows.place] = log_averages(values, WEIGHTS[None] / WEIGHTS.sum())[0]

    with np.errstate(over="ignore", invalid="ignore"):
        objective.source.reduce(work, block_rows(len(mean) + len(NODES)))
    return averages
