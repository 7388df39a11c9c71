"""A posterior as a picture: intervals of one term's coefficients, with the MAP beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import DataError
from bayesglm.inference.tree.opened import model_of, parameter_group
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.show.figures import COLOURS, INK, check_term, coefficient_labels, new_figure
from bayesglm.show.text import plain
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
MOST_ROWS = 80  # coefficients that can be told apart on one page
INTERVALS = {0.94: 1.2, 0.5: 3.5}  # probability, and the width of its line


def plot_posterior(
    fit: xr.DataTree, map: xr.DataTree | None = None, term: str | None = None
) -> Figure:
    """Draw the posterior of one term's coefficients as intervals, with the MAP's dots beside them.

    One row a coefficient: its posterior mean with the 50% (thick) and 94% (thin) equal-tailed
    intervals, and below them the MAP. Where the prior has a kink or a bound at zero (`Laplace`,
    `HalfNormal`), the MAP's exact zeros are hollow and a note under the axes counts them: the mode
    of such a posterior may be sparse; the posterior never is, because a density gives a single
    point no probability.

    Parameters
    ----------
    fit : xarray.DataTree
        A posterior fit; of a population, one neuron: ``fit.isel(neuron=0)``.
    map : xarray.DataTree, optional
        What `fit_map` gives for the same model and data.
    term : str, optional
        The term to draw; by default the model's first. Of more than 80 coefficients those of the
        largest posterior means (in absolute value) are drawn; the note counts all.

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
    if term is None and not names:
        raise DataError("the model of this fit has no term to draw, only an intercept.")
    name = names[0] if term is None else term
    check_term(name, names, "fit")
    draws = fit["posterior"][name].transpose("chain", "draw", ...)
    values = draws.values.reshape(draws.sizes["chain"] * draws.sizes["draw"], -1)
    mode = None if map is None else map["map"][name].transpose(*draws.dims[2:]).values.ravel()
    kinked = _kinked_at_zero(model, name)

    largest = np.argsort(-np.abs(values.mean(axis=0)), kind="stable")
    rows = np.sort(largest[:MOST_ROWS])
    panel = min(0.28 * len(rows), max(5.6, 0.13 * len(rows)))
    figure, axes = new_figure(1, 1, 1.4 + panel)
    ax = axes[0, 0]
    _draw_intervals(ax, values[:, rows])
    if mode is not None:
        _draw_mode(ax, mode[rows], kinked)
    labels = coefficient_labels(draws.isel(chain=0, draw=0))
    size = min(10.0, 0.75 * 72 * panel / len(rows))
    ax.set_yticks(np.arange(len(rows)), [labels[k] for k in rows], fontsize=size)
    ax.set_title(_title(draws, len(rows)), loc="left", fontsize=11)
    figure.legend(loc="outside upper left", ncols=3, fontsize=9, frameon=False)
    if kinked:
        figure.supxlabel(_note(values, mode), fontsize=9, color=INK)
    return figure


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


def _kinked_at_zero(model: GLM, name: str) -> bool:
    prior = next(one.prior for one in model.every_term if one.label == name)
    return PRIORS[type(prior).__name__].holds and not np.any(np.asarray(getattr(prior, "loc", 0.0)))


def _draw_intervals(ax: Axes, values: Array) -> None:
    """Draw a row for every column of ``(draws, coefficients)``, the first on top."""
    y = np.arange(values.shape[1])
    ax.axvline(0, color=INK, linewidth=0.8)
    for prob, width in INTERVALS.items():
        low, high = np.quantile(values, [0.5 - prob / 2, 0.5 + prob / 2], axis=0)
        ax.hlines(y, low, high, color=COLOURS[0], linewidth=width)
    label = "posterior mean, {:.0%} and {:.0%} intervals".format(*sorted(INTERVALS))
    look: dict[str, Any] = {"color": "white", "markeredgecolor": COLOURS[0], "label": label}
    ax.plot(values.mean(axis=0), y, "o", markersize=_dot(len(y)), **look)
    ax.set_ylim(len(y) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("coefficient (link units per unit of predictor)", fontsize=10)


def _draw_mode(ax: Axes, mode: Array, kinked: bool) -> None:
    """Draw the MAP just below its rows; its exact zeros apart where a kink makes them."""
    y, zero = np.arange(len(mode)) + 0.3, kinked & (mode == 0.0)
    for chosen, inside, label in ((~zero, COLOURS[1], "MAP"), (zero, "white", "MAP, exactly zero")):
        if chosen.any():
            look: dict[str, Any] = {"color": inside, "markersize": 0.8 * _dot(len(mode))}
            ax.plot(mode[chosen], y[chosen], "D", markeredgecolor=COLOURS[1], label=label, **look)


def _dot(rows: int) -> float:
    """Return the size of a dot that its row holds."""
    return 6.0 if rows <= 20 else 4.0


def _title(draws: xr.DataArray, shown: int) -> str:
    dims, n = draws.dims[2:], int(np.prod(draws.shape[2:], dtype=int))
    title = plain(draws.name) + (f" ({', '.join(map(plain, dims))})" if dims else "")
    return title if shown == n else f"{title}: the {shown} largest of {n}"


def _note(values: Array, mode: Array | None) -> str:
    """Count the exact zeros of draws ``(draws, coefficients)`` and of their mode."""
    found = int((values == 0.0).sum())
    drawn = f"{found or 'none'} of the {values.size:,} posterior draws"
    if mode is None:
        return f"exactly zero: {drawn} (though the mode may be, in part)"
    return (
        f"exactly zero: {int((mode == 0.0).sum())} of the {mode.size} coefficients of the MAP, "
        f"but {drawn} of them"
    )
