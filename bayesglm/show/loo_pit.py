"""LOO-PIT as a picture: how the distribution of leave-one-out chances differs from uniform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.inference.problem.asked import check_between_0_and_1, check_seed
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.weights.psis import khat_limit
from bayesglm.results.scores.log_likelihood import posterior_problems
from bayesglm.results.scores.loo import relative_efficiency
from bayesglm.results.scores.loo_pit import leave_one_out_chances
from bayesglm.results.uniformity import distribution_at, uniform_band
from bayesglm.show.chosen import chosen_units, unit_title
from bayesglm.show.figures import (
    COLOURS,
    GREY,
    INK,
    hide_beyond,
    named_handles,
    new_figure,
    write_note,
)
from bayesglm.show.text import plain

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
MOST_UNITS = 6  # of a population, each with a panel of its own: chosen


def plot_loo_pit(fit: xr.DataTree, prob: float = 0.94, units: Any = None, seed: int = 0) -> Figure:
    """Draw whether responses lie where the posterior without them expects them.

    Of each response u = P(Y <= y_i | all others), its LOO-PIT, by the weights of `loo` (of counts
    uniform between P(Y < y_i) and that); the u are uniform if the model is true. What is drawn, Δ
    ECDF, is how far the share of them up to each u is above u, over the band in which the whole
    curve of uniform numbers stays with the probability. Too many u near 0 and 1 (rising on the
    left, and on the right) say that responses spread more than the model expects; too many in the
    middle that they spread less; a curve on one side of zero that they lie lower (above), or higher
    (below).

    Nothing has to be stored: rows are gone through in blocks.

    Parameters
    ----------
    fit : xarray.DataTree
        A posterior fit.
    prob : float
        Probability of the band, of all places together.
    units : label or sequence of labels, optional
        Members of a population to draw, at most 6; the first by default.
    seed : int
        Seed of what is randomised.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        A fit without a posterior, units that the fit has not.
    ModelError
        Responses without chances of lying below a value (counts of levels), or a group with a level
        for each row.

    Examples
    --------
    >>> import bayesglm as bg
    >>> x = [k / 10 for k in range(-20, 20)]
    >>> data = {"y": [round(2 + 1.5 * v) if v > -1 else 0 for v in x], "x": x}
    >>> fitted = bg.fit(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> bg.plot_loo_pit(fitted).axes[0].get_xlabel()
    'LOO-PIT'
    """
    posterior_problems(fit)
    prob, seed = (
        check_between_0_and_1("prob", prob, "0.94 gives bands from 3% to 97%"),
        check_seed(seed),
    )
    chosen = chosen_units(fit, units, MOST_UNITS)
    group = fit["posterior"].to_dataset()
    efficiency, limit = relative_efficiency(group), khat_limit(chosen.kept[0].n_draws)
    n = len(chosen.kept)
    columns = min(n, 2)
    rows = -(-n // columns)
    figure, axes = new_figure(rows, columns, 0.6 + 2.9 * rows)
    hide_beyond(axes, n)
    bad = 0
    for ax, kept in zip(axes.flat, chosen.kept, strict=False):
        bad += _draw(ax, kept, efficiency, limit, prob, seed)
    for ax in axes[:, 0]:
        ax.set_ylabel("Δ ECDF", fontsize=10)
    for ax in axes.flat[max(0, n - columns) : n]:
        ax.set_xlabel("LOO-PIT", fontsize=10)
    handles = named_handles(axes)
    figure.legend(
        handles.values(), handles.keys(), loc="outside upper left", ncols=3, frameon=False
    )
    told = f"LOO-PIT not to be trusted: {bad:,} of k-hat above {limit:.2f}."
    write_note(figure, " ".join(filter(None, [chosen.note, told if bad else ""])))
    return figure


def _draw(ax: Axes, kept: Kept, efficiency: float, limit: float, prob: float, seed: int) -> int:
    """Draw one unit, and return for how many rows the weights do not stand."""
    chances, khat = leave_one_out_chances(kept, efficiency)
    weights = kept.problem.design.weights
    rows = kept.problem.design.predictors.rows
    counts = np.ones(len(rows), bool) if weights is None else weights[rows] > 0.0
    u = chances.uniform(np.random.default_rng([seed, kept.problem.neuron]))[counts]
    places, lower, upper = uniform_band(len(u), prob)
    curve = distribution_at(u, places)
    x = np.concatenate([[0.0], places, [1.0]])

    def apart(values: Array) -> Array:
        return np.concatenate([[0.0], values - places, [0.0]])

    ax.axhline(0, color=INK, linewidth=0.8)
    band: dict[str, Any] = {"color": GREY, "alpha": 0.35, "lw": 0}
    ax.fill_between(x, apart(lower), apart(upper), label=f"a true model, {prob:.0%}", **band)
    ax.plot(x, apart(curve), color=COLOURS[0], linewidth=1.6, label="observed")
    inside = bool(np.all((curve >= lower) & (curve <= upper)))
    title = unit_title(kept.problem) or plain(kept.problem.plan.model.response)
    ax.set_title(title, loc="left", fontsize=11)
    note = "inside the band" if inside else "outside the band"
    ax.set_title(note, loc="right", fontsize=9, color=INK)
    return int((khat[counts] > limit).sum())
