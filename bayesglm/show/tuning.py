"""The curves that choose a scale as a picture: what each loses at any other scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import DataError
from bayesglm.show.figures import COLOURS, GREY, INK, named_handles, new_figure
from bayesglm.show.path import SCALE, add_penalty_axis, ends, make_logarithmic, penalty_power
from bayesglm.show.text import plain
from bayesglm.spec.hints import closest

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
NAMES = {"evidence": "evidence", "kfold": "k-fold", "loo": "PSIS-LOO"}
BANDS = {"log_evidence_se": 2.0, "elpd_diff_se": 1.0}  # errors that a band reaches to a side
NEAR = 10.0**0.5  # times the chosen scale, or a part of it: what happens there has to be seen
LEAST_SHOWN, MOST_ERRORS = 5.0, 2.5  # nats, and errors of a difference, below the best
DENSITY = 0.3  # of the height is for the posterior of the scale


def plot_tuning(tunings: Any, fit: xr.DataTree | None = None, term: str | None = None) -> Figure:
    """Draw the curves by which `tune_prior` chose a scale on one axis, each below its own best.

    The lower axis is the prior's scale, the upper axis the penalty it equals, where it equals one.
    Dots stand at the chosen scales. Bands of elpds are plus and minus one standard error of the
    difference to the chosen scale, those of evidences two Monte-Carlo standard errors; Laplace's
    evidence, where it differs, is dashed. The axis ends where all curves have fallen far.

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
    figure, axes = new_figure(len(names), 1, 4.4 * len(names))
    for ax, name in zip(axes[:, 0], names, strict=True):
        curves = {label: tree[name].to_dataset() for label, tree in trees.items()}
        # A fit in which one of several scales is learned says nothing of the others.
        learned = fit is not None and (len(names) == 1 or f"{name}_scale" in fit["posterior"])
        _draw_term(ax, curves, _scale_draws(fit, name) if learned else None)
        if len(names) > 1:
            ax.set_title(plain(name), loc="left", fontsize=11)
    handles = named_handles(axes)
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside right upper",
        fontsize=9,
        frameon=False,
        title=plain(names[0]) if len(names) == 1 else None,
    )
    return figure


def _draw_term(ax: Axes, curves: Mapping[str, xr.Dataset], draws: Array | None) -> None:
    """Draw the curves of one term, and the posterior of its scale where there is one."""
    ax.axhline(0, color=INK, linewidth=0.8)
    for place, (label, curve) in enumerate(curves.items()):
        _draw_curve(ax, curve, plain(label), COLOURS[place % len(COLOURS)])
    depth = max(_depth(curve) for curve in curves.values())
    ax.set_ylim(-depth, 0.12 * depth)
    ax.set_ylabel("below its best (nats)", fontsize=10)
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


def _opened(tunings: Any) -> dict[str, xr.DataTree]:
    """Return the trees of some tunings under their names."""
    if isinstance(tunings, Mapping) and not _is_tree(tunings):
        trees = {str(name): _tree_of(one) for name, one in tunings.items()}
    else:
        alone = hasattr(tunings, "curve") or not isinstance(tunings, Sequence)
        several = [_tree_of(one) for one in ([tunings] if alone else tunings)]
        trees = {}
        for tree in several:
            name = NAMES[tree.attrs["criterion"]]
            again = sum(one.rstrip(" 0123456789") == name for one in trees)
            trees[f"{name} {again + 1}" if again else name] = tree
    if not trees:
        raise DataError("plot_tuning needs at least one thing that tune_prior returned.")
    return trees


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


def _value(curve: xr.Dataset) -> Array:
    return curve["log_evidence" if "log_evidence" in curve else "elpd"].values


def _draw_curve(ax: Axes, curve: xr.Dataset, label: str, colour: str) -> None:
    scale, value = curve["scale"].values, _value(curve)
    best = value[scale == curve.attrs["chosen"]][0]
    ax.plot(scale, value - best, color=colour, linewidth=1.8, marker=".", ms=4, label=label)
    name = next(name for name in BANDS if name in curve)
    reach = BANDS[name] * curve[name].values
    ax.fill_between(
        scale, value - best - reach, value - best + reach, color=colour, alpha=0.15, lw=0
    )
    ax.plot(curve.attrs["chosen"], 0.0, "o", color=colour, markersize=8, markeredgecolor="white")
    laplace = curve.get("log_evidence_laplace")
    if laplace is not None and np.any(np.abs(laplace.values - value) > 1e-6):
        name = f"{label} (Laplace)"
        ax.plot(scale, laplace.values - best, "--", color=colour, linewidth=1.2, label=name)


def _depth(curve: xr.Dataset) -> float:
    """Return how far below the best a curve has to be seen, the lesser of its two sides."""
    scale, value, chosen = curve["scale"].values, _value(curve), curve.attrs["chosen"]
    best = value[scale == chosen][0]
    sides = np.interp(np.log([chosen / NEAR, chosen * NEAR]), np.log(scale), value)
    close = (scale >= chosen / NEAR) & (scale <= chosen * NEAR)
    errors = curve.get("elpd_diff_se")
    reach = 0.0 if errors is None else MOST_ERRORS * float(errors.values[close].max())
    return max(LEAST_SHOWN, 3.0 * float(best - sides.max()), reach)


def _seen(curve: xr.Dataset, depth: float) -> Array:
    """Return the scales at which a curve is above the depth, and one more to each side."""
    scale, value = curve["scale"].values, _value(curve)
    above = np.flatnonzero(value > value[scale == curve.attrs["chosen"]][0] - depth)
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
