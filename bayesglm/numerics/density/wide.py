"""An objective as a function of its rows, all held at once, for designs of few rows."""

import numpy as np

from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.solvers.active import RowFunction

Array = np.ndarray


def row_function(objective: Objective) -> RowFunction:
    """Return what `maximise_active` needs of an objective without free dispersions."""
    rows = objective.source.form(slice(0, objective.source.n_rows))
    size = objective.size
    phi = objective.phi(np.zeros(size))
    rowwise = objective.rowwise

    def columns(members: Array) -> Array:
        return np.asarray(rows.X[:, members], dtype=np.float64)

    def summed(eta: Array) -> tuple[float, Array, Array]:
        d = rowwise.derivatives(rows, eta, phi)
        return float(d.value.sum()) + rowwise.constant, d.eta[0], -d.eta_eta[0, 0]

    def prior(x: Array) -> tuple[float, Array]:
        value, gradient = np.zeros(1), np.zeros((1, size))
        objective.priors.add_smooth(x[None], value, gradient)
        return float(value[0]), gradient[0]

    return RowFunction(
        columns,
        lambda s: rows.adjoint(s[None])[0],
        summed,
        prior,
        objective.priors.curvature,
        objective.kinks,
    )
