"""What a fit's coefficients would be without their priors: maximum likelihood, where it exists."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import xarray as xr

from bayesglm.errors import DataError
from bayesglm.inference.modes.identified import separated
from bayesglm.inference.modes.judge import judge
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.opened import kept_of, reopen
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.table import PRIORS

Array = np.ndarray
DEPENDENT = 1e-13  # the least eigenvalue of an information of columns apart, its diagonal being one
LEAST = 1e-12  # information of a coefficient, relative to the largest
# Scales of normal priors in units of what the data tell of a coefficient: of one that stays where
# it is, and of one that goes far out, to where its rows say nothing any more.
TIGHT, WIDE = 1e-4, 1e4
BOUNDLESS = 1e150  # a scale that says nothing


class Unpenalised(NamedTuple):
    """Maximum likelihood estimates of one term ``(q,)``, infinite where there are none.

    ``alone`` says that all else is held where the fit has it, since nothing but priors tells it
    from the term's coefficients.
    """

    values: Array
    alone: bool


def unpenalised(fit: xr.DataTree, term: str) -> Unpenalised:
    """Maximise the likelihood over all coefficients, dispersions being where the fit has them.

    Where columns are dependent without priors (the levels of a group beside an intercept), over
    those of the term alone. The others' estimates, where some go to infinity, are those beside.
    """
    problems = reopen(fit)
    problem = problems[0]
    theta = kept_of(fit, problems)[0].finished[1].mean_theta
    given = problem.natural.given(theta)
    start = theta[: given.size]
    every, own = np.ones(given.size, dtype=bool), np.zeros(given.size, dtype=bool)
    own[problem.places[term]] = True
    information = -replace(given, coefficients=()).evaluate(start).hessian
    alone = not _are_apart(information)
    if alone and not _are_apart(information[np.ix_(own, own)]):
        raise DataError(
            f"without its prior the coefficients of {term!r} have no estimates: columns are linear "
            "combinations of others. plot_posterior draws the term without maximum likelihood."
        )
    free = own if alone else every
    diverging = _diverging(problem, given, free)
    told = information.diagonal()
    unit = 1.0 / np.sqrt(np.maximum(told, LEAST * told.max()))
    scale = np.where(free, np.where(diverging, WIDE * unit, BOUNDLESS), TIGHT * unit)
    prior = PriorPart(slice(0, given.size), PRIORS["Normal"], {"scale": scale, "loc": start})
    best = np.array(judge(replace(given, coefficients=(prior,)), start).x)
    best[diverging] = np.copysign(np.inf, best[diverging] - start[diverging])
    return Unpenalised(best[own], alone)


def _are_apart(information: Array) -> bool:
    """Say whether the information of some coefficients tells each from all others."""
    told = information.diagonal()
    if not (told > 0.0).all():
        return False
    unit = np.sqrt(told)
    return bool(np.linalg.eigvalsh(information / np.outer(unit, unit))[0] > DEPENDENT)


def _diverging(problem: Problem, given: Objective, free: Array) -> Array:
    """Say which of the free coefficients go to infinity as the likelihood rises."""
    places = np.flatnonzero(free)
    names = diverging(replace(problem, natural=given), slice(int(places[0]), int(places[-1]) + 1))
    return np.array([name in names for name in problem.labels()[: given.size]], dtype=bool)


def diverging(problem: Problem, run: slice) -> list[str]:
    """Return the names of the coefficients of a run that have no maximum likelihood estimate.

    Without their priors the likelihood rises as these go to infinity: the data are separated.
    """
    flat = PriorPart(run, PRIORS["Flat"], {})
    return separated(replace(problem, natural=replace(problem.natural, coefficients=(flat,))))
