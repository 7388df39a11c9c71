"""A check as a picture: a panel for each part, what was observed over what a true model makes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import DataError
from bayesglm.show.figures import (
    COLOURS,
    DEVIATION,
    GREY,
    INK,
    MOST_LETTERS,
    NORMAL_QUANTILE,
    hide_beyond,
    log_axis,
    named_handles,
    new_figure,
    write_note,
)
from bayesglm.show.text import plain
from bayesglm.show.units import unit_of_lags
from bayesglm.spec.hints import shown

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
HEIGHT = 2.9  # inches of a row of panels
COLUMNS = 2
MOST_TERMS = 12  # that are drawn, those that move the linear predictor most: chosen
LONG = 5.0  # seconds, from which on places are told in seconds
FEWEST_EVENTS = 10  # of which intervals and their like are drawn: chosen
INTERVALS = "interval_density"
OF_EVENTS = (INTERVALS, "fano_factor")  # which few events say nothing of
OBSERVED, EXPECTED = COLOURS[0], GREY
BAND = "a true model"


def plot_check(told: xr.DataTree) -> Figure:
    """Draw what `check` tells of one unit: observed curves over the bands of a true model.

    A panel each for rescaled intervals, quantile residuals and their autocorrelation, calibration
    and terms, as far as they apply; with ``simulations`` in the check also for intervals, Fano
    factors, autocorrelation of responses, and the mean along trials. A curve that leaves its grey
    band is what a true model would rarely do (bands are for each place by itself, but for rescaled
    intervals, where the curve as a whole stays inside).

    Parameters
    ----------
    told : xarray.DataTree
        What `check` returns; of a population, one unit along its dim: ``told.isel({dim: 0})``.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        Something else than a check, or that of a whole population.

    Examples
    --------
    >>> import bayesglm as bg
    >>> x = [k / 10 for k in range(-20, 20)]
    >>> data = {"y": [round(2 + 1.5 * v) if v > -1 else 0 for v in x], "x": x}
    >>> model = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
    >>> figure = bg.plot_check(bg.check(bg.fit_map(model, data)))
    >>> [ax.get_title(loc="left") for ax in figure.axes[:3]]
    ['Quantile residuals', 'Calibration', 'Terms']
    """
    parts = _checked(told)
    drawn = [partial(draw, part=parts[name]) for name, draw in PANELS.items() if name in parts]
    note = ""
    if "simulations" in parts:
        made = parts["simulations"]
        own = [name for name in OF_SIMULATIONS if name in made]
        left_out = [name for name in own if _tells_little(made, parts["scores"], name)]
        drawn += [
            partial(_of_simulations, part=made, name=name) for name in own if name not in left_out
        ]
        titles = ", ".join(OF_SIMULATIONS[name][0] for name in left_out)
        note = f"Not drawn, for too few events: {titles}." if left_out else ""
    n_rows = -(-len(drawn) // COLUMNS)
    figure, axes = new_figure(max(n_rows, 1), COLUMNS, HEIGHT * max(n_rows, 1) + 0.5)
    hide_beyond(axes, len(drawn))
    for ax, draw in zip(axes.flat, drawn, strict=False):
        draw(ax, attrs=told.attrs)
        ax.xaxis.label.set_fontsize(10)
        ax.yaxis.label.set_fontsize(10)
    handles = named_handles(axes)
    figure.legend(
        handles.values(), handles.keys(), loc="outside upper left", ncols=4, frameon=False
    )
    write_note(figure, note)
    return figure


def _tells_little(made: xr.Dataset, scores: xr.Dataset, name: str) -> bool:
    """Say whether a statistic of simulations has too few events behind it to be drawn."""
    n = float(scores["events"]) if "events" in scores else np.inf
    few = name in OF_EVENTS and n < FEWEST_EVENTS
    return few or bool(np.isnan(made[f"{name}_lower"]).all())


def _checked(told: Any) -> dict[str, xr.Dataset]:
    """Return the parts of a check of one unit; DataError where it is something else."""
    children = getattr(told, "children", {})
    if "scores" not in children or "prob" not in told.attrs:
        raise DataError(
            f"plot_check draws what check returns: plot_check(check(fit)); got {shown(told)}."
        )
    parts = {str(name): node.to_dataset() for name, node in children.items()}
    dims = parts["scores"].dims
    if dims:
        name = next(iter(dims))
        raise DataError(
            f"the check is that of a whole population; choose one: told.isel({name}=0)."
        )
    return parts


def _rescaling(ax: Axes, part: xr.Dataset, attrs: Any) -> None:
    """Draw the distribution of rescaled intervals over the band of uniform ones."""
    x = part["uniform"].values
    _true_band(ax, x, part, attrs, x)
    if "observed_lower" in part:
        edges = part["observed_lower"].values - x, part["observed_upper"].values - x
        ax.fill_between(x, *edges, color=OBSERVED, alpha=0.3, lw=0, label=_posterior(attrs))
    ax.plot(x, part["observed"].values - x, color=OBSERVED, linewidth=1.6, label="observed")
    ax.set_xlabel("rescaled interval (uniform in a true model)")
    ax.set_ylabel("Δ ECDF")
    _title(ax, "Time rescaling", _p(part))


def _quantiles(ax: Axes, part: xr.Dataset, attrs: Any) -> None:
    """Draw how far quantiles of residuals are from normal ones (van Buuren & Fredriks 2001)."""
    x = part["normal"].values
    _true_band(ax, x, part, attrs, x)
    ax.plot(x, part["observed"].values - x, color=OBSERVED, linewidth=1.6, label="observed")
    ax.set_xlabel(NORMAL_QUANTILE)
    ax.set_ylabel(DEVIATION)
    _title(ax, "Quantile residuals", _p(part))


def _autocorrelation(ax: Axes, part: xr.Dataset, attrs: Any) -> None:
    """Draw the autocorrelation of residuals over the band of independent ones."""
    x, unit = _along(part, "lag")
    _true_band(ax, x, part, attrs, 0.0)
    ax.vlines(x, 0, part["autocorrelation"].values, color=OBSERVED, linewidth=1.6)
    ax.plot(x, part["autocorrelation"].values, "o", color=OBSERVED, markersize=3)
    ax.set_xlabel(f"lag ({unit})")
    ax.set_ylabel("correlation of residuals")
    outside = float(part["share_outside"])
    expected = 1.0 - attrs["prob"]
    _title(ax, "Residuals along time", f"{outside:.0%} outside ({expected:.0%} expected)")


def _calibration(ax: Axes, part: xr.Dataset, attrs: Any) -> None:
    """Draw what was observed in bins of what was predicted; of levels all bins alike."""
    known = np.isfinite(part["predicted"].values)
    x, y, lower, upper = (
        part[name].values[known] for name in ("predicted", "observed", "lower", "upper")
    )
    ax.vlines(x, lower, upper, color=EXPECTED, alpha=0.6, linewidth=5, label=_true(attrs))
    ax.axline((x[0], x[0]), slope=1, color=INK, linewidth=0.8)
    ax.plot(x, y, "o", color=OBSERVED, markersize=4, label="observed")
    response = plain(attrs["response"], MOST_LETTERS)
    ax.set_xlabel(f"predicted mean of {response}")
    ax.set_ylabel("observed mean in the bin")
    inside = (y >= lower) & (y <= upper)
    _title(ax, "Calibration", f"{int(inside.sum())} of {len(x)} bins inside")


def _terms(ax: Axes, part: xr.Dataset, attrs: Any) -> None:
    """Draw what each term adds at events, or how far it moves the linear predictor."""
    name = "at_events" if "at_events" in part else "sd"
    values = part[name].values
    order = np.argsort(-np.abs(values), kind="stable")[:MOST_TERMS][::-1]
    y = np.arange(len(order))
    if f"{name}_lower" in part:
        edges = part[f"{name}_lower"].values[order], part[f"{name}_upper"].values[order]
        ax.hlines(y, *edges, color=OBSERVED, alpha=0.5, linewidth=4, label=_posterior(attrs))
    ax.plot(values[order], y, "o", color=OBSERVED, markersize=5)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_yticks(y, [plain(part["term"].values[k], MOST_LETTERS) for k in order])
    ax.set_ylim(-0.6, len(order) - 0.4)
    what = "added at an event" if name == "at_events" else "sd of what is added"
    ax.set_xlabel(f"{what} ({attrs['eta']})")
    worst = float(part["inflation"].max()) if "inflation" in part else np.nan
    more = len(values) - len(order)
    note = f"variance inflation up to {worst:.3g}" if np.isfinite(worst) else ""
    _title(ax, "Terms", f"{more} more" if more else note)


def _of_simulations(ax: Axes, part: xr.Dataset, attrs: Any, name: str) -> None:
    """Draw a statistic of what was recorded over that of simulations."""
    title, dim, ylabel = OF_SIMULATIONS[name]
    x, unit = _along(part, dim)
    edges = part[f"{name}_lower"].values, part[f"{name}_upper"].values
    ax.fill_between(x, *edges, color=COLOURS[1], alpha=0.3, lw=0, label=_simulated(attrs))
    ax.plot(x, part[name].values, color=COLOURS[1], linewidth=1.2)
    ax.plot(x, part[f"{name}_recorded"].values, color=INK, linewidth=1.2, label="recorded")
    if dim in ("interval", "window"):
        log_axis(ax, x)
    response = plain(attrs["response"], MOST_LETTERS)
    words = {"interval": "interval", "window": "window", "lag": "lag", "place": "time in the trial"}
    ax.set_xlabel(f"{words[dim]} ({unit})")
    ax.set_ylabel(ylabel.format(response=response))
    _title(ax, title, "")


def _along(part: xr.Dataset, dim: str) -> tuple[Array, str]:
    """Return places along a dim in the unit of the eye: of time, or in samples."""
    if f"{dim}_time" not in part.coords:
        return part[dim].values, "samples"
    times = part[f"{dim}_time"].values
    unit, size = unit_of_lags(times)
    if times.max(initial=0.0) >= LONG and size < 1.0:
        unit, size = "s", 1.0
    return times / size, unit


def _true_band(ax: Axes, x: Array, part: xr.Dataset, attrs: Any, centre: Any) -> None:
    """Draw the band of a true model from its centre, which is a line at zero."""
    ax.axhline(0, color=INK, linewidth=0.8)
    edges = part["lower"].values - centre, part["upper"].values - centre
    ax.fill_between(x, *edges, color=EXPECTED, alpha=0.35, lw=0, label=_true(attrs))


def _true(attrs: Any) -> str:
    return f"{BAND}, {attrs['prob']:.0%}"


def _posterior(attrs: Any) -> str:
    return f"posterior, {attrs['prob']:.0%}"


def _simulated(attrs: Any) -> str:
    return f"simulated, {attrs['prob']:.0%}"


def _p(part: xr.Dataset) -> str:
    p = float(part["p_value"])
    return "" if np.isnan(p) else "p < 0.001 (KS)" if p < 0.001 else f"p = {p:.2g} (KS)"


def _title(ax: Axes, title: str, note: str) -> None:
    ax.set_title(title, loc="left", fontsize=11)
    ax.set_title(note, loc="right", fontsize=9, color=INK)


PANELS: dict[str, Callable[..., None]] = {
    "time_rescaling": _rescaling,
    "quantile_residuals": _quantiles,
    "autocorrelation": _autocorrelation,
    "calibration": _calibration,
    "terms": _terms,
}
# Of each statistic of simulations: its title, its dim, and what its axis says.
OF_SIMULATIONS = {
    INTERVALS: ("Intervals", "interval", "share of intervals per sample"),
    "fano_factor": ("Fano factor", "window", "variance / mean of counts"),
    "autocorrelation": ("Responses along time", "lag", "correlation of {response}"),
    "mean": ("Along trials", "place", "mean {response}"),
}
