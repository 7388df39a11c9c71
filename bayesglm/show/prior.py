"""Priors as pictures: the density, the penalty that it equals, and what it does to an estimate."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import DataError, ModelError
from bayesglm.numerics.priors.record import Prior
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.show.figures import COLOURS, GREY, INK, new_figure
from bayesglm.show.text import plain
from bayesglm.spec.hints import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
REACH = 6.0  # standard errors of an estimate to either side of the priors' centres
BEYOND = 9.0  # standard errors from an estimate: no posterior of it is seen further out
ORDER = 8  # nodes of Gauss and Legendre on each panel of an integral
BETWEEN = 200  # nodes between two ends
LEAST = 1e-5  # the width of the first panel beside a centre; three are in each power of ten
MASS = 0.9  # of a prior between the ends of the axis of its density
WIDEST = 5.0  # times the narrowest prior's range: what is shown of wider ones
DEEPEST = 8.0  # nats of a penalty, as far as it is drawn
FURTHEST = 1e9  # standard errors of a centre from zero
NEAREST, KNOTS = 1e-7, 70  # of splines of densities with a pole: distances from it, and nodes


def plot_prior(*priors: Any) -> Figure:
    r"""Draw priors side by side: density, penalty, and what each makes of an estimate.

    The third panel takes one coefficient, whose maximum likelihood estimate z has the standard
    error 1, and draws what becomes of it as z moves: the posterior mode (dashed), which is the
    proximal operator of the penalty, argmin penalty(w) + (w - z)\ :sup:`2`/2, and the posterior
    mean (solid), the integral of w over N(z; w, 1) p(w). The mode of a kinked prior is flat at its
    centre, and so gives exact zeros; no mean is flat. A prior's scale is one in standard errors.

    Scales that are learned are integrated out. Their densities know no bound at the centre, where
    the mode therefore always is: it is not drawn, and the penalty is minus the log density, zero at
    the lowest that is drawn.

    Parameters
    ----------
    *priors
        Priors of single coefficients, of which each number is one number.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        No priors, or something that is none.
    ModelError
        A prior that says nothing of a single coefficient (`RandomWalk`), or one of several.

    Examples
    --------
    >>> import bayesglm as bg
    >>> figure = bg.plot_prior(bg.ridge(1.0), bg.lasso(1.0), bg.Horseshoe(0.5))
    >>> [ax.get_title(loc="left") for ax in figure.axes]
    ['prior density', 'penalty', 'an estimate, shrunk']
    """
    if not priors:
        raise DataError("plot_prior needs a prior, such as bg.lasso(1.0).")
    curves = [_checked(prior) for prior in priors]
    figure, axes = new_figure(1, 3, 3.6 + 0.24 * -(-len(curves) // 3))
    density, penalty, shrinkage = axes[0]
    _draw_shapes(density, penalty, curves)
    _draw_shrinkage(shrinkage, curves)
    handles, labels = shrinkage.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=10)
    notes = _notes(curves)
    if notes:
        figure.supxlabel("\n".join(notes), fontsize=9, color=INK)
    return figure


@dataclass(frozen=True)
class Curves:
    """What is drawn of one prior of a single coefficient."""

    prior: Any
    centre: float
    is_together: bool  # of vectors, of which a coefficient is one alone

    @property
    def name(self) -> str:
        """The prior as it is written, its numbers in four digits."""
        return plain(re.sub(r"\d+\.\d{4,}", lambda n: f"{float(n[0]):.4g}", repr(self.prior)), 40)

    @property
    def is_proper(self) -> bool:
        """Whether the density integrates to one."""
        return self._record.proper

    @property
    def _record(self) -> Prior:
        return PRIORS[self.prior.in_numbers[0]]

    def log_density(self, x: Array) -> Array:
        """Return the log density of a coefficient at x.

        Each of one that is itself an integral costs a millisecond; beside their pole at the centre
        such densities are smooth in log distance, and read off a spline.
        """
        if self.has_penalty or self._record.support != "real":
            return self.prior.logpdf(x[:, None] if self.is_together else x)
        away = np.abs(x - self.centre)
        return self._by_distance(np.log(np.maximum(away, NEAREST)))

    @cached_property
    def _by_distance(self) -> Any:
        from scipy.interpolate import CubicSpline

        t = np.linspace(np.log(NEAREST), np.log(2.0 * (REACH + BEYOND)), KNOTS)
        return CubicSpline(t, self.prior.logpdf(self.centre + np.exp(t)))

    @cached_property
    def has_penalty(self) -> bool:
        """Whether the density has a highest point, beside which it is a penalty."""
        try:
            self.prior.penalty(np.array([self.centre]))
        except ModelError:
            return False
        return True

    def penalty(self, x: Array, log_density: Array) -> Array:
        """Return the penalty; of a density without bound from its highest point among x."""
        if self.has_penalty:
            return self.prior.penalty(x[:, None] if self.is_together else x)
        return log_density.max() - log_density

    def modes(self, z: Array) -> Array | None:
        """Return the posterior modes of estimates z; None where no formula gives them."""
        try:
            found = self.prior.prox(z[:, None] if self.is_together else z, 1.0)
        except ModelError:
            return None
        return np.reshape(found, z.shape)

    @cached_property
    def nodes(self) -> tuple[Array, Array]:
        """Nodes and weights of integrals over a coefficient, close together at centre and ends."""
        numbers = self.prior.in_numbers[1]
        if self._record.support in ("unit", "interval"):
            reach = REACH + BEYOND
            low, high = np.clip(
                [numbers.get("lower", 0.0), numbers.get("upper", 1.0)], -reach, reach
            )
            at, share = np.polynomial.legendre.leggauss(BETWEEN)
            angle = 0.25 * np.pi * (at + 1.0)
            x = low + (high - low) * np.square(np.sin(angle))
            return x, 0.25 * np.pi * (high - low) * np.sin(2.0 * angle) * share
        inner = np.geomspace(LEAST, 1.0, 16)
        outer = np.arange(2.25, REACH + BEYOND + 1.25, 1.25)
        edges = np.concatenate([[0.0], inner, outer])
        at, share = np.polynomial.legendre.leggauss(ORDER)
        middle, half = (edges[1:] + edges[:-1]) / 2.0, (edges[1:] - edges[:-1]) / 2.0
        x, weights = (middle[:, None] + half[:, None] * at).ravel(), np.outer(half, share).ravel()
        both = np.concatenate([-x[::-1], x]) + self.centre
        return both, np.concatenate([weights[::-1], weights])

    @cached_property
    def masses(self) -> Array:
        """The log of the prior mass that each node stands for."""
        x, weights = self.nodes
        with np.errstate(divide="ignore"):  # of no width
            return self.log_density(x) + np.log(weights)

    def means(self, z: Array) -> Array:
        """Return the posterior means of estimates z."""
        x, _ = self.nodes
        log_mass = self.masses - 0.5 * (z[:, None] - x) ** 2
        mass = np.exp(log_mass - log_mass.max(axis=1, keepdims=True))
        return (mass @ x) / mass.sum(axis=1)

    @cached_property
    def range(self) -> float:
        """How far from the centre `MASS` of the prior lies, of what the nodes reach."""
        x, _ = self.nodes
        away = np.abs(x - self.centre)
        order = np.argsort(away)
        mass = np.cumsum(np.exp(self.masses)[order])
        return float(away[order][np.searchsorted(mass, MASS * mass[-1])])


def _checked(prior: Any) -> Curves:
    """Return the curves of a prior; raises where it is none of a single coefficient."""
    if isinstance(prior, type) or not hasattr(prior, "traits") or not hasattr(prior, "logpdf"):
        is_several = isinstance(prior, (list, tuple, Mapping))
        remedy = " Give them one by one: plot_prior(*priors)." if is_several else ""
        raise DataError(
            f"plot_prior draws priors, such as bg.lasso(1.0); got {shown(prior)}.{remedy}"
        )
    centre = getattr(prior, "loc", 0.0)
    if prior.traits.needs_dims or np.ndim(centre):
        raise ModelError(
            f"{prior!r} says nothing of a single coefficient; plot_prior draws priors of one, with "
            "one number each."
        )
    at = np.array([centre + 0.5, centre + 1.0])
    is_together = np.shape(prior.logpdf(at)) == ()
    curves = Curves(prior, float(centre), is_together)
    if abs(centre) > FURTHEST or not np.isfinite(curves.masses).any():
        raise ModelError(
            f"{prior!r} is too narrow, or too far from zero, to be drawn beside an estimate whose "
            "standard error is 1; say its numbers in standard errors."
        )
    return curves


def _look(k: int) -> dict[str, Any]:
    """Return the look of the k-th prior's lines."""
    return {"color": COLOURS[k % len(COLOURS)], "linewidth": 1.8}


def _draw_shapes(density: Axes, penalty: Axes, curves: list[Curves]) -> None:
    """Draw densities and penalties over one range, in which most of the mass lies."""
    proper = [one for one in curves if one.is_proper] or curves
    narrowest = min(one.range for one in proper)
    half = 1.6 * min(max(one.range for one in proper), WIDEST * narrowest)
    low = min(one.centre for one in curves) - half
    high = max(one.centre for one in curves) + half
    highest = []
    for k, one in enumerate(curves):
        near = half * np.geomspace(2e-3, 1.0, 40)
        away = np.concatenate([-near[::-1], [0.0] if one.has_penalty else [], near])
        x = np.union1d(one.centre + away, np.linspace(low, high, 31))
        x = x[(x >= low) & (x <= high)]
        if not one.has_penalty:
            x = x[np.abs(x - one.centre) > 1e-3 * half]
        log_density = one.log_density(x)
        if one.is_proper:
            density.plot(x, np.exp(log_density), **_look(k))
            away = np.abs(x - one.centre) > (-1.0 if one.has_penalty else 0.04 * half)
            highest.append(float(np.exp(log_density[away]).max()))
        penalty.plot(x, one.penalty(x, log_density), **_look(k))
    for ax in (density, penalty):
        ax.set_xlim(low, high)
        ax.set_xlabel("coefficient\n(in its standard errors)", fontsize=10)
    if highest:
        density.set_ylim(0.0, 1.08 * max(highest))
    deepest = max((float(line.get_ydata().max()) for line in penalty.get_lines()), default=1.0)  # type: ignore[union-attr]
    penalty.set_ylim(0.0, min(DEEPEST, 1.05 * deepest) or 1.0)
    density.set_title("prior density", loc="left", fontsize=11)
    penalty.set_title("penalty", loc="left", fontsize=11)
    penalty.set_ylabel("nats", fontsize=10)


def _draw_shrinkage(ax: Axes, curves: list[Curves]) -> None:
    """Draw posterior means and modes against the maximum likelihood estimate."""
    low = min(one.centre for one in curves) - REACH
    high = max(one.centre for one in curves) + REACH
    z = np.linspace(low, high, 241)
    ax.plot(z, z, color=GREY, linewidth=1.0, linestyle=":")
    ax.axhline(0, color=INK, linewidth=0.6)
    for k, one in enumerate(curves):
        ax.plot(z, one.means(z), label=one.name, **_look(k))
        modes = one.modes(z)
        if modes is not None:
            ax.plot(z, modes, linestyle="--", **_look(k) | {"linewidth": 1.3})
    ax.set_xlim(low, high)
    ax.set_ylim(low, high)
    ax.set_aspect("equal")
    ax.set_title("an estimate, shrunk", loc="left", fontsize=11)
    ax.set_xlabel("maximum likelihood estimate\n(in its standard errors)", fontsize=10)
    ax.set_ylabel("mean (solid), mode (dashed)", fontsize=10)


def _notes(curves: list[Curves]) -> list[str]:
    notes = []
    boundless = [one.name for one in curves if not one.has_penalty]
    if boundless:
        notes.append(
            f"the density of {', '.join(boundless)} has no bound at its centre, or at an end, "
            "where its mode always is"
        )
    improper = [one.name for one in curves if not one.is_proper]
    if improper:
        notes.append(f"{', '.join(improper)} is improper and has no density that adds up to one")
    return notes
