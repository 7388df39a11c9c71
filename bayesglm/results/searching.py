"""The search of scales on grids, by evidence or by scores of held-out samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bayesglm.design.design import Plan
from bayesglm.design.resolve import data_scale
from bayesglm.errors import DataError, ModelError
from bayesglm.inference.modes.optimum import check_existence
from bayesglm.inference.problem.asked import check_room
from bayesglm.inference.problem.problem import Problem, make_problem
from bayesglm.inference.weights.evidence import MORE
from bayesglm.inference.weights.psis import khat_limit
from bayesglm.numerics.priors.distribution import distribution_of
from bayesglm.results.choosing import along, ascend, automatic_grid, curve_along, remembered, tied
from bayesglm.results.criteria import (
    Criterion,
    by_estimates,
    by_evidence,
    by_folds,
    by_leaving_one_out,
    posterior_of,
)
from bayesglm.results.path import checked_scales, with_scales
from bayesglm.results.scores.folds import deal_folds
from bayesglm.results.scores.sampling import Sampling
from bayesglm.results.scores.scoring import LOG_SCORE, check_scored
from bayesglm.results.tuned_fields import Chosen
from bayesglm.results.tuning_warnings import (
    Groups,
    as_good,
    warn_of_ends,
    warn_of_khat,
    warn_of_loo,
    warn_of_ties,
)
from bayesglm.spec.priors import learned_scale

Array = np.ndarray
METHODS = {"evidence": "evidence", "kfold": "k-fold elpd", "loo": "PSIS-LOO elpd"}


class Asked(NamedTuple):
    """What is asked of a search of scales, as `tune_prior` has it."""

    method: str
    scales: Iterable[float] | None
    by: str | None
    folds: int
    draws: int
    seed: int
    scoring: str
    within: float


def searched(plan: Plan, data: Any, groups: Groups, asked: Asked) -> dict[str, Chosen]:
    """Return the scales that are best on grids, and what was seen on the way."""
    method, scoring, within = asked.method, asked.scoring, asked.within
    given = None if asked.scales is None else np.unique(checked_scales(asked.scales))
    grids = [_automatic(plan, labels) if given is None else given for labels in groups.values()]

    def problems_at(at: Sequence[float]) -> list[Problem]:
        return problems_of(plan_at(plan, groups, at))

    first = problems_at([float(grid[0]) for grid in grids])
    if scoring == LOG_SCORE:
        check_room(first, asked.draws, 1)
    posterior = posterior_of(asked.draws, asked.seed)
    if method == "evidence":
        criterion = by_evidence(first, asked.draws, asked.seed)
    elif method == "loo":
        criterion = by_leaving_one_out(posterior)
    else:
        fold_of = deal_folds(first[0], data, asked.by, asked.folds, asked.seed)
        criterion = _by_held_out(first, fold_of, posterior, scoring)
    scores = remembered(lambda settings: criterion([problems_at(at) for at in settings]))
    what = METHODS[method] if scoring == LOG_SCORE else f"k-fold {scoring.replace('_', ' ')}"
    refine = asked.scales is None and method == "evidence"
    best = ascend(scores, grids, refine, grow=asked.scales is None)
    warn_of_ends(what, groups, best, grids)
    chosen = best
    if within:
        place = np.argmax(tied(along(scores, best, 0)(grids[0]), within))
        chosen = (float(grids[0][place]),)
    curves = {
        name: curve_along(along(scores, chosen, k), chosen[k], grid, refine)
        for k, (name, grid) in enumerate(zip(groups, grids, strict=True))
    }
    if method == "evidence":
        warn_of_khat(list(curves.values()), khat_limit(MORE * asked.draws))
    if method == "loo":
        warn_of_loo(problems_at(chosen), posterior, scores([chosen])[0])
    alike = {name: as_good(curve, within) for name, curve in curves.items()}
    if scoring != LOG_SCORE and not within:
        warn_of_ties(what, groups, alike)
    return {
        name: Chosen(curve, chosen[k], best[k], len(alike[name]))
        for k, (name, curve) in enumerate(curves.items())
    }


def _by_held_out(
    first: list[Problem], fold_of: Array, posterior: Sampling, scoring: str
) -> Criterion:
    check_scored(scoring, first[0])
    if scoring == LOG_SCORE:
        return by_folds(fold_of, posterior)
    try:
        for problem in first:
            check_existence(problem)
    except ModelError as error:
        raise ModelError(
            f"scoring={scoring!r} judges MAP estimates: {error} scoring={LOG_SCORE!r} needs none."
        ) from error
    return by_estimates(fold_of, scoring)


def _automatic(plan: Plan, labels: list[str]) -> Array:
    """Return the scales to look at first, in order."""
    places = [k for k, one in enumerate(plan.model.every_term) if one.label in labels]
    return automatic_grid([_centre(plan, place) for place in places])


def _centre(plan: Plan, place: int) -> float:
    try:
        return data_scale(plan, place)
    except DataError:  # a predictor that does not vary: its prior's own scale is all there is
        prior = plan.model.every_term[place].prior
        above = learned_scale(prior)
        scale = prior.scale if above is None else distribution_of(above).middle
        return float(np.exp(np.mean(np.log(scale))))


def plan_at(plan: Plan, groups: Groups, at: Sequence[float]) -> Plan:
    """Return the plan with a scale written into the terms of each group."""
    pairs = zip(groups.values(), at, strict=True)
    return with_scales(plan, {label: scale for labels, scale in pairs for label in labels})


def problems_of(plan: Plan) -> list[Problem]:
    return [make_problem(plan, neuron, design) for neuron, design in enumerate(plan.designs)]
