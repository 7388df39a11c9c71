"""The panels of a posterior: rows of intervals, or lines with bands, with the MAP beside them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.inference.tree.opened import reopen
from bayesglm.inference.tree.words import INTERCEPT, effect_name, entries_of, is_curve
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.show.coefficients import are_of_levels, draw_surface, value_label
from bayesglm.show.figures import (
    COLOURS,
    INK,
    coefficient_labels,
    named_handles,
    new_figure,
)
from bayesglm.show.largest import N_LEVELS, how_many
from bayesglm.show.text import plain
from bayesglm.show.units import link_unit, unit_of_coefficients, unit_of_lags
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
MOST_ROWS = 80  # coefficients that can be told apart on one page
MOST_BESIDE = 24  # and in a panel beside others
MOST_CURVES = 12  # of one term, each with a panel: chosen
INTERVALS = {0.94: 1.2, 0.5: 3.5}  # probability, and the width of its line
INTERVAL_LABEL = "posterior mean, {:.0%} and {:.0%} intervals".format(*sorted(INTERVALS))
BAND_LABEL = INTERVAL_LABEL.replace("intervals", "bands")
ROW, LEAST, LINES = 0.28, 1.0, 2.3  # inches: of a row, of a panel's rows, of a panel of lines
TALL = 4.0  # inches from which a panel beside a low one would leave most of it empty


@dataclass(frozen=True)
class Panel:
    """Coefficients that stand in one panel: draws ``(draws, n)``, their labels and their MAP.

    ``along`` are the lags of a kernel, or the values of a curve, as a line goes; None of rows.
    The values of a surface lie ``across`` a second predictor as well, ``along``-major.
    ``kinked`` says that the prior has a kink or a bound at zero; ``rows`` which are drawn. Panels
    that are ``beside`` one another, curves of levels, are those of one term, and have one scale.
    """

    title: str
    draws: Array
    labels: list[str]
    mode: Array | None
    kinked: bool
    rows: Array
    along: Array | None = None
    across: Array | None = None
    xlabel: str = ""
    ylabel: str = ""
    beside: str | None = None

    @property
    def height(self) -> float:
        """Inches that the panel's rows take."""
        if self.along is not None:
            return LINES
        return max(LEAST, min(ROW * len(self.rows), max(5.6, 0.13 * len(self.rows))))


def one_panel(
    model: GLM, fit: xr.DataTree, modes: xr.Dataset | None, name: str, most: int
) -> Panel:
    """Return the panel of one term: rows, whatever its dims."""
    draws = fit["posterior"][name].transpose("chain", "draw", ...)
    values = draws.values.reshape(draws.sizes["chain"] * draws.sizes["draw"], -1)
    mode = None if modes is None else modes[name].transpose(*draws.dims[2:]).values.ravel()
    rows = _rows(values, most)
    labels = coefficient_labels(draws.isel(chain=0, draw=0))
    title = _title(draws, len(rows))
    xlabel = f"coefficient ({unit_of_coefficients(model, name)})"
    return Panel(title, values, labels, mode, _kinked_at_zero(model, name), rows, xlabel=xlabel)


def is_kernel(draws: xr.DataArray) -> bool:
    """Say whether a term's draws are those of one kernel over lags, of two at least."""
    lag = f"{draws.name}_lag"
    return draws.ndim == 3 and lag in draws.dims and draws.sizes[lag] > 1


def every_panel(model: GLM, fit: xr.DataTree, modes: xr.Dataset | None) -> list[Panel]:
    """Return the panels of all terms: single coefficients together, scales, then each."""
    posterior = fit["posterior"].to_dataset()
    labels = [term.label for term in model.every_term]
    single = [name for name in labels if posterior[name].ndim == 2]
    drawn = [_together(model, posterior, modes, single, "single coefficients")] if single else []
    groups = [term.label for term in model.every_term if term.facts.of_levels]
    scales = [name for one in groups if (name := f"{one}_scale") in posterior]
    if scales:
        panel = _together(model, posterior, None, scales, "scales")
        unit = _common_unit([link_unit(model, one) for one in groups])
        drawn.append(replace(panel, xlabel=f"sd of effects ({unit})"))
    correlations = [name for one in groups if (name := f"{one}_correlation") in posterior]
    if correlations:
        panel = _together(model, posterior, None, correlations, "correlations")
        pairs = [words.removeprefix("correlation of ") for words in panel.labels]
        drawn.append(
            replace(panel, title="correlations", labels=pairs, xlabel="correlation of effects")
        )
    for term in model.every_term:
        own = posterior[term.label]
        if term.label in single:
            continue
        if is_kernel(own):
            drawn.append(_kernel(model, fit, modes, term.label))
        elif is_curve(own):
            drawn += curve_panels(model, fit, modes, term.label)
        elif f"{term.label}_effect" in own.dims:
            drawn += _effects(model, posterior, modes, term.label)
        else:
            drawn.append(one_panel(model, fit, modes, term.label, MOST_BESIDE))
    return drawn


def _together(
    model: GLM, posterior: xr.Dataset, modes: xr.Dataset | None, names: Sequence[str], title: str
) -> Panel:
    """Return a panel of several variables, each row in the words of the summary."""
    kept = [one for one in entries_of(model, posterior) if one.name in names]
    draws, found = [], []
    for one in kept:
        own = posterior[one.name].transpose("chain", "draw", ...)
        n = own.sizes["chain"] * own.sizes["draw"]
        draws.append(own.values.reshape(n, -1)[:, one.places])
        if modes is not None and one.name in modes:
            found.append(np.ravel(modes[one.name].values)[one.places])
    values = np.concatenate(draws, axis=1)
    mode = np.concatenate(found) if found else None
    kinked = any(_kinked_at_zero(model, one.name) for one in kept if one.own)
    words = [plain(words) for one in kept for words in one.words]
    title = words[0] if len(words) == 1 else title
    terms = [one.name for one in kept if one.own]
    units = list(dict.fromkeys(unit_of_coefficients(model, one) for one in terms))
    unit = _common_unit([link_unit(model, one) for one in terms]) if len(units) > 1 else units[:1]
    rows, xlabel = _rows(values, MOST_ROWS), f"coefficient ({''.join(unit)})"
    return Panel(title, values, words, mode, kinked, rows, xlabel=xlabel)


def _common_unit(units: Sequence[str]) -> str:
    """Return the unit that all have."""
    return units[0] if len(set(units)) == 1 else "link units"


def _effects(model: GLM, posterior: xr.Dataset, modes: xr.Dataset | None, name: str) -> list[Panel]:
    """Return a panel of the levels for each effect of a group."""
    dim, unit, drawn = f"{name}_effect", unit_of_coefficients(model, name), []
    for k, effect in enumerate(posterior[dim].values):
        own = posterior[name].isel({dim: k}).transpose("chain", "draw", ...)
        values = own.values.reshape(own.sizes["chain"] * own.sizes["draw"], -1)
        rows = _rows(values, MOST_BESIDE)
        mode = None if modes is None else modes[name].isel({dim: k}).values.ravel()
        title = plain(effect_name(name, str(effect)))
        title += _of_how_many(len(rows), own.attrs.get(N_LEVELS, values.shape[1]))
        labels = coefficient_labels(own.isel(chain=0, draw=0))
        per = "" if effect == INTERCEPT else " per unit of predictor"
        kinked = _kinked_at_zero(model, name)
        xlabel = f"coefficient ({unit}{per})"
        drawn.append(Panel(title, values, labels, mode, kinked, rows, xlabel=xlabel))
    return drawn


def _kernel(model: GLM, fit: xr.DataTree, modes: xr.Dataset | None, name: str) -> Panel:
    """Return the panel of a kernel over lags, in units of time where the data have time."""
    plainly = one_panel(model, fit, modes, name, MOST_ROWS)
    along, xlabel = _lag_axis(fit, fit["posterior"].to_dataset()[f"{name}_lag"].values)
    return replace(
        plainly,
        title=plain(name),
        rows=np.arange(len(along)),
        along=along,
        xlabel=xlabel,
        ylabel=plainly.xlabel.replace(" per ", "\nper "),
    )


def _lag_axis(fit: xr.DataTree, lags: Array) -> tuple[Array, str]:
    """Return where kernels are drawn, in units of time where the data have time, and its label."""
    unit, along = "samples", np.asarray(lags, dtype=float)
    if "sample_step_s" in fit.attrs:
        times = along * fit.attrs["sample_step_s"]
        unit, size = unit_of_lags(times)
        along = times / size
    return along, f"lag ({unit} before the response)"


def curve_panels(model: GLM, fit: xr.DataTree, modes: xr.Dataset | None, name: str) -> list[Panel]:
    """Return a panel for each curve, or kernel, that is a sum of functions times coefficients.

    Of levels there is one each, of many levels one of those whose curves are the largest.
    """
    (block,) = [one for one in reopen(fit)[0].design.predictors.named if one.name == name]
    assert block.drawn is not None
    across = None
    if block.curve is not None:
        along, xlabel = block.curve.x, value_label(block.curve.variable, block.curve.unit)
        ylabel, second = f"curve ({link_unit(model, name)})", block.curve.across
        if second is not None:
            across, ylabel = second.x, value_label(second.variable, second.unit)
    else:
        assert block.of_lags is not None
        assert block.of_lags.lags is not None
        along, xlabel = _lag_axis(fit, block.of_lags.lags)
        ylabel = f"kernel ({unit_of_coefficients(model, name)})".replace(" per ", "\nper ")
    draws = fit["posterior"].to_dataset()[name].transpose("chain", "draw", ..., f"{name}_basis")
    levels = draws.isel({"chain": 0, "draw": 0, f"{name}_basis": 0})
    titles = [plain(name)]
    if levels.ndim:
        titles = [f"{plain(name)}[{label}]" for label in coefficient_labels(levels)]
    weights = draws.values.reshape(-1, len(titles), draws.shape[-1])
    curves = weights @ block.drawn.T
    modes_of = None
    if modes is not None:
        ordered = modes[name].transpose(*draws.dims[2:]).values
        modes_of = ordered.reshape(len(titles), -1) @ block.drawn.T
    shown = _largest(np.abs(curves.mean(axis=0)).max(axis=1)[None], MOST_CURVES)
    titles[shown[0]] += _of_how_many(len(shown), len(titles))
    first = Panel(
        titles[0],
        curves[:, 0],
        [],
        None,
        kinked=False,
        rows=np.arange(curves.shape[2]),
        along=along,
        across=across,
        xlabel=xlabel,
        ylabel=ylabel,
        beside=name,
    )
    return [
        replace(
            first,
            title=titles[k],
            draws=curves[:, k],
            mode=None if modes_of is None else modes_of[k],
        )
        for k in shown
    ]


def _rows(values: Array, most: int) -> Array:
    """Return which coefficients are rows of a panel that has room for about so many."""
    return _largest(values, how_many(values.shape[1], most))


def _largest(values: Array, most: int) -> Array:
    """Return which coefficients are drawn: those of the largest means, in their order."""
    return np.sort(np.argsort(-np.abs(values.mean(axis=0)), kind="stable")[:most])


def _kinked_at_zero(model: GLM, name: str) -> bool:
    prior = next(one.prior for one in model.every_term if one.label == name)
    return PRIORS[type(prior).__name__].holds and not np.any(np.asarray(getattr(prior, "loc", 0.0)))


def draw_panels(panels: Sequence[Panel]) -> Figure:
    """Draw panels in two columns, low ones before tall ones, rows alone over the whole width."""
    columns = min(2, len(panels))
    low, tall = ([one for one in panels if (one.height > TALL) == is_tall] for is_tall in (0, 1))
    lines = [own[k : k + columns] for own in (low, tall) for k in range(0, len(own), columns)]
    rows = len(lines)
    heights = [max(one.height for one in line) for line in lines]
    figure, axes = new_figure(
        rows,
        columns,
        0.6 + sum(heights) + 0.8 * rows,
        gridspec_kw={"height_ratios": [one + 0.8 for one in heights]},
    )
    beside: dict[str, list[Axes]] = {}
    for k, (own, line, height) in enumerate(zip(axes, lines, heights, strict=True)):
        if len(line) < columns and line[0].along is None:
            own[0].set_subplotspec(own[0].get_gridspec()[k, :])
        for ax, panel in itertools.zip_longest(own, line):
            if panel is None:
                ax.remove()
            else:
                _draw(ax, panel, height)
            if panel is not None and panel.beside is not None:
                beside.setdefault(panel.beside, []).append(ax)
    for alike in beside.values():
        ends = np.array([ax.get_ylim() for ax in alike])
        for ax in alike:
            ax.set_ylim(ends[:, 0].min(), ends[:, 1].max())
    handles = named_handles(axes)
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside upper left",
        ncols=3,
        fontsize=9,
        frameon=False,
    )
    kinked = [panel for panel in panels if panel.kinked]
    if kinked:
        figure.supxlabel(_note(kinked), fontsize=9, color=INK)
    return figure


def _draw(ax: Axes, panel: Panel, height: float) -> None:
    """Draw a panel on axes some inches high, rows as close as beside more of them."""
    values = panel.draws[:, panel.rows]
    mode = None if panel.mode is None else panel.mode[panel.rows]
    ax.set_title(panel.title, loc="left", fontsize=11)
    if panel.along is not None and panel.across is not None:
        draw_surface(ax, panel.along, panel.across, values.mean(axis=0))
        ax.set_xlabel(panel.xlabel, fontsize=10)
        ax.set_ylabel(panel.ylabel, fontsize=10)
        return
    if panel.along is not None:
        _draw_lines(ax, panel, values, mode)
        return
    _draw_intervals(ax, values)
    if mode is not None:
        _draw_mode(ax, mode, panel.kinked)
    ax.set_ylim(max(len(panel.rows), height / ROW if height > panel.height else 0.0) - 0.4, -0.6)
    ax.set_xlabel(panel.xlabel, fontsize=10)
    size = min(10.0, 0.75 * 72 * panel.height / len(panel.rows))
    ax.set_yticks(np.arange(len(panel.rows)), [panel.labels[k] for k in panel.rows], fontsize=size)


def _draw_lines(ax: Axes, panel: Panel, values: Array, mode: Array | None) -> None:
    """Draw a kernel or a curve as its mean, with its bands."""
    assert panel.along is not None
    ax.axhline(0, color=INK, linewidth=0.8)
    for prob, alpha in zip(INTERVALS, (0.18, 0.3), strict=True):
        low, high = np.quantile(values, [0.5 - prob / 2, 0.5 + prob / 2], axis=0)
        ax.fill_between(panel.along, low, high, color=COLOURS[0], alpha=alpha, lw=0)
    mean = values.mean(axis=0)
    ax.plot(panel.along, mean, color=COLOURS[0], linewidth=1.6, label=BAND_LABEL)
    if mode is not None:
        style = "D" if len(mode) <= MOST_ROWS else "--"
        ax.plot(panel.along, mode, style, color=COLOURS[1], markersize=3, label="MAP")
    ax.set_xlabel(panel.xlabel, fontsize=10)
    ax.set_ylabel(panel.ylabel, fontsize=9)


def _draw_intervals(ax: Axes, values: Array) -> None:
    """Draw a row for every column of ``(draws, coefficients)``, the first on top."""
    y = np.arange(values.shape[1])
    ax.axvline(0, color=INK, linewidth=0.8)
    for prob, width in INTERVALS.items():
        low, high = np.quantile(values, [0.5 - prob / 2, 0.5 + prob / 2], axis=0)
        ax.hlines(y, low, high, color=COLOURS[0], linewidth=width)
    look: dict[str, Any] = {"color": "white", "markeredgecolor": COLOURS[0]}
    ax.plot(values.mean(axis=0), y, "o", markersize=_dot(len(y)), label=INTERVAL_LABEL, **look)
    ax.tick_params(axis="y", length=0)


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
    told = dims and not are_of_levels(dims)
    title = plain(draws.name) + (f" ({', '.join(map(plain, dims))})" if told else "")
    if N_LEVELS in draws.attrs:
        n = n // draws.sizes[f"{draws.name}_level"] * draws.attrs[N_LEVELS]
    return title + _of_how_many(shown, n)


def _of_how_many(shown: int, n: int) -> str:
    return "" if shown == n else f": the {shown} largest of {n}"


def _note(panels: Sequence[Panel]) -> str:
    """Count the exact zeros of draws and of their mode, under priors with a kink."""
    size = sum(panel.draws.size for panel in panels)
    found = sum(int((panel.draws == 0.0).sum()) for panel in panels)
    drawn = f"{found or 'none'} of the {size:,} posterior draws"
    modes = [panel.mode for panel in panels if panel.mode is not None]
    if not modes:
        return f"exactly zero: {drawn} (though the mode may be, in part)"
    zeros = sum(int((mode == 0.0).sum()) for mode in modes)
    return (
        f"exactly zero: {zeros} of the {sum(map(len, modes))} coefficients of the MAP, "
        f"but {drawn} of them"
    )
