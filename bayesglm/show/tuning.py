"""The curves that choose a scale as a picture: what each loses at any other scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.errors import DataError
from bayesglm.results.schema import TOGETHER
from bayesglm.results.scores.scoring import LOG_SCORE, SCORINGS
from bayesglm.show.figures import COLOURS, GREY, INK, MOST_LETTERS, named_handles, new_figure
from bayesglm.show.path import SCALE, add_penalty_axis, ends, make_logarithmic, penalty_power
from bayesglm.show.text import plain
from bayesglm.spec.hints import closest

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
NAMES = {"evidence": "evidence", "kfold": "k-fold", "loo": "PSIS-LOO"}
NATS = "below its best (nats)"


class Measure(NamedTuple):
    """How the variable that chose a scale is drawn: its error, how many of these a band reaches.

    ``unit`` is the label of its axis; ``sense`` is -1 where less is better. Those in nats are drawn
    below their best, since their level means little; others as they are.
    """

    error: str
    reach: float
    unit: str = NATS
    sense: float = 1.0


MEASURES = {
    "log_evidence": Measure("log_evidence_se", 2.0),
    "elpd": Measure("elpd_diff_se", 1.0),
    **{
        name: Measure(f"{name}_diff_se", 1.0, f"{one.unit} of held-out samples", one.sense)
        for name, one in SCORINGS.items()
        if not one.of_posterior
    },
}
NEAR = 10.0**0.5  # times the chosen scale, or a part of it: what happens there has to be seen
LEAST_SHOWN, MOST_ERRORS = 5.0, 2.5  # nats, and errors of a difference, below the best
LEAST_SHARE = 0.02  # of the best score, worse than which an axis of scores reaches at the least
DENSITY = 0.3  # of the height is for the posterior of the scale


def plot_tuning(tunings: Any, fit: xr.DataTree | None = None, term: str | None = None) -> Figure:
    """Draw the curves by which `tune_prior` chose a scale on one axis, each below its own best.

    Scores of another unit than nats (accuracy, deviance) have a panel of their own, as they are.
    The lower axis is the prior's scale, the upper axis the penalty it equals, where it equals one.
    Dots stand at the chosen scales. Bands of elpds and scores are plus and minus one standard error
    of the difference to the best scale, those of evidences two Monte-Carlo standard errors;
    Laplace's evidence, where it differs, is dashed. The axis ends where all curves have fallen far.

    Parameters
    ----------
    tunings : what `tune_prior` returns, or its curve; or a mapping of names to such, or a sequence
        In a sequence the methods are the names.
    fit : xarray.DataTree, optional
        A posterior fit in which the scale is learned: the density of the logarithm of
        ``<term>_scale`` is drawn below the curves, on a height of its own.
    term : str, optional
        The term whose scale to draw; by default every term that was tuned, each in a panel.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        Nothing that `tune_prior` returned, a term that was not tuned, or a fit that learned no
        such scale.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [-1.9, -0.7, 0.1, 0.2, 0.9, 1.6], "x": [-2.0, -1.0, -0.5, 0.5, 1.0, 2.0]}
    >>> model = bg.GLM("y", "x", dispersion=1.0, prior=bg.ridge(1.0))
    >>> tuned = bg.tune_prior(model, data, scales=[0.1, 0.5, 1.0, 3.0])
    >>> figure = bg.plot_tuning(tuned)
    >>> len(figure.axes)
    2
    """
    if _tuning(fit) is not None or _tuning(term) is not None:
        raise DataError("several tunings go together in a list: plot_tuning([one, another]).")
    trees = _opened(tunings)
    names = _tuned_terms(trees, term)
    panels = [panel for name in names for panel in _panels(trees, name)]
    figure, axes = new_figure(len(panels), 1, 4.4 * len(panels))
    colours = {label: COLOURS[k % len(COLOURS)] for k, label in enumerate(trees)}
    for ax, (name, curves) in zip(axes[:, 0], panels, strict=True):
        # A fit in which one of several scales is learned says nothing of the others.
        learned = fit is not None and (len(names) == 1 or f"{name}_scale" in fit["posterior"])
        _draw_term(ax, curves, colours, _scale_draws(fit, name) if learned else None)
        if len(names) > 1:
            ax.set_title(plain(name), loc="left", fontsize=11)
    handles = named_handles(axes)
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside right upper",
        fontsize=9,
        frameon=False,
        title=_title(trees, names[0]) if len(names) == 1 else None,
    )
    return figure


def _title(trees: Mapping[str, xr.DataTree], name: str) -> str:
    """Return the term, or the terms that have one scale together."""
    terms = next(iter(trees.values())).attrs["terms"] if name == TOGETHER else name
    return plain(terms, MOST_LETTERS)


def _panels(trees: Mapping[str, xr.DataTree], term: str) -> list[tuple[str, dict[str, xr.Dataset]]]:
    """Return the curves of a term with the term, those of each unit together."""
    by_unit: dict[str, dict[str, xr.Dataset]] = {}
    for label, tree in trees.items():
        curve = tree[term].to_dataset()
        by_unit.setdefault(MEASURES[_measured(curve)].unit, {})[label] = curve
    return [(term, curves) for curves in by_unit.values()]


def _draw_term(
    ax: Axes, curves: Mapping[str, xr.Dataset], colours: Mapping[str, str], draws: Array | None
) -> None:
    """Draw the curves of one term and unit, and the posterior of its scale where there is one."""
    unit = MEASURES[_measured(next(iter(curves.values())))].unit
    for label, curve in curves.items():
        _draw_curve(ax, curve, plain(label), colours[label])
    depth = max(_depth(curve) for curve in curves.values())
    if unit == NATS:
        ax.axhline(0, color=INK, linewidth=0.8)
        ax.set_ylim(-depth, 0.12 * depth)
    else:
        _set_reach(ax, list(curves.values()), depth)
    ax.set_ylabel(unit, fontsize=10)
    seen = [_seen(curve, depth) for curve in curves.values()]
    if draws is not None:
        seen.append(np.quantile(draws, [0.01, 0.99]))
    low, high = ends(np.concatenate(seen))
    if draws is not None:
        _draw_density(ax, draws, low, high)
    make_logarithmic(ax, low, high)
    ax.set_xlabel(SCALE, fontsize=10)
    # One penalty axis for all, unless their priors are of different kinds.
    weights = [penalty_power(curve) for curve in curves.values()]
    if weights[0] is not None and len(set(weights)) == 1:
        add_penalty_axis(ax, low, high, weights[0])


def _set_reach(ax: Axes, curves: list[xr.Dataset], depth: float) -> None:
    """End an axis of scores where all have become worse than their best by a depth."""
    sense = MEASURES[_measured(curves[0])].sense
    goodness = [float((sense * _value(curve)).max()) for curve in curves]
    low, high = min(goodness) - depth, max(goodness)
    ax.set_ylim(*sorted((sense * low, sense * (high + 0.12 * (high - low)))))


def _opened(tunings: Any) -> dict[str, xr.DataTree]:
    """Return the trees of some tunings under their names."""
    if isinstance(tunings, Mapping) and not _is_tree(tunings):
        trees = {str(name): _tree_of(one) for name, one in tunings.items()}
    else:
        alone = hasattr(tunings, "curve") or not isinstance(tunings, Sequence)
        several = [_tree_of(one) for one in ([tunings] if alone else tunings)]
        trees = {}
        for tree in several:
            name = _name_of(tree)
            again = sum(one.rstrip(" 0123456789") == name for one in trees)
            trees[f"{name} {again + 1}" if again else name] = tree
    if not trees:
        raise DataError("plot_tuning needs at least one thing that tune_prior returned.")
    return trees


def _name_of(tree: xr.DataTree) -> str:
    """Return what a curve is called: by its method, and by what is scored other than densities."""
    scoring = tree.attrs.get("scoring", LOG_SCORE)
    own = "" if scoring == LOG_SCORE else f" {scoring.replace('_', ' ')}"
    return NAMES[tree.attrs["criterion"]] + own


def _tuned_terms(trees: Mapping[str, xr.DataTree], term: Any) -> list[str]:
    """Return the terms to draw, one or all of the first tuning; DataError where one lacks them."""
    first = next(iter(trees.values()))
    if term is not None and not isinstance(term, str):
        raise DataError(f"term= is the name of a term, such as {next(iter(first.children))!r}.")
    wanted = list(map(str, first.children)) if term is None else [term]
    for label, tree in trees.items():
        for name in wanted:
            if name not in tree.children:
                raise DataError(
                    f"term {name!r} was not tuned in {label!r}; its terms are "
                    f"{', '.join(tree.children)}.{closest(name, tree.children)}"
                )
    return wanted


def _is_tree(thing: Any) -> bool:
    return hasattr(thing, "children") and hasattr(thing, "attrs")


def _tuning(one: Any) -> xr.DataTree | None:
    tree = getattr(one, "curve", one)
    return tree if _is_tree(tree) and tree.attrs.get("method") == "tuning" else None


def _tree_of(one: Any) -> xr.DataTree:
    tree = _tuning(one)
    if tree is None:
        raise DataError(
            f"plot_tuning draws what tune_prior returns, or its curve; got {type(one).__name__!r}."
        )
    return tree


def _scale_draws(fit: Any, term: str) -> Array:
    name = f"{term}_scale"
    if not _is_tree(fit) or "posterior" not in fit.children:
        raise DataError(
            "fit= must be a posterior (of fit or fit_mcmc) in which scales are learned."
        )
    posterior = fit["posterior"].to_dataset()
    if name not in posterior:
        raise DataError(
            f"the fit has learned no {name!r}; give the term a prior such as "
            "Normal(HalfNormal(1.0))."
        )
    if set(posterior[name].dims) > {"chain", "draw"}:
        more = [dim for dim in posterior[name].dims if dim not in ("chain", "draw")]
        raise DataError(f"{name!r} has further dims {more}; choose one: fit.isel({more[0]}=0).")
    return np.ravel(posterior[name].values)


def _measured(curve: xr.Dataset) -> str:
    """Return the name of the variable that chose the scale."""
    return next(name for name in MEASURES if name in curve)


def _value(curve: xr.Dataset) -> Array:
    return curve[_measured(curve)].values


def _best(curve: xr.Dataset) -> float:
    """Return the value at the best scale, of which a rule may have chosen a smaller one."""
    return _at(curve, curve.attrs.get("best", curve.attrs["chosen"]))


def _at(curve: xr.Dataset, scale: float) -> float:
    return float(_value(curve)[curve["scale"].values == scale][0])


def _draw_curve(ax: Axes, curve: xr.Dataset, label: str, colour: str) -> None:
    scale, measure = curve["scale"].values, MEASURES[_measured(curve)]
    level = _best(curve) if measure.unit == NATS else 0.0
    value = _value(curve) - level
    ax.plot(scale, value, color=colour, linewidth=1.8, marker=".", ms=4, label=label)
    reach = measure.reach * curve[measure.error].values
    ax.fill_between(scale, value - reach, value + reach, color=colour, alpha=0.15, lw=0)
    chosen = curve.attrs["chosen"]
    look: dict[str, Any] = {"color": colour, "markersize": 8, "markeredgecolor": "white"}
    ax.plot(chosen, _at(curve, chosen) - level, "o", **look)
    laplace = curve.get("log_evidence_laplace")
    if laplace is not None and np.any(np.abs(laplace.values - _value(curve)) > 1e-6):
        name = f"{label} (Laplace)"
        ax.plot(scale, laplace.values - level, "--", color=colour, linewidth=1.2, label=name)


def _depth(curve: xr.Dataset) -> float:
    """Return how far below the best a curve has to be seen, the lesser of its two sides."""
    measure, chosen = MEASURES[_measured(curve)], curve.attrs["chosen"]
    scale, value = curve["scale"].values, measure.sense * _value(curve)
    best = measure.sense * _best(curve)
    sides = np.interp(np.log([chosen / NEAR, chosen * NEAR]), np.log(scale), value)
    close = (scale >= chosen / NEAR) & (scale <= chosen * NEAR)
    errors = None if measure.error == "log_evidence_se" else curve[measure.error]
    reach = 0.0 if errors is None else MOST_ERRORS * float(errors.values[close].max())
    least = LEAST_SHOWN if measure.unit == NATS else LEAST_SHARE * abs(best)
    return max(least, 3.0 * float(best - sides.max()), reach)


def _seen(curve: xr.Dataset, depth: float) -> Array:
    """Return the scales at which a curve is above the depth, and one more to each side."""
    sense = MEASURES[_measured(curve)].sense
    scale, value = curve["scale"].values, sense * _value(curve)
    above = np.flatnonzero(value > sense * _best(curve) - depth)
    return scale[max(above[0] - 1, 0) : above[-1] + 2]


def _draw_density(ax: Axes, draws: Array, low: float, high: float) -> None:
    """Draw the density of log(scale) along the bottom, by a normal kernel (Silverman 1986)."""
    logs = np.log(draws)
    grid = np.linspace(np.log(low), np.log(high), 400)
    width = max(1.06 * logs.std() * len(logs) ** -0.2, grid[1] - grid[0])
    density = np.exp(-0.5 * ((grid[:, None] - logs) / width) ** 2).sum(axis=1)
    bottom, top = ax.get_ylim()
    height = DENSITY * (top - bottom) * density / density.max()
    ax.fill_between(
        np.exp(grid), bottom, bottom + height, color=GREY, alpha=0.45, lw=0, label="posterior"
    )
