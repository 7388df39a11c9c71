"""The curves that choose a scale as a picture: what each would lose at any other scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import DataError
from bayesglm.show.figures import COLOURS, GREY, INK, new_figure
from bayesglm.show.path import SCALE, add_penalty_axis, make_logarithmic
from bayesglm.spec.noun import near

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
NAMES = {"evidence": "evidence", "kfold": "k-fold", "loo": "PSIS-LOO"}
HALF_DECADE = 10.0**0.5
LEAST_SHOWN = 5.0  # nats below the best


def plot_tuning(tunings: Any, fit: xr.DataTree | None = None, term: str | None = None) -> Figure:
    """Draw the curves by which `tune_prior` chose a scale on one axis, each below its own best.

    The lower axis is the prior's scale, the upper axis the penalty it equals, where it equals one.
    Dots stand at the chosen scales. Bands of elpds are plus and minus one standard error of the
    difference to the chosen scale, those of evidences two Monte-Carlo standard errors; Laplace's
    evidence is dashed.

    Parameters
    ----------
    tunings : what `tune_prior` returns, or its curve; a mapping of names to them, or a sequence
        By default the names are those of the methods.
    fit : xarray.DataTree, optional
        A posterior fit in which the scale is learned: the posterior density of the logarithm of
        ``<term>_scale`` is drawn below the curves.
    term : str, optional
        The term whose scale to draw; by default the first.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        Nothing that `tune_prior` returned, a term that was not tuned, or a fit without its scale.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [0, 1, 1, 0, 1, 0], "x": [-2.0, -1.0, -0.5, 0.5, 1.0, 2.0]}
    >>> model = bg.GLM("y", "x", dispersion=1.0, prior=bg.ridge(1.0))
    >>> tuned = bg.tune_prior(model, data, scales=[0.05, 0.2, 1.0])
    >>> figure = bg.plot_tuning(tuned)
    >>> len(figure.axes)
    2
    """
    curves, name = _opened(tunings, term)
    posterior = None if fit is None else _scale_draws(fit, name)
    figure, axes = new_figure(1, 1, 4.4)
    ax = axes[0, 0]
    for place, (label, curve) in enumerate(curves.items()):
        _draw_curve(ax, curve, label, COLOURS[place % len(COLOURS)])
    every = np.concatenate([curve["scale"].values for curve in curves.values()])
    low, high = float(every.min()), float(every.max())
    if low == high:
        low, high = low / 2, high * 2
    depth = max(_depth(curve) for curve in curves.values())
    ax.set_ylim(-depth, 0.1 * depth)
    ax.set_ylabel("below the best (nats)", fontsize=10)
    if posterior is not None:
        _draw_posterior(ax, posterior, low, high)
    make_logarithmic(ax, low, high)
    ax.set_xlabel(SCALE, fontsize=10)
    ax.axhline(0, color=INK, linewidth=0.8)
    if all("penalty" in curve.coords for curve in curves.values()):
        first = next(iter(curves.values()))
        add_penalty_axis(ax, np.array([low, high]), _at_ends(first, low, high))
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside right upper", fontsize=9, frameon=False, title=name
    )
    return figure
