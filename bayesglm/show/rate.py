"""Predicted rates as a picture: their bands over the events, and averaged over trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import DataError
from bayesglm.inference.problem.asked import whole_number
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.tree.opened import model_of
from bayesglm.results.foretold import some_draws
from bayesglm.show.chosen import chosen_units, unit_title
from bayesglm.show.figures import (
    COLOURS,
    INK,
    is_event_train,
    named_handles,
    new_figure,
    write_note,
)
from bayesglm.show.predictive import BAND
from bayesglm.show.text import plain
from bayesglm.show.trials import Trials, trials_of
from bayesglm.show.units import rate_unit
from bayesglm.spec.families import FAMILY_NAMES

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
MOST_UNITS = 4  # of a population, each with a row of its own
STRETCH = 300  # samples along time, where there are no trials
PREDICTED = "predicted, with its 94% band"
OBSERVED, EVENTS, AVERAGED = "observed", "events", "observed, with one standard error"
BINS = 40  # of the time since a trial's start, at most


def plot_rate(fit: xr.DataTree, by: Any = None, draws: int = 200, units: Any = None) -> Figure:
    """Draw predicted means with their bands over what was observed.

    Left: a stretch of samples in the middle, or the trial there; events are ticks, and the band
    holds the mean with 94%. Right, where the data have trials: the average over trials at each time
    since their start, of each condition: predicted (bands), and observed (dots with one standard
    error). Counts are per unit of time.

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit.
    by : str, sequence or DataArray, optional
        The condition of each trial, as in `plot_raster`. A fit keeps those variables alone that its
        model reads: of another give the variable, ``by=data["side"]``.
    draws : int
        Posterior draws to predict from; fewer, where the samples are many.
    units : label or sequence of labels, optional
        Members of a population to draw, in this order: at most 4 of them, the first by default.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        No fit, a response of labels, conditions without trials, units that the fit has not, or as
        in `plot_raster`.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2]}
    >>> model = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
    >>> figure = bg.plot_rate(bg.fit_laplace(model, data))
    >>> figure.axes[0].get_ylabel()
    'y'
    """
    draws = whole_number("draws", draws, 1)
    model = model_of(fit)
    labels = FAMILY_NAMES[model.family].labels
    if labels is not None and labels.most is None:
        raise DataError("plot_rate draws a mean response; labels have none.")
    chosen = chosen_units(fit, units, MOST_UNITS)
    drawn, plan = chosen.kept, chosen.first.plan
    trials = trials_of(plan.dataset, plan.sample_dim, by, "fit keeps")
    has_trials = len(trials.labels) > 1
    if by is not None and not has_trials:
        raise DataError("by= tells conditions of trials; the data have no coordinate 'trial'.")
    columns = 2 if has_trials else 1
    figure, axes = new_figure(len(drawn), columns, 0.7 + 2.5 * len(drawn), sharex="col")
    scale, unit = rate_unit(FAMILY_NAMES[model.family], fit.attrs.get("sample_step_s"))
    for row, kept in zip(axes, drawn, strict=True):
        observed, predicted = _means(kept, draws, scale)
        _draw_stretch(row[0], observed, predicted, trials, scale)
        row[0].set_title(unit_title(kept.problem), loc="left", fontsize=11)
        row[0].set_ylabel(plain(f"{model.response}{unit}"), fontsize=10)
        if has_trials:
            _draw_averages(row[1], observed, predicted, trials)
    axes[-1, 0].set_xlabel(f"time ({trials.unit})" if trials.unit == "s" else "sample", fontsize=10)
    if has_trials:
        axes[-1, 1].set_xlabel(f"time since the trial's start ({trials.unit})", fontsize=10)
    handles = _handles(axes, has_trials)
    figure.legend(
        handles.values(), handles.keys(), loc="outside upper right", ncols=5, frameon=False
    )
    write_note(figure, chosen.note)
    return figure


def _handles(axes: Array, has_trials: bool) -> dict[str, Any]:
    """Return what the legend holds: conditions by colour, then what lines, dots and ticks are."""
    from matplotlib.lines import Line2D

    drawn = named_handles(axes)
    conditions = {name: one for name, one in drawn.items() if name not in (EVENTS, OBSERVED)}
    colour = INK if conditions else COLOURS[0]
    told: dict[str, Any] = {PREDICTED: Line2D([], [], color=colour, linewidth=1.5)}
    if has_trials:
        told[AVERAGED] = Line2D([], [], color=colour, linestyle="none", marker="o", markersize=3)
    if EVENTS in drawn:
        told[EVENTS] = Line2D([], [], color=INK, linestyle="none", marker="|", markersize=8)
    if OBSERVED in drawn:
        told[OBSERVED] = drawn[OBSERVED]
    return conditions | told


def _means(kept: Kept, draws: int, scale: float) -> tuple[Array, Array]:
    """Return what was observed of a unit ``(samples,)``, and its means ``(draws, samples)``.

    Both in units of the rate; NaN where the model reads no sample.
    """
    drawn = some_draws(kept, draws)
    plan, design = drawn.problem.plan, drawn.problem.design
    n, rows = plan.dataset.sizes[plan.sample_dim], design.predictors.rows
    predicted = np.full((drawn.n_draws, n), np.nan)
    for at, means in drawn.each(lambda part: drawn.family.expected(*part.told)):
        predicted[:, rows[at]] = means
    observed = np.full(n, np.nan)
    observed[rows] = design.typical[rows]
    return observed * scale, predicted * scale


def _draw_stretch(
    ax: Axes, observed: Array, predicted: Array, trials: Trials, scale: float
) -> None:
    """Draw the middle of the recording: the trial there, or a stretch of samples."""
    n = len(observed)
    middle = n // 2
    if len(trials.labels) > 1:
        part = np.flatnonzero(trials.of_sample == trials.of_sample[middle])[:STRETCH]
    else:
        first = max(0, middle - STRETCH // 2)
        part = np.arange(first, min(n, first + STRETCH))
    x = trials.since[part]
    colour = COLOURS[trials.condition[trials.of_sample[middle]] % len(COLOURS)]
    lower, upper = np.quantile(predicted[:, part], BAND, axis=0)
    ax.fill_between(x, lower, upper, color=colour, alpha=0.25, lw=0)
    ax.plot(x, predicted[:, part].mean(axis=0), color=colour, linewidth=1.5)
    counts = np.nan_to_num(observed[part] / scale)
    if scale != 1.0 or is_event_train(counts):
        high = ax.get_ylim()[1]
        ax.set_ylim(0.0, high)
        at = np.repeat(x, np.round(counts).astype(int))
        ax.vlines(at, -0.13 * high, -0.02 * high, color=INK, linewidth=1.0, label=EVENTS)
        ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= high])
        ax.set_ylim(-0.13 * high, high)
    else:
        ax.plot(x, observed[part], color=INK, linewidth=1.0, label=OBSERVED)


def _draw_averages(ax: Axes, observed: Array, predicted: Array, trials: Trials) -> None:
    """Draw averages over the trials of each condition, in bins of the time since their start."""
    longest = float(trials.since.max()) + trials.step
    n = int(np.clip(round(longest / trials.step), 1, BINS))
    edges = np.linspace(0.0, longest * (1.0 + 1e-9), n + 1)
    bins = np.searchsorted(edges, trials.since, side="right") - 1
    centres = 0.5 * (edges[1:] + edges[:-1])
    kept, least = np.isfinite(observed), 0.0
    for condition, name in enumerate(trials.names):
        own = kept & (trials.condition[trials.of_sample] == condition)
        at, of_trial = bins[own], trials.of_sample[own]
        size = np.bincount(at, minlength=n)
        seen = size > 0
        mean = np.full((len(predicted), n), np.nan)
        for k, line in enumerate(predicted[:, own]):
            mean[k, seen] = np.bincount(at, line, minlength=n)[seen] / size[seen]
        colour = COLOURS[condition % len(COLOURS)]
        lower, upper = np.quantile(mean[:, seen], BAND, axis=0)
        ax.fill_between(centres[seen], lower, upper, color=colour, alpha=0.25, lw=0)
        ax.plot(centres[seen], mean[:, seen].mean(axis=0), color=colour, lw=1.5, label=name or "_")
        each, error = _over_trials(observed[own], at, of_trial, n)
        ax.errorbar(
            centres[seen], each[seen], error[seen], fmt="o", color=colour, markersize=3, lw=0.8
        )
        least = min(least, lower.min(initial=0.0), each[seen].min(initial=0.0))
    ax.set_ylim(bottom=0.0 if least == 0.0 else ax.get_ylim()[0])


def _over_trials(y: Array, bins: Array, of_trial: Array, n: int) -> tuple[Array, Array]:
    """Return the mean in each bin over trials, and its standard error from these."""
    own, place = np.unique(of_trial, return_inverse=True)
    sums = np.bincount(bins + n * place, y, minlength=n * len(own)).reshape(-1, n)
    sizes = np.bincount(bins + n * place, minlength=n * len(own)).reshape(-1, n)
    each = np.divide(sums, sizes, out=np.full(sums.shape, np.nan), where=sizes > 0)
    m = np.sum(sizes > 0, axis=0)
    mean = np.divide(np.nansum(each, axis=0), m, out=np.full(n, np.nan), where=m > 0)
    square = np.nansum((each - mean) ** 2, axis=0)
    error = np.sqrt(square / np.maximum(m - 1, 1) / np.maximum(m, 1))
    return mean, np.where(m > 1, error, 0.0)
