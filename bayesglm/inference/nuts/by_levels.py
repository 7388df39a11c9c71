"""NUTS in the few dimensions of the top, the effects of the levels integrated out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.inference.draws import Draws
from bayesglm.inference.nuts.diagnostics import diagnose, warn
from bayesglm.inference.nuts.lockstep import lockstep
from bayesglm.inference.nuts.sampler import Settings
from bayesglm.inference.problem.centring import centred
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.weights.by_levels import (
    certified,
    fault_of_levels,
    integrals_of,
    with_effects,
)
from bayesglm.inference.weights.proposals import gaussian

Array = np.ndarray
METHOD = "nuts by levels"


def nuts_by_levels(problem: Problem, settings: Settings, why: str) -> Draws | None:
    """Sample the top by NUTS, and the effects given it; None where nothing is to integrate out."""
    centre = centred(problem)
    integrals = integrals_of(centre.problem)
    if integrals is None:
        return None
    try:
        found = certified(centre.problem, integrals)
    except ConvergenceError:
        return None
    top, exact = found.top, found.integrals
    factor = gaussian(top.mode, top.precision).factor

    def slopes(x: Array) -> tuple[Array, Array]:
        values, gradients = exact.slopes(top.mode + x @ factor.T)
        return values, gradients @ factor

    run = lockstep(slopes, integrals.d, settings, settings.seed)
    x = run.columns["x"]
    told = f"{why}; {run.told}" if run.told else why
    made = Draws(top.mode + x @ factor.T, METHOD, told, None, run.columns["logp"], run.stats())
    checks = diagnose(made) | {"quadrature_error": found.error}
    rng = np.random.default_rng(settings.seed)
    made = with_effects(centre, exact, replace(made, checks=checks), rng)
    if fault_of_levels(centre.problem, made):
        return None
    if made.effects is None:
        warn(problem, made)
    return made
