"""Draws of all parameters from their priors: what is learned above coefficients first, then these.

A flat intercept is no prior to draw from. Where one has to stand in its place before any data, it
is a Normal of the linear predictor at the means of predictors and offset,

    intercept + mean(x)'w + mean(o) ~ Normal(g(mean(y)), 2.5 s),

s being the sd on eta that goes with that of the response: as rstanarm has it (Gabry & Goodrich
2020, "Prior distributions for rstanarm models").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesglm.design.resolve import DEFAULT_SCALE, response_scale
from bayesglm.errors import ModelError
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.results.kernels import average_eta

Array = np.ndarray
FURTHEST = 1e100  # of a number that is drawn: its products with data, and their squares, are finite


@dataclass(frozen=True)
class StandIn:
    """A Normal of the linear predictor at the means, in place of a flat intercept.

    ``loc`` has an entry for each number that the intercept is in theta.
    """

    loc: Array
    scale: float

    def __str__(self) -> str:
        centres = ", ".join(f"{loc:.3g}" for loc in self.loc)
        centres = centres if len(self.loc) == 1 else f"({centres})"
        return f"Normal({centres}, {self.scale:.3g}²) at the means of the predictors"


def stand_in(problem: Problem) -> StandIn | None:
    """Return what stands in for a flat intercept before the data; None where it is not flat."""
    if not problem.has_flat_intercept():
        return None
    offset, rows = problem.design.predictors.offset, problem.design.predictors.rows
    loc = np.array(problem.start(problem.natural)[problem.places["intercept"]])
    if offset is not None and problem.starts_beside_offset:
        loc += offset[rows].mean()
    return StandIn(loc, DEFAULT_SCALE * response_scale(problem.plan, problem.design))


def draw_thetas(
    problem: Problem,
    n: int,
    rng: np.random.Generator,
    instead: StandIn | None = None,
    common: Array | None = None,
) -> Array:
    """Return thetas ``(n, size)`` of the natural density, drawn from the priors alone.

    Directions that a prior leaves free are at its centre. ``instead`` stands in for a flat
    intercept; what neurons share is that of another's thetas, ``common``. Numbers that lie further
    out than 1e100, as those of variances under InverseGamma(0.001, 0.001) often do, are drawn as
    1e100.
    """
    registry = problem.natural.registry
    theta = np.zeros((n, registry.size))
    for one in registry.free:
        if one.common and common is not None:
            theta[:, one.place] = common[:, one.place]
        elif one.prior is not None and one.prior.proper:
            values = np.clip(one.prior.draw(rng, (n, one.n_natural)), -FURTHEST, FURTHEST)
            with np.errstate(divide="ignore"):
                theta[:, one.place] = one.transform.inner(values)
    for part in problem.natural.coefficients:
        if part.prior.proper or part.structure.null_space is not None:
            drawn = part.given(theta).draw(rng, n)
            theta[:, part.where] = np.clip(drawn, -FURTHEST, FURTHEST)
        else:
            theta[:, part.where] = part.loc
    if instead is not None:
        _set_intercept(problem, theta, instead, rng)
    return theta


def _set_intercept(
    problem: Problem, theta: Array, instead: StandIn, rng: np.random.Generator
) -> None:
    """Set intercepts such that linear predictors at the means are as they are drawn here."""
    place = problem.places["intercept"]
    theta[:, place] = 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        moved = average_eta(problem, theta).T
    levels = problem.design.predictors.levels
    if levels is None:
        moved = moved[:, :1]
    elif levels.contrasts is not None:
        moved = moved @ levels.contrasts
    at_means = instead.loc + instead.scale * rng.standard_normal(moved.shape)
    theta[:, place] = at_means - moved


def refuse_improper(problem: Problem) -> None:
    """Raise ModelError where a prior, but a flat intercept's, does not say what to draw."""
    model, places = problem.plan.model, problem.places
    parts = {part.where.start: part for part in problem.natural.coefficients}
    for term in model.every_term:
        part = parts[places[term.label].start]
        if not part.prior.proper:
            raise ModelError(_improper_term(term.label, type(term.prior).__name__, part))
    names = problem.natural.family.words.dispersions
    for name in names:
        is_predicted = name in model.predicted
        if is_predicted:
            proper = parts[places[f"{name}_intercept"].start].prior.proper
        else:
            own = problem.natural.registry.named(name)
            proper = own.prior is None or own.prior.proper
        if not proper:
            raise ModelError(
                f"the prior of {name!r} is flat, and so improper: before the data there is nothing "
                "to draw it from. Leave it out for the default, or give it a proper one: "
                f"{problem.natural.family.words.option_of(name, 'bg.HalfNormal(1.0)')}, say."
            )


def _improper_term(label: str, kind: str, part: PriorPart) -> str:
    """Say what a term's prior lacks, and what to write."""
    left = (
        f"is {kind}, and so improper"
        if part.structure.null_space is None
        else f"is improper in what its {part.structure.name} leaves free"
    )
    return (
        f"the prior of term {label!r} {left}: before the data there is nothing to draw it from. "
        "Give it a proper one (prior=bg.ridge(1.0), say), or none for the weakly informative "
        "default."
    )
