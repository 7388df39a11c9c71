"""Kernels: what each term adds to the linear predictor, and to the response, with bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import DataError
from bayesglm.inference.problem import Problem
from bayesglm.inference.tree import parameter_group, reopen, thetas_of

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray


def kernels(fit: xr.DataTree, prob: float = 0.94) -> xr.DataTree:
    """Summarise the coefficients of every term as kernels with bands.

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit; a MAP has no bands.
    prob : float
        Probability of the bands, equal-tailed.

    Returns
    -------
    xarray.DataTree
        One node per term. Lagged terms lie on ``lag`` (samples; positive: the predictor comes
        first) with ``lag_time`` in seconds where the data have time; other dims as in the fit,
        the levels and effects of a `Group` among them.
        ``link`` is the coefficient (link units per unit of the predictor) and ``response`` the
        change of the mean response when the predictor rises by one unit at that place, from the
        average linear predictor: g^-1(eta_mean + w) - g^-1(eta_mean). Posterior means, with
        ``*_lower`` and ``*_upper`` for posterior fits.

    Raises
    ------
    DataError
        ``prob`` outside (0, 1), or no fit.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1, 0, 2], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2, -1.0, 0.5]}
    >>> model = bg.GLM("y", bg.Lagged("x", lags=2), family="poisson", prior=bg.Normal(1.0))
    >>> found = bg.kernels(bg.fit_map(model, data))
    >>> found["x"]["link"].dims, found["x"]["lag"].values
    (('lag',), array([0, 1]))
    """
    import xarray as xr

    if not 0 < prob < 1:
        raise DataError(f"prob must lie between 0 and 1, got {prob!r}.")
    problems = reopen(fit)
    group = parameter_group(fit)
    thetas = thetas_of(fit, problems)
    nodes = {}
    for k, block in enumerate(problems[0].design.predictors.blocks):
        link = np.stack(
            [theta[:, p.places[block.name]] for p, theta in zip(problems, thetas, strict=True)],
            axis=1,
        )
        response = np.stack(
            [_response(p, theta, k) for p, theta in zip(problems, thetas, strict=True)], axis=1
        )
        has_bands = "draw" in group.dims
        variables: dict[str, Array] = {}
        for name, values in (("link", link), ("response", response)):
            variables |= _bands(name, values, prob) if has_bands else {name: values[0]}
        nodes[f"/{block.name}"] = _node(problems, block, variables)
    tree = xr.DataTree.from_dict(nodes)
    tree.attrs = {"prob": prob, "response": problems[0].plan.model.response}
    return tree


def _bands(name: str, draws: Array, prob: float) -> dict[str, Array]:
    lower, upper = np.quantile(draws, [0.5 - prob / 2, 0.5 + prob / 2], axis=0)
    return {name: draws.mean(axis=0), f"{name}_lower": lower, f"{name}_upper": upper}


def _response(problem: Problem, theta: Array, k: int) -> Array:
    """Return the change of the mean response, per draw and coefficient of block ``k``."""
    objective, name = problem.natural, problem.design.predictors.blocks[k].name
    centre = _average_eta(problem, theta[:, : objective.n_coefficients])
    mean = objective.family.mean
    shifted = centre[:, None] + theta[:, problem.places[name]]
    return mean(shifted, (), None) - mean(centre[:, None], (), None)


def _average_eta(problem: Problem, w: Array) -> Array:
    """Return the average linear predictor per draw; a row of weight 2 counts twice."""
    total, offset, n = np.zeros(w.shape[1]), 0.0, 0.0
    for rows in problem.design.blocks(4096):
        counts = np.ones(len(rows.y)) if rows.weights is None else rows.weights
        total += rows.adjoint(counts[None])[0]
        offset += float(np.sum(counts * rows.offset))
        n += float(counts.sum())
    return w @ (total / n) + offset / n


def _node(problems: list[Problem], block: Any, variables: dict[str, Array]) -> xr.Dataset:
    import xarray as xr

    plan = problems[0].plan
    lag = f"{block.name}_lag"
    dims = tuple("lag" if dim == lag else dim for dim in block.dims)
    coords: dict[str, Any] = {
        new: block.coords[old] for new, old in zip(dims, block.dims, strict=True)
    }
    if block.lags is not None and block.step is not None:
        coords["lag_time"] = ("lag", block.lags * block.step, {"units": "s"})
    shape = block.shape
    if plan.population is not None:
        dims, shape = (plan.population, *dims), (len(problems), *shape)
        coords[plan.population] = plan.labels
    return xr.Dataset(
        {name: (dims, values.reshape(shape)) for name, values in variables.items()}, coords=coords
    )
