"""A posterior as a picture: intervals and kernels of its terms, with the MAP beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bayesglm.errors import DataError
from bayesglm.inference.tree.opened import group_redrawn, model_of, parameter_group
from bayesglm.inference.tree.words import is_curve
from bayesglm.show.figures import check_term
from bayesglm.show.largest import with_largest
from bayesglm.show.posterior_panels import (
    MOST_BESIDE,
    MOST_ROWS,
    draw_panels,
    every_panel,
    is_kernel,
    one_panel,
)
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure


def plot_posterior(
    fit: xr.DataTree, map: xr.DataTree | None = None, term: str | None = None
) -> Figure:
    """Draw the posterior of every term, or of one, with the MAP beside it.

    Coefficients are rows: the posterior mean with the 50% (thick) and 94% (thin) equal-tailed
    intervals, and below them the MAP. Without ``term`` each term has a panel of its own, those of a
    single coefficient one together, as scales have; a kernel over lags, or the curve of a `Spline`,
    is a line with its bands. Curves of levels have a panel each, all on one scale: of more than 12
    those that are the largest.
    Where the prior has a kink or a bound at zero (`Laplace`, `HalfNormal`), the MAP's exact zeros
    are hollow and a note under the axes counts them: the mode of such a posterior may be sparse;
    the posterior never is, because a density gives a single point no probability.

    Parameters
    ----------
    fit : xarray.DataTree
        A posterior fit; of a population, one unit along its dim: ``fit.isel({dim: 0})``.
    map : xarray.DataTree, optional
        What `fit_map` gives for the same model and data.
    term : str, optional
        The term to draw alone. Of many more than 80 coefficients (24 beside others) those of the
        largest posterior means (in absolute value) are drawn; the title counts all.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        No posterior, that of a whole population, a MAP of another model or of other data, or an
        unknown term.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2]}
    >>> model = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
    >>> figure = bg.plot_posterior(bg.fit(model, data), bg.fit_map(model, data))
    >>> figure.axes[0].get_title(loc="left")
    'x'
    """
    model = _checked(fit, map)
    names = [one.label for one in model.every_term]
    if not names:
        raise DataError("the model of this fit has no term to draw, only an intercept.")
    if term is not None:
        check_term(term, names, "fit")
    fit = with_largest(fit, MOST_ROWS if len(names) == 1 or term is not None else MOST_BESIDE)
    modes = None if map is None else _of_levels(map["map"].to_dataset(), fit)
    alone = term
    if len(names) == 1:
        (only,) = model.every_term
        own = fit["posterior"].to_dataset()[only.label]
        has_more = only.facts.of_levels or is_curve(own) or is_kernel(own)
        alone = term if has_more else only.label
    if alone is not None:
        drawn = [one_panel(model, fit, modes, alone, MOST_ROWS)]
    else:
        drawn = every_panel(model, fit, modes)
    return draw_panels(drawn)


def _of_levels(modes: xr.Dataset, fit: xr.DataTree) -> xr.Dataset:
    """Return a MAP of those levels of which there are draws."""
    posterior, name = fit["posterior"].to_dataset(), group_redrawn(fit)
    level = f"{name}_level"
    return modes if name is None else modes.sel({level: posterior[level].values})


def _checked(fit: Any, map: Any) -> GLM:
    """Return the model of a posterior fit, to which the MAP belongs, if there is one."""
    model = model_of(fit)
    if "posterior" not in fit.children:
        raise DataError("plot_posterior draws a posterior: give it what fit or fit_mcmc returns.")
    posterior, population = parameter_group(fit), fit.attrs["population"]
    if population and population in posterior.dims:
        raise DataError(
            f"the fit is that of a whole population; choose one: fit.isel({population}=0)."
        )
    if map is None:
        return model
    if model_of(map) != model or "map" not in map.children:
        raise DataError(
            "map is not the MAP of this fit's model; give it what fit_map(model, data) returns for "
            "the same model and data."
        )
    if not map["observed_data"].to_dataset().equals(fit["observed_data"].to_dataset()):
        raise DataError(
            "map is the MAP of other data than the posterior's; give both the same data (and, of a "
            "population, the same neuron)."
        )
    return model
