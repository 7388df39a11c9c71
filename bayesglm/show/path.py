"""The regularisation path as a picture: estimates against prior scale, and against penalty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import DataError
from bayesglm.show.figures import (
    COLOURS,
    GREY,
    INK,
    check_term,
    coefficient_labels,
    new_figure,
)
from bayesglm.show.text import plain
from bayesglm.show.units import unit_of_coefficients
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
SCALE = "scale of the prior (wider to the right)"
MOST_LETTERS = 20  # of a term's name beside its axis
MOST_NAMED = 10  # lines that are told apart by colour and name


def plot_path(path: xr.DataTree, term: str | None = None, sd: bool = False) -> Figure:
    """Draw how the estimates of one term grow as its prior widens: the regularisation path.

    The lower axis is the prior's scale, the upper axis the penalty it equals, where it equals one.
    Bands, where the posterior is smooth, are plus and minus one posterior standard deviation. Below
    stand the effective number of parameters and the share of the deviance that is explained,
    relative to the strongest prior of the path.

    Parameters
    ----------
    path : xarray.DataTree
        What `prior_path` returns; of a population, one unit along its dim: ``path.isel({dim: 0})``.
    term : str, optional
        The term to draw; by default the first whose prior took the scales.
    sd : bool
        Whether to draw the posterior standard deviations of the same coefficients in a panel of
        their own, beside the scale itself: where they lie on it, the prior alone decides.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        No path, a path of a whole population, an unknown term, or standard deviations of a path
        that has none, since at a kink no curvature tells them.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [0, 0, 1, 1, 0, 1], "x": [-2.0, -1.0, -0.5, 0.5, 1.0, 2.0]}
    >>> model = bg.GLM("y", "x", family="bernoulli", prior=bg.ridge(1.0))
    >>> figure = bg.plot_path(bg.prior_path(model, data, [0.1, 0.5, 2.0]))
    >>> len(figure.axes)
    4
    """
    estimates, name = _opened(path, term)
    scale = estimates["scale"].values
    order = np.argsort(scale)
    _check_sd(path, sd)
    ratios, height = ((3.0, 1.6, 1.2), 8.2) if sd else ((3.0, 1.2), 6.2)
    layout = {"height_ratios": ratios}
    figure, axes = new_figure(len(ratios), 1, height, sharex=True, gridspec_kw=layout)
    upper, lower = axes[0, 0], axes[-1, 0]
    lower.set_title(
        _draw_estimates(upper, path, estimates, name, order), loc="right", fontsize=9, color=INK
    )
    _draw_statistics(lower, path, order)
    if sd:
        _draw_sds(axes[1, 0], path, name, order)
    for ax in axes[:, 0]:
        make_logarithmic(ax, *ends(scale))
    lower.set_xlabel(SCALE, fontsize=10)
    power = penalty_power(path["path"].to_dataset())
    if power is not None:
        add_penalty_axis(upper, *ends(scale), power)
    return figure


def _opened(path: Any, term: str | None) -> tuple[xr.DataArray, str]:
    if getattr(path, "attrs", {}).get("method") != "path":
        raise DataError(
            "plot_path draws what prior_path returns; write "
            "plot_path(prior_path(model, data, scales))."
        )
    estimates = path["path"].to_dataset()
    population = path.attrs["population"]
    if population and population in estimates.dims:
        raise DataError(
            f"the path is that of a whole population; choose one: path.isel({population}=0)."
        )
    names = [one.label for one in GLM.from_json(path.attrs["model"]).terms]
    # Names may hold commas, too: the longest that fits is the one.
    first = [name for name in names if f"{path.attrs['terms']}, ".startswith(f"{name}, ")]
    name = max(first, key=len) if term is None else term
    check_term(name, names, "path")
    return estimates[name], name


def _draw_estimates(
    ax: Axes, path: xr.DataTree, estimates: xr.DataArray, name: str, order: Array
) -> str:
    """Draw the lines of a term's coefficients; return what a reader has to know of them."""
    scale = estimates["scale"].values[order]
    values = estimates.transpose("scale", ...).values.reshape(len(scale), -1)[order]
    sds = _sds(path, name)[order] if "sd" in path.children else None
    largest = _largest(values)
    model = GLM.from_json(path.attrs["model"])
    labels = coefficient_labels(estimates.isel(scale=0))
    ax.axhline(0, color=INK, linewidth=0.8)
    for k in range(values.shape[1]):
        if k not in largest:
            ax.plot(scale, values[:, k], color=GREY, linewidth=0.8, alpha=0.6)
    few, alone = values.shape[1] <= MOST_NAMED, "o" if len(scale) == 1 else None
    for place, k in enumerate(largest):
        look = _look(place) | {"marker": alone}
        ax.plot(scale, values[:, k], label=labels[k], **look)
        if sds is not None and few:
            low, high = values[:, k] - sds[:, k], values[:, k] + sds[:, k]
            edge = 6.0 if alone else 0.0  # a band over one scale has no width but its edge's
            ax.fill_between(scale, low, high, color=look["color"], alpha=0.15, lw=edge)
    ax.set_ylabel(
        f"{plain(name, MOST_LETTERS)}: MAP estimate\n({unit_of_coefficients(model, name)})",
        fontsize=10,
    )
    if values.shape[1] > 1:
        dims = ", ".join(plain(dim) for dim in estimates.dims if dim != "scale")
        most = "" if few else ": largest\nat the widest prior"
        title = f"{plain(name)}{most}\n({dims})"
        handles, names = ax.get_legend_handles_labels()
        ax.get_figure(root=True).legend(  # type: ignore[union-attr]
            handles, names, loc="outside right upper", fontsize=9, frameon=False, title=title
        )
    if sds is None:
        return "modes under a kinked prior are sparse; posteriors are not"
    return "bands: ± 1 posterior sd" if few else ""


def _largest(values: Array) -> list[int]:
    """Return the coefficients that are largest at the widest prior, in their own order."""
    return sorted(np.argsort(-np.abs(values[-1]), kind="stable")[:MOST_NAMED].tolist())


def _look(place: int) -> dict[str, Any]:
    """Return the look of a named coefficient's line."""
    style = "-" if place < len(COLOURS) else "--"
    return {"color": COLOURS[place % len(COLOURS)], "linestyle": style, "linewidth": 1.8}


def _sds(path: xr.DataTree, name: str) -> Array:
    """Return the posterior sds ``(scales, coefficients)`` of a term."""
    sd = path["sd"].to_dataset()[name].transpose("scale", ...).values
    return sd.reshape(len(sd), -1)


def _check_sd(path: xr.DataTree, sd: Any) -> None:
    if not isinstance(sd, bool):
        raise DataError(f"sd says whether to draw standard deviations: True or False, got {sd!r}.")
    if sd and "sd" not in path.children:
        raise DataError(
            "the path has no posterior sds: at a kink or a bound the curvature tells none. "
            "fit(model, data) at one scale gives them."
        )


def _draw_sds(ax: Axes, path: xr.DataTree, name: str, order: Array) -> None:
    """Draw posterior sds along the path, and the scale of the prior, with which they begin."""
    estimates = path["path"].to_dataset()[name].transpose("scale", ...)
    scale = estimates["scale"].values[order]
    values, sds = estimates.values.reshape(len(scale), -1)[order], _sds(path, name)[order]
    largest, alone = _largest(values), "o" if len(scale) == 1 else None
    ax.plot(scale, scale, color=INK, linestyle=":", linewidth=1.2, marker=alone)
    for k in range(sds.shape[1]):
        look: dict[str, Any] = {"color": GREY, "linewidth": 0.8, "alpha": 0.6}
        look = _look(largest.index(k)) if k in largest else look
        ax.plot(scale, sds[:, k], marker=alone, **look)
    ax.set_yscale("log")
    positive = sds[sds > 0.0]
    if len(positive):
        ax.set_ylim(0.6 * positive.min(), 1.8 * positive.max())
    ax.set_ylabel("posterior sd\n(dotted: the scale)", fontsize=10)


def _draw_statistics(ax: Axes, path: xr.DataTree, order: Array) -> None:
    statistics, estimates = path["statistics"].to_dataset(), path["path"].to_dataset()
    # A dispersion that is learned grows with what is left to explain, and divides it: without it
    # alone do deviances along the path have one unit.
    family = FAMILY_NAMES[GLM.from_json(path.attrs["model"]).family]
    deviance = statistics["deviance"]
    for name, power in zip(family.dispersions, family.deviance_powers, strict=True):
        deviance = deviance * estimates.get(name, 1.0) ** -power
    deviance = deviance.values[order]
    statistics = statistics.isel(scale=order)
    scale = statistics["scale"].values
    alone = "o" if len(scale) == 1 else None
    ax.plot(scale, statistics["edf"], color=COLOURS[0], linewidth=1.8, marker=alone)
    ax.set_ylabel("effective number\nof parameters", color=COLOURS[0], fontsize=10)
    ax.set_ylim(bottom=0)
    other = ax.twinx()
    other.spines["top"].set_visible(False)
    other.tick_params(labelsize=10)
    share = 1.0 - deviance / deviance[0]
    other.plot(scale, share, color=COLOURS[1], linewidth=1.8, marker=alone)
    other.set_ylabel("share of deviance\nexplained", color=COLOURS[1], fontsize=10)


def penalty_power(along: xr.Dataset) -> float | None:
    """Return the power of the scale that its penalty is, or None where it has none."""
    if "penalty" not in along.coords:
        return None
    return -1.0 if np.allclose(along["penalty"] * along["scale"], 1.0) else -2.0


def add_penalty_axis(ax: Axes, low: float, high: float, power: float) -> None:
    """Give an axis of scales from low to high one of the penalties that they are, above."""
    # A twin with limits of its own: both axes are logarithmic.
    twin = ax.twiny()
    make_logarithmic(twin, low**power, high**power)
    twin.spines["right"].set_visible(False)
    twin.tick_params(labelsize=10)
    twin.set_xlabel("penalty lam (stronger to the left)", fontsize=10)


def ends(scale: Array) -> tuple[float, float]:
    """Return the limits of the scales' axis: those of the path, or around its only scale."""
    low, high = float(scale.min()), float(scale.max())
    return (low, high) if low < high else (low / 2, high * 2)


def make_logarithmic(ax: Axes, left: float, right: float) -> None:
    """Give an axis a logarithmic scale; over less than two decades name more than their ends."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    ax.set_xscale("log")
    ax.set_xlim(left, right)
    ax.xaxis.set_minor_formatter("")
    decades = abs(np.log10(right / left))
    if decades < 2:
        ax.xaxis.set_minor_locator(NullLocator())
        steps = [1.0, 2.0, 5.0] if decades > 0.7 else [float(step) for step in range(1, 10)]
        if decades < 0.1:
            ax.set_xticks(np.linspace(left, right, 3))
        else:
            ax.xaxis.set_major_locator(LogLocator(subs=steps))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
