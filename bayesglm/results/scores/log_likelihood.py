"""Fits of which a posterior is asked: their problems opened again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesglm.errors import DataError
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.opened import reopen

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
