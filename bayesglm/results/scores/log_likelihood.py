"""Fits of which a posterior is asked: their problems opened again, and their draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesglm.errors import DataError
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.tree.opened import kept_of, reopen

if TYPE_CHECKING:
    import xarray as xr


def posterior_problems(fit: xr.DataTree) -> list[Problem]:
    """Return the problems of a posterior fit; DataError of one that has only a MAP."""
    problems = reopen(fit)
    if "posterior" not in fit.children:
        raise DataError(
            "a posterior is needed (fit, fit_laplace or fit_mcmc); this fit has only a MAP."
        )
    return problems


def finished_draws(fit: xr.DataTree, problems: list[Problem]) -> list[Kept]:
    """Return the draws of each neuron, without those that an interruption left out."""
    return [one.finished[1] for one in kept_of(fit, problems)]
