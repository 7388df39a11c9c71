"""The cost of two coefficients: its valleys, and how solvers go down them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.results.descents import Descent
from bayesglm.results.loss import Loss, loss_of
from bayesglm.show.figures import COLOURS, GREY, INK, MOST_LETTERS, new_figure
from bayesglm.show.text import plain
from bayesglm.spec.families import LINK_NAMES
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
STYLES = {"newton": "-", "gradient": "--"}
NAMES = {"newton": "Newton", "gradient": "gradient descent"}
FEW_STEPS = 30  # that an axis shows evenly
FLOOR = 1e-6  # nats above the best that the axis of costs goes down to
MOST_DRAWN = 400  # points of a way: of more, evenly spaced in the logarithm of the step
DROPS = np.geomspace(0.01, 1e4, 13)  # nats above the lowest, between contours, of a shallow cost
VALLEYS = np.linspace(0.02, 0.98, 13)  # shares of the area below contours of a cost of valleys


def plot_loss(
    model: GLM,
    data: Any,
    coefficients: tuple[str, str] | None = None,
    starts: Any = None,
    solver: Any = ("newton", "gradient"),
    n_steps: int = 100,
    step: float | None = None,
) -> Figure:
    r"""Draw the cost of two coefficients, and the ways that solvers take down it.

    The cost is misfit plus penalty, -log p(y | w) - log p(w), in nats. Left: its contours, where it
    curves downwards (shaded: it is not convex there), and each way from its start (hollow) to where
    it stopped: in a minimum (diamond), at a saddle or a top (cross), or still on the way (arrow).
    Right: how far the cost is above the lowest that was found, after each step. The note says
    whether the cost is convex where it is drawn, how many ways ended in a worse minimum or at a
    saddle, and how many were still on their way.

    Parameters
    ----------
    model : GLM
    data
        As in `fit_map`.
    coefficients : pair of str, optional
        The two to draw, as in `plot_plane`. All other parameters are held at the MAP.
    starts : pair of numbers, or sequence of such, optional
        Where to start; (0, 0) by default.
    solver : {"newton", "gradient"}, or several
        ``"newton"``: Newton's steps, halved until the cost falls, the eigenvalues of the Hessian
        taken by their size (Nocedal & Wright 2006, Numerical Optimization, section 3.4).
        ``"gradient"``: w - step * slope; under a Laplace prior the proximal step, which then
        shrinks each weight by step times penalty (Beck & Teboulle 2009, SIAM J Imaging Sci 2:183).
    n_steps : int
        Steps of each way, at most.
    step : float, optional
        Size of gradient steps, taken as it is, also where the cost rises. By default one over the
        largest curvature at the start, halved for good wherever the cost would rise.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        Names that are no two coefficients, a whole population, starts that are no pairs of numbers
        or where cost, slope or curvature are not finite; as in `fit_map`.
    ModelError
        An unknown solver; Newton's steps on a cost with kinks; bounds on the two, or penalties
        of groups.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [0, 0, 1, 0, 1, 1], "a": [-2, -1, 0, 1, 1, 2], "b": [1, 0, 1, 0, -1, 0]}
    >>> model = bg.GLM("y", ["a", "b"], family="bernoulli", intercept=None, prior=bg.ridge(1.0))
    >>> figure = bg.plot_loss(model, data, starts=[(3, 3), (-2, 1)])
    >>> figure.axes[1].get_ylabel()
    'cost above the lowest (nats)'
    """
    loss = loss_of(model, data, coefficients, starts, solver, n_steps, step)
    figure, axes = new_figure(1, 2, 4.6, width_ratios=(1.15, 1.0))
    _draw_plane(axes[0, 0], loss)
    _draw_costs(axes[0, 1], loss)
    unit = LINK_NAMES[model.link_name].unit
    for put, name in zip(
        (axes[0, 0].set_xlabel, axes[0, 0].set_ylabel), loss.cost.names, strict=True
    ):
        per = "" if name.startswith("intercept") else " per unit"
        put(f"{plain(name, MOST_LETTERS)} ({unit}{per})")
    figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=9)
    figure.supxlabel("\n".join(loss_sentences(loss)), fontsize=9, color=INK)
    return figure


def _draw_plane(ax: Axes, loss: Loss) -> None:
    surface = loss.surface
    finite = np.isfinite(surface.values)
    lowest = min(loss.best, float(surface.values[finite].min()))
    above = np.where(finite, surface.values - lowest, np.nan).T
    top = float(np.nanmax(above))
    levels = DROPS[(top > DROPS) & (np.nanmin(above) < DROPS)]
    if len(levels) < 6:
        levels = np.linspace(np.nanmin(above), top, 12)[1:-1]
    if not loss.is_convex:
        levels = np.union1d(levels, np.nanquantile(above, VALLEYS))
    ax.contour(surface.x, surface.y, above, levels=levels, colors=GREY, linewidths=0.8)
    curvature = loss.curvature
    if not loss.is_convex:
        ax.contourf(
            curvature.x,
            curvature.y,
            curvature.values.T,
            levels=[-np.inf, 0.0],
            colors=["#F3D9C9"],
            zorder=0,
        )
    for k, one in enumerate(loss.descents):
        colour = _colour(loss, k)
        way = one.points[_drawn(one)]
        ax.plot(*way.T, STYLES[one.solver], color=colour, linewidth=1.4, marker=".", markersize=3)
        ax.plot(*one.points[0], "o", markerfacecolor="white", color=colour, markersize=7)
        end = "D" if one.has_ended else "X" if one.at_saddle else ">"
        ax.plot(*one.points[-1], end, color=colour, markersize=6)
    ax.set_xlim(surface.x[0], surface.x[-1])
    ax.set_ylim(surface.y[0], surface.y[-1])


def _draw_costs(ax: Axes, loss: Loss) -> None:
    for k, one in enumerate(loss.descents):
        at = _drawn(one)
        above = np.maximum(one.costs[at] - loss.best, FLOOR)
        start = ", ".join(f"{number:g}" for number in one.points[0])
        ax.plot(
            at,
            above,
            STYLES[one.solver],
            color=_colour(loss, k),
            marker=".",
            markersize=3,
            label=f"{NAMES[one.solver]} from ({start})",
        )
    ax.set_yscale("log")
    _number_steps(ax, max(one.n_steps for one in loss.descents))
    ax.set_xlabel("step")
    ax.set_ylabel("cost above the lowest (nats)")


def _number_steps(ax: Axes, most: int) -> None:
    """Lay out the axis of steps, numbered by whole steps: beyond few of them in logarithms."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

    ax.set_xlim(0, max(most, 1))
    if most <= FEW_STEPS:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        return
    ax.set_xscale("symlog", linthresh=10, linscale=1.0)
    tens = [10**k for k in range(1, len(str(most)))]
    halves = [5 * ten for ten in tens if 5 * ten <= most] if len(tens) < 3 else []
    ax.set_xticks([0, 5, *sorted(tens + halves)])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))


def _colour(loss: Loss, k: int) -> str:
    """Return the colour of a way: that of its start."""
    n_starts = len({tuple(one.points[0]) for one in loss.descents})
    return COLOURS[k % max(n_starts, 1) % len(COLOURS)]


def _drawn(one: Descent) -> Array:
    """Return the steps of a way to draw: all, or some that grow apart."""
    if one.n_steps < MOST_DRAWN:
        return np.arange(one.n_steps + 1)
    grown = np.geomspace(1, one.n_steps, MOST_DRAWN).astype(int)
    return np.unique(np.concatenate([[0], grown]))


def loss_sentences(loss: Loss) -> list[str]:
    """Say in words what the figure shows."""
    least = float(np.nanmin(loss.curvature.values))
    held = loss.cost.n_held
    said = [
        f"Convex where it is drawn: the least curvature is {least:.2g} nats per squared unit."
        if loss.is_convex
        else "Not convex: the cost curves downwards in the shaded region "
        f"(least curvature {least:.2g} nats per squared unit)."
    ]
    going = [one for one in loss.descents if not (one.has_ended or one.at_saddle or one.escaped)]
    if going:
        furthest = max(going, key=lambda one: float(np.abs(one.points[-1]).max()))
        weight = furthest.points[-1][np.argmax(np.abs(furthest.points[-1]))]
        said.append(
            f"{_count(going, loss)} still on the way after {furthest.n_steps:,} steps, with "
            f"{NAMES[furthest.solver]} at a weight of {weight:.3g}."
        )
    worse = [one for one in loss.descents if one.has_ended and not loss.is_best(one)]
    if worse:
        by = max(one.costs[-1] for one in worse) - loss.best
        said.append(
            f"{_count(worse, loss)} in a worse minimum, up to {by:.2g} nats above the best."
        )
    saddles = [one for one in loss.descents if one.at_saddle]
    if saddles:
        said.append(
            f"{_count(saddles, loss)} at a saddle or a top: the cost is level there, and falls "
            "away to a side."
        )
    escaped = [one for one in loss.descents if one.escaped]
    if escaped:
        said.append(f"{_count(escaped, loss)} ran away upwards: the step is too large.")
    if held:
        other = "the other parameter is" if held == 1 else f"the other {held} parameters are"
        said.append(f"{other[0].upper()}{other[1:]} held at the MAP.")
    return said


def _count(some: list[Descent], loss: Loss) -> str:
    return f"{len(some)} of {len(loss.descents)} ways"
