"""Kernels: what each term adds to the linear predictor, and to the response, with bands."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.design.design import family_of
from bayesglm.inference.problem.asked import check_between_0_and_1
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.tree.opened import kept_of, parameter_group, reopen
from bayesglm.numerics.rows.rows import Rows
from bayesglm.numerics.summaries import mean_of, quantiles_of, simultaneous_of
from bayesglm.numerics.theta.labels import among_all
from bayesglm.results.kernel_warnings import warn_of_coarse_bases, warn_of_edges
from bayesglm.spec.response_levels import n_and_reference

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
VALUES = ("value", "value_2")  # dims of the predictors along which curves and surfaces are drawn
ROWS = 4096  # rows whose linear predictors are averaged at a time: chosen


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
        first) with ``lag_time`` in seconds where the data have time, those of a basis as well:
        what one more unit of the predictor adds so many samples later; other dims as in the fit,
        the levels and effects of a `Group` among them. A `Spline` or a `Basis` is a curve on 201
        values of its predictor between its bounds, along ``value``, and a `Surface` a grid along
        ``value`` and ``value_2``: ``link`` is the curve itself
        (link units), and ``response`` the change of the mean response that it makes; an
        `Interaction` with one is a curve of each level, or for each unit of a number. Elsewhere
        ``link`` is the coefficient (link units per unit of the predictor) and ``response`` the
        change of the mean response when the predictor rises by one unit at that place, from the
        average linear predictor: g^-1(eta_mean + w) - g^-1(eta_mean), infinite where it is beyond
        the largest float. Posterior means; for posterior fits with ``*_lower`` and ``*_upper``,
        which hold each place by itself, and of kernels over lags, curves and fields with
        ``*_simultaneous_lower`` and ``*_simultaneous_upper``, which hold all of one together:
        mean -+ q sd, q being the ``prob`` quantile of max |w - mean| / sd over its places, lags and
        pixels; each neuron, source, type and level by itself. ``link_sd`` is the posterior sd.

    Warns
    -----
    BayesGLMWarning
        A kernel over 8 lags or more that is not back at zero where its window ends, by 3 sds of the
        posterior (of many kernels of a term by so many that chance tells any as rarely: 4.4 of
        300), once of a term, and not again where it is drawn; a basis of a count's own past that is
        too coarse for the refractory period: less than half as many pairs of events 1, 2 or 3
        samples apart as the model foresees.

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
    prob = check_between_0_and_1("prob", prob, "0.94 gives bands from 3% to 97%")
    tree = quiet_kernels(fit, prob)
    for name, node in tree.children.items():
        own = node.to_dataset()
        if "link_sd" in own:
            warn_of_edges(str(name), own)
    problems = reopen(fit)
    every = [kept.finished[1] for kept in kept_of(fit, problems)]
    if all(kept.redrawn is None and len(kept.theta) for kept in every):
        warn_of_coarse_bases(problems, [kept.theta.mean(axis=0) for kept in every])
    return tree


def quiet_kernels(fit: xr.DataTree, prob: float) -> xr.DataTree:
    """Return what `kernels` does, without its warnings: for figures of what it has told."""
    import xarray as xr

    problems = reopen(fit)
    group = parameter_group(fit)
    every = [kept.finished[1] for kept in kept_of(fit, problems)]
    centres = [_average(kept) for kept in every]
    band = prob if "draw" in group.dims else None
    nodes = {}
    for k, block in enumerate(problems[0].design.predictors.named):
        told = [
            _of_kept(kept, centre, k, band) for kept, centre in zip(every, centres, strict=True)
        ]
        variables = {name: np.stack([one[name] for one in told]) for name in told[0]}
        nodes[f"/{block.name}"] = _node(problems, k, variables)
    tree = xr.DataTree.from_dict(nodes)
    tree.attrs = {"prob": prob, "response": problems[0].plan.model.response}
    return tree


def _average(kept: Kept) -> Array:
    """Return the average linear predictors ``(channels, draws)`` of draws as they are kept."""
    if kept.redrawn is None:
        return average_eta(kept.problem, kept.theta)
    total, n = np.zeros(()), 0.0
    for part in kept.parts():
        if len(part.rows):
            own = _n_counted(part.problem)
            total, n = total + own * average_eta(part.problem, part.theta), n + own
    return total / n


def _of_kept(kept: Kept, centre: Array, k: int, prob: float | None) -> dict[str, Array]:
    """Return both units of a block of one neuron, level by level of effects that are redrawn."""
    if kept.redrawn is None or k != kept.number:
        return _summarised(*kept.first(), centre, k, prob)
    n_effects = kept.shape[0]
    told = [_summarised(part.problem, part.theta, centre, k, prob) for part in kept.parts()]
    return {
        name: np.concatenate([one[name].reshape(n_effects, -1) for one in told], axis=1)
        for name in told[0]
    }


def _summarised(
    problem: Problem, theta: Array, centre: Array, k: int, prob: float | None
) -> dict[str, Array]:
    """Return both units of one neuron's block ``k``, of its draws with bands."""
    predictors = problem.design.predictors
    block = predictors.blocks[k]
    link = block.read(problem.natural.registry.named(block.name).natural(theta))
    phi = [np.reshape(value, (-1, 1)) for value in problem.natural.phi(theta)]
    response = _response(problem, link, centre, phi, predictors.line_of(k))
    found: dict[str, Array] = {}
    for name, values in (("link", link), ("response", response)):
        if not len(values):  # an interruption left this neuron without draws
            values = np.full((1, link.shape[1]), np.nan)
        found[name] = mean_of(values)
        if prob is not None:
            edges = quantiles_of(values, np.array([0.5 - prob / 2, 0.5 + prob / 2]))
            found[f"{name}_lower"], found[f"{name}_upper"] = edges
            if name == "link":
                found["link_sd"] = values.std(axis=0)
            axes = block.joint_axes
            if axes:
                curves = values.reshape(len(values), -1, *block.drawn_shape)
                lower, upper = simultaneous_of(curves, prob, tuple(2 + axis for axis in axes))
                found[f"{name}_simultaneous_lower"] = lower.reshape(-1)
                found[f"{name}_simultaneous_upper"] = upper.reshape(-1)
    return found


def _response(problem: Problem, w: Array, centre: Array, phi: list[Array], channel: int) -> Array:
    """Return what a change of one linear predictor by w makes of its parameter, from ``centre``.

    Of the first channel the parameter is the mean response. Arrays are per draw and coefficient;
    ``centre`` holds the average of each linear predictor per draw. Bounds between which responses
    are seen are left aside.
    """
    family = family_of(replace(problem.plan.model, censored=None, truncated=None))

    def value(eta: Array) -> Array:
        if channel == 0:
            return family.expected(eta, phi, None)
        place = family.words.dispersions.index(family.channels[channel])
        return family.every_phi(eta, phi)[place]

    if problem.design.predictors.levels is not None:
        return _changes_of_shares(problem, w, centre[..., None])
    at = np.broadcast_to(centre[..., None], (*centre.shape, w.shape[1]))
    moved = at.copy()
    with np.errstate(over="ignore", invalid="ignore"):
        moved[channel] += w
        change = value(moved) - value(at)
    # Where both are beyond the largest float: the mean rises with eta, whatever the link.
    return np.where(np.isnan(change), np.where(w == 0.0, 0.0, np.copysign(np.inf, w)), change)


def _changes_of_shares(problem: Problem, w: Array, centre: Array) -> Array:
    """Return the change of each level's share as its own coefficients move its linear predictor."""
    n, reference = n_and_reference(problem.plan.model)
    levels = [k for k in range(n) if k != reference]
    mean, changes = problem.natural.family.mean, []
    before = mean(centre, (), None)
    for channel, own in enumerate(np.split(w, len(levels), axis=1)):
        eta = np.repeat(centre, own.shape[1], axis=2)
        eta[channel] += own
        changes.append(mean(eta, (), None)[levels[channel]] - before[levels[channel]])
    return np.concatenate(changes, axis=1)


def average_eta(problem: Problem, theta: Array) -> Array:
    """Return the average linear predictors ``(channels, draws)``; a row counts by its weight."""
    w = theta[:, : problem.natural.n_coefficients]
    n = _n_counted(problem)
    average, offset = np.zeros(problem.design.predictors.n_columns), 0.0
    for rows in problem.design.source.ranges(ROWS):
        shares = _counts(rows) / n  # of the sum, which may be beyond the largest float
        average += rows.adjoint(shares[None])[0]
        offset += float(np.sum(shares * rows.offset))
    runs = problem.design.predictors.runs
    with np.errstate(over="ignore"):
        sharing = problem.design.predictors.sharing
        if sharing is not None:
            return (sharing.spread(w) @ average).T
        every = np.stack([w[:, run] @ average[run] for run in runs])
    every[0] += offset
    return every


def _n_counted(problem: Problem) -> float:
    return sum(float(_counts(rows).sum()) for rows in problem.design.source.ranges(ROWS))


def _counts(rows: Rows) -> Array:
    return np.ones(len(rows)) if rows.weights is None else rows.weights


def _node(problems: list[Problem], k: int, variables: dict[str, Array]) -> xr.Dataset:
    import xarray as xr

    plan, block = problems[0].plan, problems[0].design.predictors.named[k]
    of_lags = block.of_lags
    along = "lag" if of_lags is None or of_lags.functions is None else "basis"
    dims = tuple("lag" if dim == f"{block.name}_{along}" else dim for dim in block.dims)
    coords: dict[str, Any] = {
        new: block.coords[old] for new, old in zip(dims, block.dims, strict=True)
    }
    if of_lags is not None and of_lags.lags is not None:
        coords["lag"] = of_lags.lags
        if of_lags.step is not None:
            coords["lag_time"] = ("lag", of_lags.lags * of_lags.step, {"units": "s"})
    shape = block.drawn_shape
    if block.curve is not None:
        axis = block.curve_axis
        coords.pop(dims[axis])
        dims = (*dims[:axis], *dims[axis + 1 :])
        for name, own in zip(VALUES, block.curve.axes, strict=False):
            units = {} if own.unit is None else {"units": own.unit}
            coords[name] = (name, own.x, {"long_name": own.variable, **units})
            dims = (*dims, name)
    if plan.population is not None:
        dims, shape = (plan.population, *dims), (len(problems), *shape)
        coords[plan.population] = plan.labels
    shaped = {name: values.reshape(shape) for name, values in variables.items()}
    for dim, every in block.part_of.items():
        # Each member lacks another place, which is no parameter.
        owns = [problem.design.predictors.named[k].coords[dim] for problem in problems]
        axis = block.dims.index(dim)
        for name, values in shaped.items():
            pairs = zip(values, owns, strict=True)
            shaped[name] = np.stack([among_all(one, axis, own, every) for one, own in pairs])
        coords[dim] = every
    return xr.Dataset({name: (dims, values) for name, values in shaped.items()}, coords=coords)
