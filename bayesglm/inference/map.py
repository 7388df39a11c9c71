"""MAP estimates: the exact mode in the natural parameters."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.inference.modes.optimum import find_modes
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.tree.estimates import map_tree
from bayesglm.spec.given import verb_of_models
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    import xarray as xr


@verb_of_models
def fit_map(model: GLM, data: Any) -> xr.DataTree:
    """Find the maximum a posteriori estimate, which is the penalised maximum likelihood one.

    Maximises sum(weight * log p(y | eta, phi)) + log p(w) + log p(phi) over w and phi, without a
    Jacobian. The solver is chosen by a count of its operations: Newton's method; quasi-Newton with
    the curvature of a sample of rows, or with that of waves where coefficients are too many for a
    matrix; under kinks their proximal kind (Lee, Sun & Saunders 2014), so that coefficients are
    exactly zero where the penalty holds them there. Neurons that share a design go side by side.

    Parameters
    ----------
    model : GLM
    data : xarray.Dataset, pandas.DataFrame or mapping
        Whatever `as_dataset` takes.

    Returns
    -------
    xarray.DataTree
        Group ``map``: ``intercept``, one variable per term, ``sigma``. Groups ``observed_data``,
        ``constant_data`` (variables of more than a million numbers are referred to and not copied:
        do not change them in place afterwards). Attributes: ``log_posterior`` (equal to PyMC's),
        ``gradient_norm`` (that of the estimate, of the KKT residual under kinks, with centred
        predictors where they lie far from zero), ``n_iter``, ``solver``,
        ``mode`` ("global" where the objective is log-concave, else "local"), ``n_dropped``,
        ``n_missing``.

    Raises
    ------
    DataError
        Bad data, or data that under flat priors have no estimate (separation, collinearity).
    ModelError
        A model without a joint mode: a scale that is learned, or gaussian with learned sigma
        whose design can interpolate.
    ConvergenceError
        The solver stopped short of the optimum: some |gradient_j| (KKT residual under kinks) is
        1e-5 H_jj^-1/2 or more, H being minus the Hessian of the log posterior at the estimate.

    Warns
    -----
    BayesGLMWarning
        An offset that looks like an exposure without its logarithm.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [0, 0, 1, 1, 0, 1], "x": [-2.0, -1.0, -0.5, 0.5, 1.0, 2.0]}
    >>> found = bg.fit_map(bg.GLM("y", "x", family="bernoulli", prior=bg.ridge(1.0)), data)
    >>> round(float(found["map"]["x"]), 3)
    0.587
    """
    began = time.perf_counter()
    problems = open_problems(model, data)
    solutions = find_modes(problems)
    attrs = {
        "method": "map",
        "log_posterior": sum(solution.value for solution in solutions),
        "gradient_norm": max(solution.gradient_norm for solution in solutions),
        "n_iter": max(solution.n_iter for solution in solutions),
        "solver": ", ".join(dict.fromkeys(solution.solver for solution in solutions)),
        "mode": "global" if all(problem.log_concave() for problem in problems) else "local",
        "wall_time_s": time.perf_counter() - began,
    }
    return map_tree(problems, [np.array(solution.x) for solution in solutions], attrs)
