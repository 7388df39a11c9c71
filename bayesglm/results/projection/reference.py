"""The reference of a projection: draws of a posterior, and the rows on which they are projected."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bayesglm.errors import DataError
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept, evenly, one_row_each
from bayesglm.results.scores.log_likelihood import finished_draws, posterior_problems

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray


@dataclass(frozen=True)
class Reference:
    """Draws of the whole model, and the rows on which they are projected onto parts of it.

    ``problems`` has one entry for each neuron, whose design holds these rows; ``thetas`` are the
    natural thetas ``(draws, size)`` of each, draw by draw of the same posterior, and ``weights``
    what each draw counts ``(draws,)``; they sum to one.
    """

    problems: tuple[Problem, ...]
    thetas: tuple[Array, ...]
    weights: Array

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return len(self.weights)

    @property
    def kept(self) -> list[Kept]:
        """The draws of each neuron, as scores of fits read them."""
        return [Kept(*pair) for pair in zip(self.problems, self.thetas, strict=True)]

    def on(self, keep: Array) -> Reference:
        """Return the same draws on some of the rows, by a mask or by their numbers."""
        return replace(self, problems=tuple(one.restrict(keep) for one in self.problems))

    def weighted(self, weights: Array) -> Reference:
        """Return the same draws with other weights ``(draws,)``, which need not sum to one."""
        return replace(self, weights=weights / weights.sum())

    def some(self, draws: Array) -> Reference:
        """Return some of the draws, by their numbers, each as often as it is named."""
        thetas = tuple(theta[draws] for theta in self.thetas)
        return replace(self, thetas=thetas, weights=np.full(len(draws), 1.0 / len(draws)))

    def thinned(self, most: int) -> Reference:
        """Return so many draws at most, of equal weight.

        Draws of equal weight are evenly spaced; of others each is taken in proportion to its
        weight, by systematic sampling at the middle of each step.
        """
        if np.ptp(self.weights) == 0.0:
            return self.some(evenly(np.arange(self.n_draws), most))
        n = min(most, self.n_draws)
        steps = (np.arange(n) + 0.5) / n
        found = np.searchsorted(np.cumsum(self.weights), steps)
        return self.some(np.minimum(found, self.n_draws - 1))


def open_reference(fit: xr.DataTree) -> Reference:
    """Return the draws of a posterior fit, all of equal weight.

    DataError of a fit without a posterior, of too few draws, and of effects of so many levels that
    they are redrawn where they are read.
    """
    problems = posterior_problems(fit)
    every = finished_draws(fit, problems)
    for kept in every:
        if kept.redrawn is not None:
            raise DataError(
                f"the effects of {kept.redrawn!r} are of so many levels that the fit keeps no "
                "draws of them, and a projection needs these; fit with fewer draws, draws=100 say."
            )
        alone = one_row_each(kept.problem)
        if alone is not None:
            raise DataError(
                f"each level of {alone!r} has a row of its own, whose effect loo integrates out "
                "and a projection would read; project a model without that group."
            )
    n = every[0].n_draws
    thetas = tuple(kept.theta for kept in every)
    return Reference(tuple(problems), thetas, np.full(n, 1.0 / n))
