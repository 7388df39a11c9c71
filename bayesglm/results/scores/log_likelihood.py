"""Log likelihoods of every draw and sample, added to a fit where ArviZ wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesglm.errors import DataError
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.groups import log_likelihood
from bayesglm.inference.tree.opened import kept_of, parameter_group, reopen

if TYPE_CHECKING:
    import xarray as xr


def add_log_likelihood(fit: xr.DataTree) -> xr.DataTree:
    """Return the fit with the group ``log_likelihood``, however large it is.

    Fits store it up to 2e7 values; `loo` needs it at no size, ArviZ's own functions do.

    Parameters
    ----------
    fit : xarray.DataTree
        A posterior fit.

    Returns
    -------
    xarray.DataTree
        The same groups and ``log_likelihood``, ``(chain, draw, sample[, neuron])``, frequency
        weights included, effects of levels of a single row each integrated out.

    Raises
    ------
    DataError
        A fit without a posterior.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2]}
    >>> fitted = bg.fit(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> bg.add_log_likelihood(fitted)["log_likelihood"]["y"].sizes["obs"]
    6
    """
    problems = posterior_problems(fit)
    group = parameter_group(fit)
    lead = (group.sizes["chain"], group.sizes["draw"])
    own = log_likelihood(problems, kept_of(fit, problems), lead)
    return fit.assign({"log_likelihood": _as_node(own)})


def _as_node(dataset: xr.Dataset) -> xr.DataTree:
    import xarray as xr

    return xr.DataTree(dataset)


def posterior_problems(fit: xr.DataTree) -> list[Problem]:
    problems = reopen(fit)
    if "posterior" not in fit.children:
        raise DataError(
            "a posterior is needed (fit, fit_laplace or fit_mcmc); this fit has only a MAP."
        )
    return problems
