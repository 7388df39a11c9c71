"""Calibration as a picture: what was observed where so much was expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.errors import ModelError
from bayesglm.inference.problem.asked import check_between_0_and_1, check_seed, whole_number
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.results.check_calibration import Reliability, check_calibration, reliability
from bayesglm.results.foretold import foretell, some_draws
from bayesglm.results.residuals import IN_PART, NO_LINE
from bayesglm.show.chosen import chosen_units, unit_title
from bayesglm.show.coefficients import value_label
from bayesglm.show.figures import (
    COLOURS,
    GREY,
    INK,
    MOST_LETTERS,
    hide_beyond,
    log_axis,
    named_handles,
    new_figure,
    not_drawn,
    write_note,
)
from bayesglm.show.text import plain
from bayesglm.show.units import mean_of

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
MOST_PANELS = 6  # of units, or of levels: chosen
TALL = 0.12  # of a panel, the highest bar of how often chances were told
FAR = 20.0  # the largest mean over the smallest, from which axes are of ratios


def plot_calibration(
    fit: xr.DataTree, draws: int = 200, prob: float = 0.94, units: Any = None, seed: int = 0
) -> Figure:
    """Draw what was observed over what was expected, with the band of a true model.

    Of yes and no, of counts among trials and of labels (a panel for each level): the share that was
    observed where each chance was told, as the rising curve nearest to the data (isotonic
    regression); below it how often each chance was told, and the Brier score with what of it is
    miscalibration. Of all other responses: their mean in bins of the mean that is predicted. Bands
    hold each place by itself, for responses drawn anew from the posterior.

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit; what is drawn is in sample.
    draws : int
        Posterior draws, evenly spaced; fewer, where the samples are many.
    prob : float
        Probability of the bands.
    units : label or sequence of labels, optional
        Members of a population to draw, at most 6; the first by default.
    seed : int
        Seed of the responses that are drawn.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        No fit, units that it has not.
    ModelError
        Responses that are angles, or censored.

    Examples
    --------
    >>> import bayesglm as bg
    >>> x = [k / 10 for k in range(-20, 20)]
    >>> data = {"hit": [v + 0.7 * (-1) ** k > 0 for k, v in enumerate(x)], "x": x}
    >>> fit = bg.fit_map(bg.GLM("hit", "x", family="bernoulli", prior=bg.Normal(1.0)), data)
    >>> bg.plot_calibration(fit).axes[0].get_xlabel()
    'predicted probability of hit'
    """
    draws, seed = whole_number("draws", draws, 1), check_seed(seed)
    prob = check_between_0_and_1("prob", prob, "0.94 gives bands from 3% to 97%")
    chosen = chosen_units(fit, units, MOST_PANELS)
    model = chosen.first.plan.model
    fault = _fault(chosen.first)
    if fault:
        raise ModelError(f"plot_calibration draws no response {model.response!r}: {fault}.")
    panels = [panel for kept in chosen.kept for panel in _panels(kept, draws, prob, seed)]
    note = chosen.note
    if len(panels) > MOST_PANELS and model.levels:
        note = not_drawn(model.response, model.levels[MOST_PANELS:], "levels beyond six")
        panels = panels[:MOST_PANELS]
    columns = min(len(panels), 3)
    rows = -(-len(panels) // columns)
    figure, axes = new_figure(rows, columns, 0.7 + 3.1 * rows)
    hide_beyond(axes, len(panels))
    for ax, panel in zip(axes.flat, panels, strict=False):
        _draw(ax, panel, f"a true model, {prob:.0%}")
        ax.set_ylabel(
            "observed share" if panel.of_chance else "observed mean in the bin", fontsize=10
        )
    handles = named_handles(axes)
    figure.legend(
        handles.values(), handles.keys(), loc="outside upper left", ncols=3, frameon=False
    )
    write_note(figure, note)
    return figure


class _Panel(NamedTuple):
    """What one panel draws: x, what was observed there, its band, and the words."""

    x: Array
    observed: Array
    lower: Array
    upper: Array
    title: str
    told: str
    label: str
    n: Array | None  # of chances, how often each was told

    @property
    def of_chance(self) -> bool:
        return self.n is not None


def _fault(problem: Problem) -> str:
    if problem.natural.family.words.circular:
        return NO_LINE
    return "" if problem.plan.model.censored is None else IN_PART


def _panels(kept: Kept, draws: int, prob: float, seed: int) -> list[_Panel]:
    """Return the panels of one unit: one, or one of each level."""
    drawn = some_draws(kept, draws)
    told, words = foretell(drawn), drawn.family.words
    model, title = kept.problem.plan.model, unit_title(kept.problem)
    own = int(np.random.SeedSequence([seed, kept.problem.neuron]).generate_state(1)[0])
    response = plain(model.response, MOST_LETTERS)
    if words.discrete and not words.counts:
        every = reliability(drawn, told, own, prob)
        names = [plain(one, MOST_LETTERS) for one in model.levels or ()]
        if len(every) == 1:
            return [_of_chance(every[0], title, f"predicted probability of {response}")]
        return [
            _of_chance(one, name, f"predicted probability of {name}")
            for one, name in zip(every, names, strict=True)
        ]
    bins = check_calibration(drawn, told, own, prob).variables
    known = np.isfinite(bins["predicted"][1])
    x, y, lower, upper = (
        bins[name][1][known] for name in ("predicted", "observed", "lower", "upper")
    )
    inside = int(((y >= lower) & (y <= upper)).sum())
    note = f"{inside} of {len(x)} bins inside"
    unit = kept.problem.plan.dataset[model.response].attrs.get("units")
    label = f"predicted {mean_of(value_label(model.response, unit), words)}"
    return [_Panel(x, y, lower, upper, title, note, label, None)]


def _of_chance(one: Reliability, title: str, label: str) -> _Panel:
    told = f"Brier {one.brier:.3g},\nmiscalibrated {one.miscalibration:.2g}"
    return _Panel(one.chance, one.observed, one.lower, one.upper, title, told, label, one.n)


def _draw(ax: Axes, panel: _Panel, band: str) -> None:
    ax.axline((panel.x[0], panel.x[0]), slope=1, color=INK, linewidth=0.8)
    if panel.n is not None:
        look: dict[str, Any] = {"color": GREY, "alpha": 0.35, "lw": 0, "label": band}
        ax.fill_between(panel.x, panel.lower, panel.upper, **look)
        ax.plot(panel.x, panel.observed, color=COLOURS[0], linewidth=1.6, label="observed")
        ax.set_xlim(-0.02, 1.02)
        ax.set_ylim(-0.02, 1.02)
        often, edges = np.histogram(panel.x, np.linspace(0.0, 1.0, 31), weights=panel.n)
        heights = TALL * often / often.max() - 0.02
        ax.stairs(heights, edges, baseline=-0.02, fill=True, color=COLOURS[0], alpha=0.25)
    else:
        ax.vlines(panel.x, panel.lower, panel.upper, color=GREY, alpha=0.6, lw=5, label=band)
        ax.plot(panel.x, panel.observed, "o", color=COLOURS[0], markersize=4, label="observed")
        if panel.x[0] > 0.0 and panel.x[-1] > FAR * panel.x[0] and panel.lower.min() > 0.0:
            log_axis(ax, panel.x)
            ax.set_yscale("log")
    ax.set_xlabel(panel.label, fontsize=10)
    ax.set_title(panel.title, loc="left", fontsize=11)
    ax.text(0.02, 0.98, panel.told, transform=ax.transAxes, va="top", fontsize=9, color=INK)
