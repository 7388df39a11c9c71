"""Fits of which a posterior is asked: their problems opened again, and their draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesglm.errors import DataError
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.tree.opened import is_projected, kept_of, reopen
from bayesglm.inference.weights.psis import FEWEST

if TYPE_CHECKING:
    import xarray as xr


def posterior_problems(fit: xr.DataTree) -> list[Problem]:
    """Return the problems of a posterior fit; DataError of one that has only a MAP.

    And of projected draws, which say nothing of the priors and weights of their own model.
    """
    problems = drawn_problems(fit)
    refuse_projected(fit)
    return problems


def refuse_projected(fit: xr.DataTree) -> None:
    """Raise DataError of projected draws."""
    if is_projected(fit):
        raise DataError(
            "the draws of this fit are projected from those of a larger model, and are no "
            "posterior of its own priors, which is asked for here. Ask the reference, or fit this "
            "model anew; loo(fit), predict and summary take projected draws."
        )


def drawn_problems(fit: xr.DataTree) -> list[Problem]:
    """Return the problems of a fit with draws; DataError of one that has only a MAP."""
    problems = reopen(fit)
    if "posterior" not in fit.children:
        raise DataError(
            "a posterior is needed (fit, fit_laplace or fit_mcmc); this fit has only a MAP."
        )
    return problems


def finished_draws(fit: xr.DataTree, problems: list[Problem]) -> list[Kept]:
    """Return the draws of each neuron, without those that an interruption left out.

    DataError of so few that their weights have no tail, of which no k-hat can be told.
    """
    kept = [one.finished[1] for one in kept_of(fit, problems)]
    fewest = min(one.n_draws for one in kept)
    check_enough(fewest)
    return kept


def check_enough(n_draws: int) -> None:
    """Raise DataError of so few draws that weights of them have no tail."""
    if n_draws < FEWEST:
        raise DataError(
            f"too few draws to be weighted ({n_draws}): no k-hat tells whether their weights "
            f"stand. Take {FEWEST} at least."
        )
