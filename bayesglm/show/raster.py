"""Events as a picture: a tick for each, in rows of trials or of units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.design.door import as_dataset, sample_dim_of
from bayesglm.design.variables import require
from bayesglm.errors import DataError
from bayesglm.show.figures import COLOURS, INK, hide_beyond, new_figure, not_drawn, write_note
from bayesglm.show.text import plain
from bayesglm.show.trials import Trials, trials_of

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
MOST_PANELS = 6  # units, each with all its trials
MOST_UNITS = 120  # rows of one panel
MOST_TRIALS = 400
MOST_TICKS = 30_000  # of a figure
MOST_IN_ROW = 250  # of a unit: more are a grey bar
MOST_LABELS = 12  # of rows
STEPS = (1, 2, 5, 10, 20, 50)
HALF_TICK = 0.42  # of the distance of two rows


def plot_raster(data: Any, response: str, by: Any = None) -> Figure:
    """Draw events in time: a tick in each bin that holds one or more.

    With a coordinate ``trial`` a row is a trial, its time counted from the trial's start, and units
    have a panel each; else a row is a unit. Trials of one condition stand together, in its colour.

    Parameters
    ----------
    data : Dataset, DataFrame or mapping
        What `as_dataset` takes: counts in bins, ``(time,)`` or ``(time, unit)``.
    response : str
        The name of the counts.
    by : str, sequence or DataArray, optional
        The condition of each trial: a variable of the data that is constant inside trials, or a
        label for every trial or sample. A DataArray over samples or over ``trial`` is laid on them
        by their labels.

    Returns
    -------
    matplotlib.figure.Figure
        At most 6 units by 400 trials, or 120 units over as long a stretch as has 250 events of any
        (30,000 in all); notes say what is left out, and how to choose it.

    Raises
    ------
    DataError
        No such variable, one that holds no counts or has further dims; conditions that change
        inside a trial, or more of them than there are colours.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import bayesglm as bg
    >>> counts = np.random.default_rng(0).poisson(0.2, 60)
    >>> coords = {"time": np.arange(60) * 0.01, "trial": ("time", np.repeat([1, 2, 3], 20))}
    >>> data = xr.Dataset({"spikes": ("time", counts)}, coords)
    >>> figure = bg.plot_raster(data, "spikes", by=["left", "right", "left"])
    >>> figure.axes[0].get_ylabel()
    'trial'
    """
    dataset = as_dataset(data)
    variable = require(dataset, response, "response")
    dim = sample_dim_of(dataset, response)
    counts, unit = _counts(variable, dim)
    labels = np.array([""]) if not unit else dataset[unit].values
    trials = trials_of(dataset, dim, by)
    if len(trials.labels) > 1:
        return _by_trial(counts, labels, unit, trials)
    if by is not None:
        raise DataError("by= tells conditions of trials; the data have no coordinate 'trial'.")
    return _by_unit(counts, labels, unit or response, trials, dim)


def _counts(variable: xr.DataArray, dim: str) -> tuple[Array, str]:
    """Return counts ``(samples, units)``, and the name of the units' dim, empty where none is."""
    others = [str(one) for one in variable.dims if one != dim]
    if len(others) > 1:
        raise DataError(
            f"response {variable.name!r} has the dims {list(variable.dims)}; a raster has units "
            "beside samples, and nothing else."
        )
    if variable.dtype.kind not in "uifb" or np.nanmin(variable.values, initial=0.0) < 0.0:
        raise DataError(f"response {variable.name!r} holds no counts of events.")
    values = variable.transpose(dim, *others).values.reshape(variable.sizes[dim], -1)
    return values, others[0] if others else ""


def _by_trial(counts: Array, labels: Array, unit: str, trials: Trials) -> Figure:
    n = min(len(labels), MOST_PANELS)
    order = trials.sorted[:MOST_TRIALS]
    row_of = np.full(len(trials.labels), -1)
    row_of[order] = np.arange(len(order))
    across = min(n, 3)
    down = -(-n // across)
    height = 0.9 + down * float(np.clip(0.02 * len(order) + 1.4, 2.0, 5.0))
    figure, axes = new_figure(down, across, height, sharex=True, sharey=True)
    hide_beyond(axes, n)
    for ax, k in zip(axes.flat, range(n), strict=False):
        at = np.flatnonzero(counts[:, k] > 0)
        at = at[row_of[trials.of_sample[at]] >= 0]
        for condition, name in enumerate(trials.names):
            own = at[trials.condition[trials.of_sample[at]] == condition]
            colour = COLOURS[condition] if name else INK
            _ticks(ax, trials.since[own], row_of[trials.of_sample[own]], colour, name)
        ax.set_ylim(len(order) - 0.5, -0.5)
        ax.set_title(f"{plain(unit)} {plain(labels[k])}".strip(), loc="left", fontsize=11)
        if k >= n - across:
            ax.set_xlabel(f"time since the trial's start ({trials.unit})", fontsize=10)
            ax.tick_params(labelbottom=True)
    every = _spaced(len(order))
    for ax in axes[:, 0]:
        ax.set_ylabel("trial", fontsize=10)
        ax.set_yticks(every, [plain(one, 20) for one in trials.labels[order[every]]])
    if any(trials.names):
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper right", ncols=6, frameon=False)
    n_left = len(trials.labels) - len(order)
    _note(figure, unit, labels[n:], f"Not drawn: the last {n_left:,} trials." if n_left else "")
    return figure


def _spaced(n: int) -> Array:
    """Return the rows whose labels are written: a dozen at most, in steps of 1, 2, 5, 10, ..."""
    step = next(step for step in STEPS if step * MOST_LABELS >= n)
    return np.arange(0, n, step)


def _by_unit(counts: Array, labels: Array, unit: str, trials: Trials, dim: str) -> Figure:
    n = min(len(labels), MOST_UNITS)
    so_far = np.cumsum(counts[:, :n] > 0, axis=0)
    full = (so_far.sum(axis=1) > MOST_TICKS) | (so_far.max(axis=1) > MOST_IN_ROW)
    stop = int(np.argmax(full)) if full.any() else len(counts)
    at, rows = np.nonzero(counts[:stop, :n] > 0)
    figure, axes = new_figure(1, 1, float(np.clip(0.06 * n + 1.2, 1.9, 7.0)))
    ax = axes[0, 0]
    _ticks(ax, trials.since[at], rows, INK, "")
    ax.set_ylim(n - 0.5, -0.5)
    ax.set_xlabel(f"time ({trials.unit})", fontsize=10)
    ax.set_ylabel(plain(unit), fontsize=10)
    every = _spaced(n)
    ax.set_yticks(every, [plain(one, 20) for one in labels[every]])
    goes_on = f"data.isel({plain(dim)}=slice({stop}, None)) goes on." if stop < len(counts) else ""
    _note(figure, unit, labels[n:], goes_on)
    if goes_on:
        ax.set_title(
            f"the first {stop * trials.step:g} {trials.unit} of {len(counts) * trials.step:g}",
            loc="right",
            fontsize=9,
        )
    return figure


def _ticks(ax: Axes, x: Array, rows: Array, colour: str, label: str) -> None:
    ax.vlines(
        x, rows - HALF_TICK, rows + HALF_TICK, color=colour, linewidth=0.9, label=label or "_"
    )


def _note(figure: Figure, unit: str, left_out: Array, more: str) -> None:
    """Say which units are not drawn, and what more there is."""
    of_units = not_drawn(unit, left_out, f"data.isel({plain(unit)}=[...]) chooses")
    write_note(figure, " ".join(filter(None, (of_units, more))))
