"""What the data added to the priors: intervals before and after."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from bayesglm.inference.tree.opened import reopen
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.numerics.theta.parameter import Parameter
from bayesglm.results.kernels import quiet_kernels
from bayesglm.results.marginals import PROB, interval
from bayesglm.show.coefficients import panels

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray


def before_and_after(fit: xr.DataTree) -> dict[str, xr.Dataset]:
    """Return the 94% intervals of a posterior fit and of its priors, panel by panel.

    Each panel has ``prior_lower``, ``prior_upper``, ``link_lower`` and ``link_upper`` over one dim
    at most (the first neuron, the first row). Coefficients whose scale is learned have no prior
    apart from it: the scale itself is shown.
    """
    problem, found = reopen(fit)[0], {}
    parts = {part.where.start: part for part in problem.natural.coefficients}
    told = cache(lambda: quiet_kernels(fit, PROB))
    for block in problem.design.predictors.named:
        part = parts[problem.places[block.name].start]
        if part.learned is not None:
            name = f"{block.name}_scale"
            own = problem.learned.get(name)
            if own is None:  # effects of known scales, of which the correlation is learned
                continue
            assert own.prior is not None
            record, numbers = PRIORS[own.prior.kind], dict(own.prior.parameters)
            prior = PriorPart(own.place, record, numbers, own.shape)
            found[name] = _node(_posterior(fit, name), prior, own, own.dims)
        elif part.prior.proper:
            # Of curves, and kernels made of functions, the coefficients, whose priors these are.
            is_made = block.drawn is not None
            node = _posterior(fit, block.name) if is_made else told()[block.name].to_dataset()
            dims = tuple("lag" if dim == f"{block.name}_lag" else dim for dim in block.dims)
            own = problem.natural.registry.named(block.name)
            found |= panels({block.name: _node(node, part, own, dims)})
    population = problem.plan.population
    return {name: _first_row(node, population) for name, node in found.items()}


def _node(node: xr.Dataset, part: PriorPart, own: Parameter, dims: tuple[str, ...]) -> xr.Dataset:
    """Add the interval of the prior to that of the posterior."""
    edges = interval(part, own.n_natural)
    names = ("prior_lower", "prior_upper")
    return node.assign({n: (dims, own.spread(e)) for n, e in zip(names, edges, strict=True)})


def _posterior(fit: xr.DataTree, name: str) -> xr.Dataset:
    import xarray as xr

    draws = fit["posterior"].to_dataset()[name]
    tail, over = (1.0 - PROB) / 2.0, ("chain", "draw")
    # NaN stays NaN: what is no parameter, as a unit's coupling with itself, has no draw to keep.
    lower, upper = (
        draws.quantile(q, over, skipna=False).drop_vars("quantile") for q in (tail, 1.0 - tail)
    )
    mean = draws.mean(over, skipna=False)
    return xr.Dataset({"link": mean, "link_lower": lower, "link_upper": upper})


def _first_row(node: xr.Dataset, population: str | None) -> xr.Dataset:
    """Keep the lags of the coefficients, or their last dim, and of the others the first place.

    The first that there is: of coupling one has none with itself.
    """
    dims = [str(dim) for dim in node["link"].dims if dim != population]
    kept = "lag" if "lag" in dims else dims[-1] if dims else None
    apart = [dim for dim in node["link"].dims if dim != kept]
    is_there = node["link"].transpose(*apart, ...).notnull().values
    first = np.argwhere(is_there.reshape(*is_there.shape[: len(apart)], -1).any(axis=-1))[0]
    return node.isel(dict(zip(apart, first.tolist(), strict=True)), drop=True)
