"""Responses drawn from the posterior as a picture, with those that were observed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import ModelError
from bayesglm.inference.problem.asked import check_seed, whole_number
from bayesglm.results.foretold import Drawn, Range, some_draws
from bayesglm.results.residuals import IN_PART
from bayesglm.results.uniformity import distribution_at
from bayesglm.show.chosen import chosen_units, unit_title
from bayesglm.show.coefficients import value_label
from bayesglm.show.figures import COLOURS, INK, named_handles, new_figure, write_note
from bayesglm.show.prior_predictive import BAND, HALF, draw_responses
from bayesglm.spec.families import FAMILY_NAMES

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
MOST_UNITS = 4  # of a population, each with a row of its own: chosen
MOST_ROWS = 100_000  # whose responses are drawn, evenly spaced: chosen
PLACES = 200  # at which distribution functions are drawn: chosen
MOST_ENDS = 50  # of the smallest and the largest responses each is a place: chosen
EDGE = 0.005  # of what was observed or drawn, that may lie beyond either end of the axis


def plot_predictive(fit: xr.DataTree, draws: int = 200, units: Any = None, seed: int = 0) -> Figure:
    """Draw data sets from the posterior, and the observed one among them.

    Left: how often responses fall into each bin, in 94% (thin) and 50% (thick) of the data sets
    that are drawn, and in the data (dots). Of counts it is a rootogram: heights are square roots,
    so that rare ones are seen; zeros above their interval say that there are too many. Labels have
    a bin each. Right, of numbers, Δ ECDF: how far the share of responses up to each value is above
    the mean of drawn data sets, with the bands of these, as far as the data reach.

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit; of a MAP data sets are drawn at the estimates alone.
    draws : int
        Data sets to draw, each from another draw of the posterior, evenly spaced.
    units : label or sequence of labels, optional
        Members of a population to draw, at most 4; the first by default.
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
        Censored responses, of which data sets are drawn that nobody censors.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2]}
    >>> fit = bg.fit_map(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> [ax.get_ylabel() for ax in bg.plot_predictive(fit).axes]
    ['share of samples', 'Δ ECDF']
    """
    draws, seed = whole_number("draws", draws, 1), check_seed(seed)
    chosen = chosen_units(fit, units, MOST_UNITS)
    model = chosen.first.plan.model
    if model.censored is not None:
        raise ModelError(f"plot_predictive draws no response {model.response!r}: {IN_PART}.")
    words, response = FAMILY_NAMES[model.family], chosen.first.plan.dataset[model.response]
    numbers, label = words.labels is None, value_label(model.response, response.attrs.get("units"))
    n, columns = len(chosen.kept), 1 + numbers
    figure, axes = new_figure(n, columns, 0.7 + 2.9 * n)
    beyond = 0.0
    for row, kept in zip(axes, chosen.kept, strict=True):
        drawn = some_draws(kept, draws)
        simulated, observed = data_sets(drawn, draws, seed)
        beyond = max(beyond, draw_responses(row[0], model, simulated, observed))
        row[0].set_title(unit_title(kept.problem), loc="left", fontsize=11)
        if numbers:
            _draw_distribution(row[1], simulated, observed, words.discrete)
            row[1].set_xscale("linear" if words.discrete else row[0].get_xscale())
        for ax in row:
            ax.set_xlabel(label, fontsize=11)
    handles = named_handles(axes[:, :1])
    figure.legend(
        handles.values(), handles.keys(), loc="outside upper left", ncols=3, frameon=False
    )
    told = f"{beyond:.0%} of what is drawn lies beyond the left axis." if beyond > EDGE else ""
    write_note(figure, " ".join(filter(None, [chosen.note, told])))
    return figure


def data_sets(drawn: Drawn, draws: int, seed: int) -> tuple[Array, Array]:
    """Return drawn responses ``(data sets, rows[, levels])`` as numbers, and those observed.

    Rows of weight zero are left out, and of very many others some.
    """
    family, problem = drawn.family, drawn.problem
    counts = np.flatnonzero(drawn.weights > 0.0)
    counts = counts[:: -(-len(counts) // MOST_ROWS) or 1]
    repeats = 1 if drawn.n_draws > 1 else draws
    taken = np.zeros(drawn.n_rows, dtype=bool)
    taken[counts] = True

    def work(one: Range) -> tuple[Array, Array]:
        rng = np.random.default_rng([seed, problem.neuron, int(one.at[0])])
        some = taken[one.at]
        every = [family.draw(rng, *one.told)[..., some] for _ in range(repeats)]
        y = one.rows.y[..., some]
        return np.concatenate(every, axis=-2), y

    each = [told for _, told in drawn.each(work)]
    simulated = np.concatenate([one for one, _ in each], axis=-1)
    observed = np.concatenate([one for _, one in each], axis=-1)
    if family.words.counts_levels:
        return np.moveaxis(simulated, 0, -1), observed.T
    return simulated, np.asarray(observed, dtype=float)


def _draw_distribution(ax: Axes, simulated: Array, observed: Array, steps: bool) -> None:
    """Draw the distribution function of the data less the mean one of data sets, with bands."""
    both = np.concatenate([observed, simulated[0]])
    chances = np.linspace(EDGE, 1.0 - EDGE, PLACES)
    inside = np.quantile(both, chances, method="nearest")
    ordered = np.sort(observed)
    places = np.unique(np.concatenate([inside, ordered[:MOST_ENDS], ordered[-MOST_ENDS:]]))
    curves = np.stack([distribution_at(one, places) for one in simulated])
    mean = curves.mean(axis=0)
    ax.axhline(0, color=INK, linewidth=0.8)
    for (low, high), alpha in ((BAND, 0.2), (HALF, 0.35)):
        lower, upper = np.quantile(curves, [low, high], axis=0) - mean
        band: dict[str, Any] = {"color": COLOURS[0], "alpha": alpha, "lw": 0}
        ax.fill_between(places, lower, upper, step="post" if steps else None, **band)
    look: dict[str, Any] = {"color": COLOURS[1], "linewidth": 1.5, "label": "data"}
    look["drawstyle"] = "steps-post" if steps else "default"
    ax.plot(places, distribution_at(observed, places) - mean, **look)
    ax.set_ylabel("Δ ECDF", fontsize=11)
