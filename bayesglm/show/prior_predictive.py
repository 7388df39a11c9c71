"""What priors believe as a picture: drawn responses beside the data, and the means they have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.design.response_levels import as_numbers
from bayesglm.errors import DataError
from bayesglm.inference.tree.opened import model_of
from bayesglm.results.prior_predictive import prior_means, prior_predictive
from bayesglm.show.figures import COLOURS, GREY, INK, MOST_LETTERS, new_figure
from bayesglm.show.text import plain
from bayesglm.show.units import mean_of
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.hints import shown
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
BAND, HALF = (0.03, 0.97), (0.25, 0.75)  # of drawn data sets: 94% and 50%, equal-tailed
BINS = 24  # of numbers: chosen
COUNTED = 8  # up to which each count has a bin of its own; beyond they grow
GROWTH = 14  # bins of larger counts at most
EDGE = 0.01  # of what is drawn, that may lie beyond either end of the axis
MOST_TICKS = 9  # labels under bins that are words


def plot_prior_predictive(
    tree_or_model: Any, data: Any = None, draws: int = 1000, seed: int = 0
) -> Figure:
    """Draw what a model believes before the data, with these beside it.

    Left: how often responses fall into each bin, in 94% (thin) and 50% (thick) of the drawn data
    sets, and in the data (dots). Counts have bins that grow, positive responses a logarithmic axis,
    labels a bin each. Right: the means of all samples in all draws, and what was observed of them:
    those of counts and positive numbers on a logarithmic axis, probabilities from 0 to 1. A prior
    that is wider than anything believable shows as means at the ends.

    Parameters
    ----------
    tree_or_model : xarray.DataTree or GLM
        What `prior_predictive` gave, or a model, of which it is drawn then. Of a population the
        first unit is drawn: ``tree.isel({dim: [3]})`` for another, unless they are coupled.
    data : Dataset, DataFrame or mapping, optional
        The data of a model.
    draws, seed : int
        As in `prior_predictive`, of a model.

    Returns
    -------
    matplotlib.figure.Figure
        The note under the axes tells what stands in for a flat intercept, and how much is drawn
        beyond the axes.

    Raises
    ------
    DataError
        A tree without a prior predictive, a model without data; as in `prior_predictive`.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2]}
    >>> model = bg.GLM("y", "x", family="poisson", prior=bg.Normal(0.5))
    >>> figure = bg.plot_prior_predictive(model, data, draws=200)
    >>> [ax.get_xlabel() for ax in figure.axes]
    ['y', 'mean of y']
    """
    tree = _opened(tree_or_model, data, draws, seed)
    model = model_of(tree)
    drawn, observed = _responses(tree, model)
    means = prior_means(tree)
    figure, axes = new_figure(1, 2, 4.0, gridspec_kw={"width_ratios": [1.25, 1.0]})
    beyond = draw_responses(axes[0, 0], model, drawn, observed)
    _draw_means(axes[0, 1], model, means, _observed_mean(model, tree, observed))
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3, frameon=False, fontsize=11)
    note = _note(tree, beyond, model)
    if note:
        figure.supxlabel(note, fontsize=9, color="#59636e", x=0.01, ha="left", wrap=True)
    return figure


def _opened(tree_or_model: Any, data: Any, draws: int, seed: int) -> xr.DataTree:
    if isinstance(tree_or_model, GLM):
        if data is None:
            raise DataError(
                "a model believes something of data: write plot_prior_predictive(model, data)."
            )
        return prior_predictive(tree_or_model, data, draws, seed)
    model_of(tree_or_model)
    missing = {"prior", "prior_predictive", "observed_data"} - set(tree_or_model.children)
    if missing:
        raise DataError(
            f"the tree lacks {', '.join(sorted(missing))}; give what prior_predictive(model, data) "
            "returns."
        )
    if data is not None:
        raise DataError(f"a tree holds its data; leave data out, got {shown(data)}.")
    return tree_or_model


def _responses(tree: xr.DataTree, model: GLM) -> tuple[Array, Array]:
    """Return drawn responses ``(draws, samples)`` and observed ones, as numbers.

    Counts of levels are the number of each count's level, as often as it was counted.
    """
    drawn, seen = (
        tree[name].to_dataset()[model.response] for name in ("prior_predictive", "observed_data")
    )
    dim, population = tree.attrs["sample_dim"], tree.attrs["population"]
    if population:
        drawn, seen = (
            one.isel({population: 0}) if population in one.dims else one for one in (drawn, seen)
        )
    rest = [str(one) for one in seen.dims if one != dim]
    drawn = drawn.stack(every=("chain", "draw")).transpose("every", dim, *rest)
    values, observed = drawn.values, seen.transpose(dim, *rest).values
    if FAMILY_NAMES[model.family].counts_levels:
        return values, observed
    return as_numbers(model, values), np.asarray(as_numbers(model, observed), dtype=float)


@dataclass(frozen=True)
class Bins:
    """Bins of responses: what falls into each, where they stand, and how they are called.

    ``edges`` has one more entry than bins; ``ticks`` are labels of positions, of words None where
    the axis is one of numbers.
    """

    edges: Array
    places: Array
    ticks: list[str] | None = None
    is_log: bool = False

    def shares(self, y: Array) -> Array:
        """Return the share of each row ``(..., samples)`` in every bin."""
        k = np.searchsorted(self.edges, y, side="right") - 1
        k = np.where(y == self.edges[-1], len(self.places) - 1, k)
        inside = np.isfinite(y) | np.isinf(self.edges[-1])
        return np.stack(
            [((k == one) & inside).mean(axis=-1) for one in range(len(self.places))], axis=-1
        )


def bins_of(model: GLM, drawn: Array, observed: Array) -> Bins:
    """Choose bins by what responses there are: counts, labels, positive numbers, any."""
    words = FAMILY_NAMES[model.family]
    if words.labels is not None:
        labels = [plain(one, MOST_LETTERS) for one in model.levels or (0, 1)]
        return Bins(np.arange(len(labels) + 1.0), np.arange(len(labels)) + 0.5, labels)
    finite = drawn[np.isfinite(drawn)]
    low, high = np.quantile(finite, [EDGE, 1.0 - EDGE]) if finite.size else (0.0, 1.0)
    low, high = min(low, observed.min()), max(high, observed.max())
    if words.circular:
        low, high = -np.pi, np.pi
    if words.discrete:
        return _count_bins(high)
    if observed.min() > 0.0 and low > 0.0 and high > 20.0 * low:
        edges = np.geomspace(low, high * (1.0 + 1e-9), BINS + 1)
        return Bins(edges, np.sqrt(edges[1:] * edges[:-1]), is_log=True)
    edges = np.linspace(low, high + 1e-9 * max(high - low, 1e-300), BINS + 1)
    return Bins(edges, 0.5 * (edges[1:] + edges[:-1]))


def _count_bins(high: float) -> Bins:
    """Return a bin for each small count, and bins that grow up to those of ``high`` and beyond."""
    edges = np.arange(min(high, COUNTED) + 1.0)
    if high > COUNTED:
        growing = np.geomspace(COUNTED + 1.0, high + 1.0, GROWTH)
        edges = np.unique(np.concatenate([edges, np.floor(growing)]))
    names = [_count(one) for one in edges]
    names[-1] += "+" if high > COUNTED else ""
    edges = np.append(edges, np.inf)
    return Bins(edges, np.arange(len(edges) - 1) + 0.5, names)


def _count(value: float) -> str:
    if value < 1e4:
        return f"{value:.0f}"
    power = int(np.floor(np.log10(value)))
    return f"{value / 10**power:.0f}e{power}"


def draw_responses(ax: Axes, model: GLM, drawn: Array, observed: Array) -> float:
    """Draw shares of drawn data sets in bins, and those of the data; return what lies beyond."""
    words = FAMILY_NAMES[model.family]
    bins = bins_of(model, drawn, observed)
    if words.counts_levels:
        totals = drawn.sum(axis=1)
        shares = totals / totals.sum(axis=1, keepdims=True)
        of_data = observed.sum(axis=0) / observed.sum()
    else:
        shares, of_data = bins.shares(drawn), bins.shares(observed)
    x = bins.places if bins.ticks is None else np.arange(len(bins.places))
    for (low, high), width, name in ((BAND, 1.6, "94% of drawn data"), (HALF, 5.0, "50%")):
        ends = np.quantile(shares, [low, high], axis=0)
        ax.vlines(x, *ends, color=COLOURS[0], linewidth=width, label=name)
    ax.plot(x, of_data, "o", color=COLOURS[1], markersize=4.5, label="data")
    if bins.is_log:
        ax.set_xscale("log")
    if bins.ticks is not None:
        step = -(-len(x) // MOST_TICKS)
        ax.set_xticks(x[::step], bins.ticks[::step])
        ax.set_xlim(-0.6, len(x) - 0.4)
    if words.counts:
        ax.set_yscale("function", functions=(root, np.square))
    ax.set_ylim(bottom=0.0)
    ax.set_xlabel(plain(model.response), fontsize=11)
    ax.set_ylabel("share of samples", fontsize=11)
    return float(1.0 - shares.sum(axis=-1).mean())


def root(share: Array) -> Array:
    return np.sqrt(np.maximum(share, 0.0))


def _observed_mean(model: GLM, tree: xr.DataTree, observed: Array) -> Array:
    """Return the mean of what was observed: of levels the share of each, of trials per trial."""
    words = FAMILY_NAMES[model.family]
    if words.counts_levels:
        return observed.sum(axis=0) / observed.sum()
    if words.labels is not None and words.labels.most is None:
        return np.bincount(observed.astype(int), minlength=len(model.levels or ())) / len(observed)
    if model.trials is not None:
        trials = tree["constant_data"].to_dataset()[model.trials].values
        return np.array([observed.sum() / trials.sum()])
    if words.circular:
        return np.array([np.arctan2(np.sin(observed).mean(), np.cos(observed).mean())])
    return np.array([observed.mean()])


def _draw_means(ax: Axes, model: GLM, means: Array, observed: Array) -> None:
    """Draw the histogram of all means, and the mean of what was observed."""
    words = FAMILY_NAMES[model.family]
    values = means[np.isfinite(means)]
    is_chance = words.discrete and not words.counts
    positive = values.size > 0 and values.min() >= 0.0 and not is_chance and observed.min() > 0.0
    if is_chance:
        edges = np.linspace(0.0, 1.0, 21)
    elif positive:
        kept = np.maximum(values, np.finfo(float).tiny)
        low, high = np.quantile(kept, [EDGE, 1.0 - EDGE])
        low, high = min(low, observed.min()), max(high, observed.max())
        edges = np.geomspace(low, high * 1.0001, BINS + 1)
        ax.set_xscale("log")
    else:
        low, high = np.quantile(values, [EDGE, 1.0 - EDGE])
        edges = np.linspace(min(low, observed.min()), max(high, observed.max()), BINS + 1)
    counts, _ = np.histogram(values, edges)
    ax.stairs(counts / max(1, values.size), edges, fill=True, color=COLOURS[0], alpha=0.35, lw=0)
    for one in observed:
        ax.axvline(one, color=COLOURS[1], linewidth=1.6)
    if words.counts and edges[-1] > 1e6:
        ax.axvline(1e6, color=GREY, linewidth=1.0, linestyle=":")
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(mean_of(plain(model.response), words), fontsize=11, color=INK)


def _note(tree: xr.DataTree, beyond: float, model: GLM) -> str:
    """Say what stands in for a flat intercept, and how much lies beyond the axes."""
    parts = []
    if "intercept" in tree.attrs:
        parts.append(f"In place of the flat intercept: {tree.attrs['intercept']}.")
    if FAMILY_NAMES[model.family].counts:
        parts.append("Bins of counts begin where they are labelled.")
    if beyond > 0.005:
        parts.append(f"{beyond:.0%} of what is drawn lies beyond the left axis.")
    return " ".join(parts)
