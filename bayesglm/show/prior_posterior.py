"""Priors and posteriors of the same parameters as a picture: what the data have decided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import DataError
from bayesglm.inference.problem.asked import check_seed
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.tree.named import parameters
from bayesglm.inference.tree.words import Entries, entries_of
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.results.prior_draws import draw_thetas
from bayesglm.results.scores.log_likelihood import posterior_problems
from bayesglm.show.chosen import chosen_units, unit_title
from bayesglm.show.figures import (
    COLOURS,
    GREY,
    INK,
    check_term,
    hide_beyond,
    named_handles,
    new_figure,
    write_note,
)
from bayesglm.show.text import plain
from bayesglm.show.units import link_unit, unit_of_coefficients
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
MOST_PANELS = 24  # parameters in a figure: chosen
COLUMNS, HEIGHT = 4, 1.75  # of panels, in inches
DRAWS = 4_000  # from the priors, and of the posterior at most
PLACES = 241  # of each density: chosen
CENTRAL = (0.03, 0.97)  # of a prior, that is shown where that is not too wide: 94%
WIDEST = 10.0  # times as wide as the posterior an axis is, at most: chosen
MOST_LETTERS = 18  # of a name, beside what else stands above a panel
PRIOR, POSTERIOR = "prior", "posterior"


def plot_prior_posterior(
    fit: xr.DataTree, term: str | None = None, units: Any = None, seed: int = 0
) -> Figure:
    """Draw the posterior density of each coefficient over its prior density.

    Beside each name stands how wide the posterior is against the prior, by what 94% of each lie
    between. Where a
    prior's scale is learned, the density is what it makes of a coefficient with the scale
    integrated out; so are those of all others that are learned above. Flat priors have no density
    and are not drawn. Axes reach as far as the posterior does, and as 94% of the prior if that is
    at most ten times as wide: of wider ones a part is seen, which looks flat.

    Parameters
    ----------
    fit : xarray.DataTree
        A posterior fit.
    term : str, optional
        One term, or another parameter such as ``"intercept"``, ``"sigma"`` or ``"x_scale"``, alone.
        Of more than 24 parameters those are drawn of which the data have decided most.
    units : label, optional
        The member of a population to draw; the first by default.
    seed : int
        Seed of what is drawn from the priors.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        A fit without a posterior, an unknown term or unit.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2]}
    >>> fitted = bg.fit(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> [ax.get_title(loc="left") for ax in bg.plot_prior_posterior(fitted).axes]
    ['intercept', 'x']
    """
    posterior_problems(fit)
    seed = check_seed(seed)
    chosen = chosen_units(fit, units, 1)
    every = list(_parameters(chosen.kept[0], seed))
    if term is not None:
        check_term(term, list(dict.fromkeys(one.name for one in every)), "fit")
        every = [one for one in every if one.name == term]
    if not every:
        raise DataError(
            "no parameter of this fit has draws that differ, which a density needs; draw more."
        )
    kept = np.sort(np.argsort([one.left for one in every], kind="stable")[:MOST_PANELS])
    columns = min(COLUMNS, len(kept))
    rows = -(-len(kept) // columns)
    figure, axes = new_figure(rows, columns, 0.8 + HEIGHT * rows)
    hide_beyond(axes, len(kept))
    for ax, k in zip(axes.flat, kept, strict=False):
        _draw(ax, every[k])
    handles = named_handles(axes)
    figure.legend(
        handles.values(), handles.keys(), loc="outside upper left", ncols=2, frameon=False
    )
    title = unit_title(chosen.kept[0].problem)
    more = len(every) - len(kept)
    told = f"Not drawn: {more} more parameters, of which the data decided less." if more else ""
    write_note(figure, " ".join(filter(None, [title and f"Drawn: {title}.", chosen.note, told])))
    return figure


@dataclass(frozen=True)
class _Parameter:
    """One number: draws from the posterior, and the prior's density and spread; None where flat."""

    name: str
    words: str
    unit: str
    posterior: Array
    prior: Array | None  # draws
    part: PriorPart | None  # whose density is known, given what is learned above
    thetas: Array  # draws of these from the prior
    place: int

    @property
    def left(self) -> float:
        """How wide the posterior is against the prior, by what 94% of each lie between."""
        if self.prior is None:
            return 0.0
        width = float(np.diff(np.quantile(self.prior, CENTRAL))[0])
        return float(np.diff(np.quantile(self.posterior, CENTRAL))[0]) / max(width, 1e-300)

    @property
    def is_positive(self) -> bool:
        """Whether the prior has none below zero."""
        return self.prior is not None and float(self.prior.min()) >= 0.0

    @property
    def axis(self) -> Array:
        """Places from end to end."""
        low, high = np.quantile(self.posterior, [0.001, 0.999])
        low, high = low - 0.15 * (high - low), high + 0.15 * (high - low)
        if self.prior is not None:
            ends = np.quantile(self.prior, CENTRAL)
            middle, half = 0.5 * (low + high), 0.5 * WIDEST * (high - low)
            low = min(low, max(ends[0], middle - half))
            high = max(high, min(ends[1], middle + half))
        if self.is_positive:
            low = max(low, 0.0)
        return np.linspace(low, high, PLACES)

    def prior_density(self, x: Array) -> Array | None:
        """Return the prior's density: means over what is learned above, or of its draws."""
        if self.prior is None:
            return None
        if self.part is None:
            return density(self.prior, x, self.is_positive)
        given = self.part.given(self.thetas)
        size = self.part.size
        numbers = {
            name: _own(np.asarray(value), size, self.place)
            for name, value in given.structure.of_each(given.parameters).items()
        }
        return np.exp(given.prior.log_density(x[:, None], **numbers)).mean(axis=1)


def _own(value: Array, size: int, place: int) -> Array:
    """Return a coefficient's own of numbers ``(..., size)``, or in common."""
    if value.ndim and value.shape[-1] in (1, size):
        value = value[..., place if value.shape[-1] == size else 0]
    return np.atleast_1d(value)


def density(draws: Array, x: Array, is_positive: bool = False) -> Array:
    """Return the density of draws at places, by a Gaussian kernel; of positive ones down to zero.

    Only draws near the places count, so that far ones do not widen the kernel.

    >>> z = np.random.default_rng(0).normal(size=20_000)
    >>> density(z, np.array([-4.0, 0.0, 4.0])).round(1).tolist()
    [0.0, 0.4, 0.0]
    """
    low, high = x.min(), x.max()
    reach = 0.5 * (high - low)
    near = draws[(draws > low - reach) & (draws < high + reach)]
    if len(near) < 2 or np.ptp(near) == 0.0:
        return np.zeros(len(x))
    spread = min(near.std(), np.subtract(*np.quantile(near, [0.75, 0.25])) / 1.34) or near.std()
    width = 0.9 * spread * len(near) ** -0.2  # Silverman (1986), eq. 3.31
    mirrored = [near, -near] if is_positive else [near]
    total = np.zeros(len(x))
    for some in mirrored:
        for part in np.array_split(some, max(1, len(some) // 500)):
            total += np.exp(-0.5 * np.square((x[:, None] - part) / width)).sum(axis=1)
    return total / (len(draws) * width * np.sqrt(2.0 * np.pi))


def _parameters(kept: Kept, seed: int) -> Iterator[_Parameter]:
    """Return the parameters of one unit, in the order of the summary."""
    problem, theta = kept.finished[1].first()
    theta = theta[:: max(1, len(theta) // DRAWS)]
    rng = np.random.default_rng([seed, problem.neuron])
    before = draw_thetas(problem, DRAWS, rng)
    lead, population = ("chain", "draw"), problem.plan.population
    groups = [parameters([problem], [one[None]], lead) for one in (theta, before)]
    if population is not None:
        groups = [group.isel({population: 0}, drop=True) for group in groups]
    after, prior = groups
    for entries in entries_of(problem.plan.model, after):
        if entries.name == kept.redrawn:
            continue
        own, drawn = (
            group[entries.name].values.reshape(-1, int(np.prod(entries.shape, dtype=int)))
            for group in (after, prior)
        )
        part, is_proper = _prior_of(problem, entries)
        if part is not None and not np.array_equal(drawn, before[:, problem.places[entries.name]]):
            part = None  # the density is one of other coordinates: of a rotation, say
        unit = _unit(problem.plan.model, entries)
        for words, k in zip(entries.words, entries.places, strict=True):
            if np.ptp(own[:, k]) == 0.0 or not np.isfinite(own[:, k]).all():
                continue
            where = 0 if part is None else problem.places[entries.name].start - part.where.start
            yield _Parameter(
                entries.name,
                words,
                unit,
                own[:, k],
                drawn[:, k] if is_proper else None,
                part,
                before,
                where + int(k),
            )


def _prior_of(problem: Problem, entries: Entries) -> tuple[PriorPart | None, bool]:
    """Return the prior part of single coefficients, if they have one, and whether it is proper."""
    registry, where = problem.natural.registry, problem.places.get(entries.name)
    if where is None:
        return None, True
    part = next(
        (
            one
            for one in problem.natural.coefficients
            if one.where.start <= where.start < one.where.stop
        ),
        None,
    )
    if part is None:
        own = next((one.prior for one in registry.free if one.name == entries.name), None)
        return None, own is not None and own.proper
    is_proper = part.prior.proper
    alone = where.stop - where.start == int(np.prod(entries.shape, dtype=int))
    structure = part.structure
    simple = structure.diagonal and not (structure.groups or structure.support or part.mean)
    return (part if alone and simple and is_proper else None), is_proper


def _unit(model: GLM, entries: Entries) -> str:
    """Return what the axis of a variable says: units, or what kind of number it is."""
    words, term = FAMILY_NAMES[model.family], entries.term
    if term is not None:
        if entries.of_eta or entries.name in (f"{term.label}_scale", f"{term.label}_mean"):
            return unit_of_coefficients(model, term.label)
        return entries.name.removeprefix(f"{term.label}_")
    if entries.name in words.dispersions and entries.name not in words.increasing:
        return "dispersion"
    return link_unit(model, entries.name)


def _draw(ax: Axes, one: _Parameter) -> None:
    x = one.axis
    before = one.prior_density(x)
    after = density(one.posterior, x, one.is_positive)
    if before is not None:
        ax.fill_between(x, before, color=GREY, alpha=0.5, lw=0, label=PRIOR)
    ax.fill_between(x, after, color=COLOURS[0], alpha=0.4, lw=0)
    ax.plot(x, after, color=COLOURS[0], linewidth=1.3, label=POSTERIOR)
    if x[0] < 0.0 < x[-1]:
        ax.axvline(0, color=INK, linewidth=0.6)
    ax.set_xlim(x[0], x[-1])
    ax.set_ylim(0.0, 1.08 * float(after.max()))
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_title(plain(one.words, MOST_LETTERS), loc="left", fontsize=9)
    share = "<1%" if one.left < 0.005 else f"{one.left:.0%}"
    told = f"{share} as wide" if before is not None else "improper prior"
    ax.set_title(told, loc="right", fontsize=8, color=INK)
    ax.set_xlabel(one.unit.replace(" per unit", "\nper unit"), fontsize=8)
    ax.tick_params(labelsize=8)
    ax.locator_params(axis="x", nbins=5)
