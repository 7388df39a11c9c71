"""Draws of a term's coefficients, whether the fit keeps them or they are drawn again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import DataError
from bayesglm.inference.tree.opened import (
    group_redrawn,
    kept_of,
    model_of,
    parameter_group,
    reopen,
)
from bayesglm.numerics.memory import free_memory
from bayesglm.spec.hints import closest, is_among, shown

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
NUMBER = 8  # bytes


def draws(fit: xr.DataTree, term: str, levels: Any = None) -> xr.DataArray:
    """Return the posterior draws of a term's coefficients, of all levels or of some.

    Effects of levels that are more than 2e7 values (levels times draws) are kept as marginals, in
    the group ``effects``: means, sds and quantiles. Here they are drawn again: given the draw of
    all other parameters, those of a level are independent of the others', p(b_j | t, y_j), and are
    drawn exactly. The same fit gives the same draws.

    Parameters
    ----------
    fit : xarray.DataTree
        A posterior fit.
    term : str
        The name of the coefficients, that of the term.
    levels : label or sequence of labels, optional
        Of a `Group` or a `Category` the levels that are wanted, in their order here; all by
        default.

    Returns
    -------
    xarray.DataArray
        ``(chain, draw[, neuron], ...)`` with the dims of the term's coefficients, of which levels
        lie along ``<term>_level``; NaN where an interruption left draws out. Units are those of
        the linear predictor.

    Raises
    ------
    DataError
        A fit without a posterior, a term or a level that it does not have, levels of a term that
        has none, or draws that are more than the memory holds.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1], "school": ["a", "a", "b", "b", "c", "c"]}
    >>> fitted = bg.fit(bg.GLM("y", bg.Group("school"), family="poisson"), data, draws=500)
    >>> bg.draws(fitted, "school", levels=["c", "a"]).sizes["school_level"]
    2
    """
    model, posterior = model_of(fit), parameter_group(fit)
    names = [one.label for one in model.every_term]
    if not is_among(term, names):
        raise DataError(
            f"the fit has no term {shown(term)}; it has {', '.join(names) or 'none'}."
            f"{closest(term, names)}"
        )
    if "draw" not in posterior.dims:
        raise DataError("a MAP has no draws; give a posterior, of fit or fit_mcmc.")
    if term == group_redrawn(fit):
        return _redrawn(fit, posterior, term, levels)
    own = posterior[term]
    if levels is None:
        return own
    dim = f"{term}_level"
    if dim not in own.dims:
        raise DataError(f"the coefficients of {term!r} have no levels; leave levels= out.")
    return own.isel({dim: _numbers(posterior[dim].values, levels, term)})


def _numbers(known: Array, levels: Any, term: str) -> Array:
    """Return the numbers of levels by their labels; DataError where one is not there."""
    every = known.tolist()
    is_one = isinstance(levels, str) or np.ndim(levels) == 0
    wanted = [levels] if is_one else np.asarray(levels).tolist()
    places = {label: number for number, label in enumerate(every)}
    for one in wanted:
        if one not in places:
            words = [label for label in every if isinstance(label, str) and isinstance(one, str)]
            raise DataError(f"term {term!r} has no level {one!r}.{closest(one, words)}")
    return np.array([places[one] for one in wanted], dtype=np.intp)


def _redrawn(fit: xr.DataTree, posterior: xr.Dataset, term: str, levels: Any) -> xr.DataArray:
    """Draw the effects again, of every neuron."""
    import xarray as xr

    problems = reopen(fit)
    like = fit["effects"].to_dataset()[f"{term}_mean"]
    level, population = f"{term}_level", problems[0].plan.population
    labels = like[level].values
    numbers = np.arange(len(labels)) if levels is None else _numbers(labels, levels, term)
    lead = {dim: posterior.sizes[dim] for dim in ("chain", "draw")}
    n_draws, k = int(np.prod(list(lead.values()))), like.size // (len(labels) * len(problems))
    size = n_draws * k * len(numbers) * len(problems)
    if 2.0 * NUMBER * size > free_memory():
        raise DataError(
            f"{size:,} draws of {term!r} need {1e-9 * NUMBER * size:.3g} GB, more than the memory "
            f"that is free; ask for some of the {len(labels):,} levels, draws(fit, {term!r}, "
            f"levels=[{labels[0].item()!r}]), or read their marginals in fit['effects']."
        )
    dims = [str(dim) for dim in like.dims if dim != population]
    shape = [len(numbers) if dim == level else like.sizes[dim] for dim in dims]
    values = np.full((n_draws, len(problems), *shape), np.nan)
    for neuron, kept in enumerate(kept_of(fit, problems)):
        which, finished = kept.finished
        values[which, neuron] = finished.effects(numbers).reshape(len(which), *shape)
    values = values.reshape(*lead.values(), len(problems), *shape)
    coords = {dim: posterior[dim].values for dim in lead} | {dim: like[dim].values for dim in dims}
    coords[level] = labels[numbers]
    if population is None:
        return xr.DataArray(values[:, :, 0], coords=coords, dims=(*lead, *dims), name=term)
    coords[population] = like[population].values
    return xr.DataArray(values, coords=coords, dims=(*lead, population, *dims), name=term)
