"""Residuals as a picture: against what is fitted, time or a predictor, and beside normal ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from bayesglm.design.clock import seconds
from bayesglm.errors import DataError
from bayesglm.inference.problem.asked import check_seed, whole_number
from bayesglm.results.check_residuals import check_quantiles
from bayesglm.results.foretold import Drawn, some_draws
from bayesglm.results.residuals import check_kind
from bayesglm.show.chosen import chosen_units, unit_title
from bayesglm.show.coefficients import value_label
from bayesglm.show.figures import (
    COLOURS,
    DEVIATION,
    GREY,
    INK,
    MOST_LETTERS,
    NORMAL_QUANTILE,
    by_position,
    log_axis,
    named_handles,
    new_figure,
    write_note,
)
from bayesglm.show.text import plain
from bayesglm.show.units import mean_of, unit_of_times
from bayesglm.spec.hints import closest, shown

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
type Moments = tuple[Array, Array] | None
FITTED, TIME = "fitted", "time"
PROB = 0.94  # of bands
MOST_UNITS = 4  # of a population, each with a row of its own: chosen
BINS = 20  # of samples, whose mean residual is drawn: at most
FEWEST = 25  # samples in a bin, at least: chosen
MOST_DOTS = 5_000  # samples that are dots, evenly spaced; means and quantiles are of all
LEAST_RATIO = 20.0  # of the largest positive mean to the smallest, from which an axis is of ratios
MOST_BESIDE = 45  # letters of labels of levels beside one another
MEAN, BAND = "mean in bins", f"a true model, {PROB:.0%}"


def plot_residuals(
    fit: xr.DataTree,
    against: Any = FITTED,
    kind: str = "quantile",
    draws: int = 200,
    units: Any = None,
    seed: int = 0,
) -> Figure:
    """Draw residuals against what is fitted, time or a predictor, and beside normal ones.

    Left: each sample's residual; the line is their mean in bins of equally many samples, over the
    band in which the means of a true model's residuals stay, each by itself: quantile and Pearson
    residuals have mean 0 and variance 1 there, those of deviance what responses drawn anew have. A
    mean that wanders says what the model lacks: a bent curve, a predictor, a drift. Right, of
    quantile residuals: how far their quantiles are from those of a standard normal, with the band
    of each place.

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit.
    against : str, DataArray or column of a frame
        ``"fitted"``, the mean that is predicted; ``"time"``; the name of a variable or a coordinate
        that the fit keeps; or any other along its samples, ``against=data["age"]``, paired by their
        labels; words are levels.
    kind : {"quantile", "pearson", "deviance"}
        As in `residuals`.
    draws, seed : int
        As in `residuals`.
    units : label or sequence of labels, optional
        Members of a population to draw, at most 4; the first by default.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        No fit, a variable that its data have not, or that has not one number for each sample.
    ModelError
        As `residuals`.

    Examples
    --------
    >>> import bayesglm as bg
    >>> x = [k / 10 for k in range(-20, 20)]
    >>> data = {"y": [round(2 + 1.5 * v) if v > -1 else 0 for v in x], "x": x}
    >>> fit = bg.fit_map(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> [ax.get_xlabel() for ax in bg.plot_residuals(fit, against="x").axes]
    ['x', 'standard normal quantile']
    """
    draws, seed = whole_number("draws", draws, 1), check_seed(seed)
    chosen = chosen_units(fit, units, MOST_UNITS)
    record = check_kind(kind, chosen.first)
    if record.of_levels and chosen.first.natural.family.n_levels:
        raise DataError(
            f"kind={kind!r} has a residual for each level; plot_residuals draws one a sample: take "
            "kind='quantile', or draw what residuals returns."
        )
    n, normal = len(chosen.kept), kind == "quantile"
    widths = [1.7, 1.0][: 1 + normal]
    figure, axes = new_figure(n, len(widths), 0.7 + 2.8 * n, gridspec_kw={"width_ratios": widths})
    for row, kept in zip(axes, chosen.kept, strict=True):
        drawn = some_draws(kept, draws)
        values = record.of_unit(drawn, seed)[0]
        along = _along(fit, drawn, against)
        _draw_trend(row[0], along, values, record.moments(drawn, seed))
        row[0].set_title(unit_title(kept.problem), loc="left", fontsize=11)
        row[0].set_ylabel(f"{kind} residual", fontsize=10)
        row[0].set_xlabel(along.label, fontsize=10)
        if normal:
            _draw_normal(row[1], values)
    handles = named_handles(axes)
    figure.legend(
        handles.values(), handles.keys(), loc="outside upper left", ncols=4, frameon=False
    )
    write_note(figure, chosen.note)
    return figure


@dataclass(frozen=True)
class _Along:
    """Where rows stand, what the axis says, and the labels of places that are levels."""

    x: Array
    label: str
    levels: Array | None = None
    is_log: bool = False


def _along(fit: xr.DataTree, drawn: Drawn, against: Any) -> _Along:
    """Return where the rows of one unit stand."""
    problem = drawn.problem
    plan, rows = problem.plan, problem.design.predictors.rows
    if isinstance(against, str) and against == FITTED:
        return _fitted(drawn)
    if isinstance(against, str) and against == TIME:
        times = seconds(plan.dataset["time"]) if "time" in plan.dataset.variables else None
        if times is None:
            return _Along(rows.astype(float), by_position(plan.sample_dim))
        unit, size = unit_of_times(times)
        return _Along(times[rows] / size, f"time ({unit})")
    variable = _variable(plan.dataset, plan.sample_dim, plan.population, problem.neuron, against)
    values = variable.values[rows]
    label = value_label(str(variable.name or "against"), variable.attrs.get("units"))
    if values.dtype.kind in "fiu":
        return _Along(values.astype(float), label)
    levels, places = np.unique(values.astype(str), return_inverse=True)
    return _Along(places.astype(float), label, levels)


def _fitted(drawn: Drawn) -> _Along:
    """Return the means that are fitted, of ordered levels those of their numbers."""
    family, words = drawn.family, drawn.family.words
    if family.n_levels and not (words.labels is not None and words.labels.ordered):
        raise DataError(
            "levels without an order have no one mean; draw residuals against=a predictor's name."
        )
    mean = np.empty(drawn.n_rows)
    for at, some in drawn.streamed(lambda one: family.expected(*one.told).mean(axis=0)):
        mean[at] = some
    predictors = drawn.problem.design.predictors
    if words.needs_trials and predictors.trials is not None:
        mean /= predictors.trials[predictors.rows]
    plan = drawn.problem.plan
    unit = None if family.n_levels else plan.dataset[plan.model.response].attrs.get("units")
    response = value_label(plan.model.response, unit)
    least = float(mean.min(initial=np.inf))
    of_chances = words.discrete and not words.counts
    is_log = bool(not of_chances and least > 0.0 and mean.max() > LEAST_RATIO * least)
    what = f"mean level of {response}" if family.n_levels else mean_of(response, words)
    return _Along(mean, f"predicted {what}", is_log=is_log)


def _variable(
    dataset: xr.Dataset, dim: str, population: str | None, neuron: int, against: Any
) -> xr.DataArray:
    """Return a variable with a number for each sample of one unit; DataError where it is none."""
    import xarray as xr

    if isinstance(against, str) and against in dataset.variables:
        variable = dataset[against]
    elif hasattr(against, "to_numpy"):
        variable = against
        if not isinstance(against, xr.DataArray):  # a column of a frame
            coords = {dim: np.asarray(against.index)}
            variable = xr.DataArray(against.to_numpy(), coords, [dim], str(against.name))
        variable = _paired(variable, dataset, dim)
    elif not isinstance(against, str):
        raise DataError(
            f"against must be 'fitted', 'time', the name of a variable, or one along {dim!r} as a "
            f"DataArray or a column of a frame; got {shown(against)}."
        )
    else:
        names = [str(name) for name in dataset.variables]
        hint = closest(against, names)
        raise DataError(
            f"the fit keeps no variable {shown(against)}. Of the data it was fitted to, give the "
            f"column itself, against=data[{shown(against)}]; by name it takes 'fitted', 'time' and "
            f"what the fit keeps: {', '.join(names)}.{hint}"
        )
    if population is not None and population in variable.dims:
        variable = variable.isel({population: neuron})
    if variable.dims != (dim,) or variable.sizes[dim] != dataset.sizes[dim]:
        raise DataError(
            f"against={plain(variable.name)!r} has the dims {variable.dims} and the shape "
            f"{variable.shape}; give one number for each of the {dataset.sizes[dim]} samples "
            f"along {dim!r}."
        )
    return variable


def _paired(variable: xr.DataArray, dataset: xr.Dataset, dim: str) -> xr.DataArray:
    """Return a variable in the order of the fit's samples, where both are labelled."""
    known = dim in variable.indexes and dim in dataset.indexes
    if not known or not variable.indexes[dim].is_unique:
        return variable
    places = variable.indexes[dim].get_indexer(dataset.indexes[dim])
    if (places < 0).any():
        first = dataset[dim].values[int(np.argmax(places < 0))]
        raise DataError(
            f"against={plain(variable.name)!r} has no sample at {dim}={shown(first)}, which the "
            "fit has; give it on all samples of the fit's data."
        )
    return variable.isel({dim: places})


def _draw_trend(ax: Axes, along: _Along, values: Array, moments: Moments) -> None:
    """Draw residuals as dots, and their means over the band of those of a true model."""
    known = np.isfinite(values) & np.isfinite(along.x)
    x, y = along.x[known], values[known]
    ax.axhline(0, color=INK, linewidth=0.8)
    some = slice(None, None, -(-len(x) // MOST_DOTS) or 1)
    places = x[some]
    if along.levels is not None:
        places = places + np.random.default_rng(0).uniform(-0.25, 0.25, len(places))
    ax.plot(places, y[some], ".", color=INK, markersize=2.5, alpha=0.3, zorder=1)
    bins = _bins(along, x)
    if not bins:
        return
    centre, mean = (np.array([of[one].mean() for one in bins]) for of in (x, y))
    if moments is not None:
        lower, upper = _band([one[known] for one in moments], bins)
        if along.levels is None:
            ax.fill_between(centre, lower, upper, color=GREY, alpha=0.35, lw=0, label=BAND)
        else:
            look: dict[str, Any] = {"color": GREY, "alpha": 0.35, "lw": 0, "label": BAND}
            ax.bar(centre, upper - lower, 0.6, bottom=lower, **look)
    if along.levels is not None:
        labels = [plain(along.levels[int(k)], MOST_LETTERS) for k in centre]
        is_long = sum(map(len, labels)) > MOST_BESIDE
        ax.set_xticks(centre, labels, rotation=90 if is_long else 0)
    style = "o-" if along.levels is None else "o"
    ax.plot(centre, mean, style, color=COLOURS[0], markersize=3.5, linewidth=1.4, label=MEAN)
    if along.is_log:
        log_axis(ax, np.sort(x))


def _bins(along: _Along, x: Array) -> list[Array]:
    """Return the samples of each bin: equally many in their order, or those of each level."""
    if along.levels is not None:
        return [np.flatnonzero(x == k) for k in range(len(along.levels)) if np.any(x == k)]
    n = min(BINS, len(x) // FEWEST)
    return np.array_split(np.argsort(x, kind="stable"), n) if n > 1 else []


def _band(moments: Sequence[Array], bins: list[Array]) -> tuple[Array, Array]:
    """Return where the mean of each bin stays, of residuals with these means and variances."""
    mean, variance = (np.array([of[one].mean() for one in bins]) for of in moments)
    half = float(ndtri(0.5 + PROB / 2)) * np.sqrt(variance / [len(one) for one in bins])
    return mean - half, mean + half


def _draw_normal(ax: Axes, values: Array) -> None:
    """Draw how far quantiles of residuals are from normal ones (van Buuren & Fredriks 2001)."""
    told = check_quantiles(values, PROB).variables
    x = told["normal"][1]
    ax.axhline(0, color=INK, linewidth=0.8)
    edges = told["lower"][1] - x, told["upper"][1] - x
    ax.fill_between(x, *edges, color=GREY, alpha=0.35, lw=0)
    ax.plot(x, told["observed"][1] - x, color=COLOURS[0], linewidth=1.6)
    p = float(told["p_value"][1])
    note = "p < 0.001 (KS)" if p < 0.001 else f"p = {p:.2g} (KS)"
    ax.set_title(note, loc="right", fontsize=9, color=INK)
    ax.set_xlabel(NORMAL_QUANTILE, fontsize=10)
    ax.set_ylabel(DEVIATION, fontsize=10)
