"""Models scored fold by fold, by estimates or posteriors, with priors that the others chose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from bayesglm.design.design import Plan
from bayesglm.design.plan import plan_fit
from bayesglm.design.resolve import resolve
from bayesglm.errors import DataError, ModelError, tell
from bayesglm.inference.modes.optimum import check_existence
from bayesglm.inference.problem.asked import check_room
from bayesglm.inference.problem.posteriors import open_posteriors
from bayesglm.inference.problem.problem import Problem
from bayesglm.results.criteria import CHAINS
from bayesglm.results.scores.asked_scoring import scorings_asked
from bayesglm.results.scores.estimates import (
    OfFold,
    by_estimates_of_others,
    by_posteriors_of_others,
    by_tuned_estimates,
    few_of,
)
from bayesglm.results.scores.folds import deal_folds, sets_by
from bayesglm.results.scores.judged import Judged, judge
from bayesglm.results.scores.progress import progress
from bayesglm.results.scores.sampling import as_fit
from bayesglm.results.scores.scoring import Scoring
from bayesglm.results.searching import problems_of
from bayesglm.results.tuning import Tuning, check_tunable, checked_tuning, tuned_plan
from bayesglm.spec.hints import closest, is_among, shown
from bayesglm.spec.model import GLM

Array = np.ndarray


class Asked(NamedTuple):
    """What is asked of `cross_validate` beside models and data."""

    by: str | None
    folds: int
    scoring: Any
    method: str
    tuning: Tuning | None
    seed: int
    draws: int


class Folded(NamedTuple):
    """One model scored: its problems, the folds of their rows, and the scores by name.

    ``codes`` are the numbers of sets of rows that count together, and ``scales`` those that were
    chosen in each fold, by their names.
    """

    problems: list[Problem]
    fold_of: Array
    codes: Array
    scores: dict[str, Judged]
    scales: dict[int, dict[str, float]]


@dataclass(frozen=True)
class TunedFolds:
    """What chooses the scales of each fold by the others, and what it has chosen, by fold."""

    data: Any
    tuning: Tuning | None
    chosen: dict[int, dict[str, float]] = field(default_factory=dict)

    def __call__(self, fold: int, problems: list[Problem]) -> list[Problem]:
        """Return the problems of the other folds under the priors that they choose."""
        assert self.tuning is not None
        designs = tuple(problem.design for problem in problems)
        plan = replace(problems[0].plan, designs=designs)
        plan, chosen, _ = tuned_plan(plan, self.data, self.tuning)
        self.chosen[fold] = {f"{name}_scale": one.chosen for name, one in chosen.items()}
        return problems_of(plan)


def tuning_asked(tune: Any) -> Tuning | None:
    """Return what is asked of tuning in each fold, checked."""
    if tune is None or tune is False:
        return None
    if tune is True:
        return checked_tuning(Tuning())
    if not isinstance(tune, Mapping):
        raise ModelError(
            "tune must be True, or a mapping of arguments of tune_prior, "
            f"{{'method': 'kfold', 'scoring': 'deviance'}} say, got {shown(tune)}."
        )
    for name in tune:
        if not is_among(name, Tuning._fields):
            raise ModelError(
                f"tune_prior takes no {shown(name)}; its arguments are "
                f"{', '.join(Tuning._fields)}.{closest(name, Tuning._fields)}"
            )
    given = dict(tune)
    if isinstance(given.get("scales"), Iterable):
        given["scales"] = tuple(given["scales"])  # which every fold reads
    return checked_tuning(Tuning(**given))


def scored_models(models: Mapping[Any, GLM], data: Any, asked: Asked) -> dict[Any, Folded]:
    """Return the scores of every model; those of one path are found together."""
    if asked.method == "auto":
        return {name: _by_posteriors(model, data, asked) for name, model in models.items()}
    scored: dict[Any, Folded] = {}
    for names in _paths(models, asked):
        every = _by_estimates([models[name] for name in names], data, asked)
        scored |= dict(zip(names, every, strict=True))
    return scored


def _paths(models: Mapping[Any, GLM], asked: Asked) -> list[list[Any]]:
    """Return the names of models that differ in nothing but the numbers that scales are."""
    paths: dict[Any, list[Any]] = {}
    for name, model in models.items():
        key: Any = (name,) if asked.tuning else _but_scales(model)
        paths.setdefault(key, []).append(name)
    return list(paths.values())


def _but_scales(model: GLM) -> GLM:
    """Return the model with the scales that are numbers set to one."""
    terms = [replace(term, prior=_of_scale_one(term.prior)) for term in model.every_term]
    return model.with_terms(terms, prior=_of_scale_one(model.prior))


def _of_scale_one(prior: Any) -> Any:
    has_number = prior is not None and isinstance(getattr(prior, "scale", None), Real)
    return replace(prior, scale=1.0) if has_number and prior.traits.has_scale else prior


def _by_estimates(models: list[GLM], data: Any, asked: Asked) -> list[Folded]:
    """Return the scores of models of one path by MAP estimates."""
    laid = plan_fit(models[0], data)
    plans = [resolve(_with_priors(laid, model)) for model in models]
    settings = [problems_of(plan) for plan in plans]
    first, scales = settings[0], TunedFolds(data, asked.tuning)
    scorings = scorings_asked(asked.scoring, first[0])
    fold_of = deal_folds(first[0], data, asked.by, asked.folds, asked.seed)
    every: Iterable[OfFold]
    if asked.tuning is not None:
        check_tunable(plans[0], asked.tuning)
        every = by_tuned_estimates(first, fold_of, scales, asked.seed)
    else:
        _check_estimates(first)
        # The strongest penalties first, from which the others are reached.
        order = np.argsort([_strength(plan) for plan in plans], kind="stable")
        settings = [settings[k] for k in order]
        every = by_estimates_of_others(settings, fold_of, asked.seed)
    watched = _watched(every, len(settings) * len(first) * asked.folds)
    judged = judge(watched, list(scorings.values()), first, fold_of, len(settings))
    folded = [_folded(settings[0], data, asked, fold_of, scorings, one) for one in judged]
    folded = [one._replace(scales=scales.chosen) for one in folded]
    if asked.tuning is not None:
        return folded
    return [folded[int(k)] for k in np.argsort(order, kind="stable")]


def _watched(every: Iterable[OfFold], n: int) -> Iterator[OfFold]:
    """Run through folds, and show how far it is where that takes long."""
    with progress("cross_validate", n, "folds") as advance:
        for one in every:
            advance()
            yield one


def _with_priors(plan: Plan, model: GLM) -> Plan:
    """Return a plan with the priors of another model of the same terms."""
    pairs = zip(plan.model.every_term, model.every_term, strict=True)
    terms = [replace(own, prior=other.prior) for own, other in pairs]
    return replace(plan, model=plan.model.with_terms(terms, prior=model.prior))


def _strength(plan: Plan) -> float:
    """Return the mean log scale of the terms' priors: low where penalties are strong."""
    scales = [getattr(term.prior, "scale", None) for term in plan.model.every_term]
    numbers = [np.log(np.asarray(scale)).mean() for scale in scales if isinstance(scale, Real)]
    return float(np.mean(numbers)) if numbers else 0.0


def _check_estimates(problems: list[Problem]) -> None:
    try:
        for problem in problems:
            check_existence(problem)
    except ModelError as error:
        tuned = (
            "Give tune=True, by which each fold chooses its scales, or take"
            if problems[0].learned
            else "Or take"
        )
        raise ModelError(
            f"method='map' predicts by MAP estimates: {error} {tuned} method='auto', which needs "
            "no estimate."
        ) from error


def _by_posteriors(model: GLM, data: Any, asked: Asked) -> Folded:
    """Return the scores of a model by posteriors."""
    problems = open_posteriors(model, data)
    check_room(problems, asked.draws, CHAINS)
    scorings = scorings_asked(asked.scoring, problems[0])
    fold_of = deal_folds(problems[0], data, asked.by, asked.folds, asked.seed)
    sets = sets_by(problems[0], data, asked.by)
    scales = TunedFolds(data, asked.tuning)
    tuned = None if asked.tuning is None else scales
    if asked.tuning is not None:
        check_tunable(problems[0].plan, asked.tuning)
    few = few_of(problems, fold_of, CHAINS * asked.draws)
    sampling = as_fit(asked.draws, CHAINS, asked.seed, few)
    every = by_posteriors_of_others(problems, fold_of, sampling, sets, tuned)
    (judged,) = judge(every, list(scorings.values()), problems, fold_of)
    folded = _folded(problems, data, asked, fold_of, scorings, judged)
    return folded._replace(scales=scales.chosen)


def _folded(
    problems: list[Problem],
    data: Any,
    asked: Asked,
    fold_of: Array,
    scorings: Mapping[str, Scoring],
    judged: list[Judged],
) -> Folded:
    sets = sets_by(problems[0], data, asked.by)
    codes = np.arange(len(fold_of)) if sets is None else sets.codes
    for name, one in zip(scorings, judged, strict=True):
        _tell_of_unscored(name, one)
        _tell_of_no_events(name, one, problems)
    return Folded(problems, fold_of, codes, dict(zip(scorings, judged, strict=True)), {})


def _tell_of_no_events(name: str, one: Judged, problems: list[Problem]) -> None:
    """Warn of responses whose score is over events, and that have none, or endless ones."""
    faults = {
        "count no events, of which it is a mean: it is NaN": one.counts.sum(axis=0) == 0.0,
        "have events where those that they were foretold from have none: a constant rate of zero "
        "is beaten by infinitely many bits; take fewer folds": np.isinf(one.values).any(axis=0),
    }
    for fault, units in faults.items():
        if units.any():
            first = problems[int(np.argmax(units))]
            tell(
                f"{name!r} says nothing of {int(units.sum())} of {len(units)} responses"
                f"{first.where}: they {fault}."
            )


def _tell_of_unscored(name: str, one: Judged) -> None:
    """Warn of folds that a score of whole folds says nothing of; DataError where of none."""
    if one.scoring.whole is None:
        return
    lost = np.isnan(one.of_folds).any(axis=1)
    if np.isnan(one.of_folds).all(axis=0).any():
        raise DataError(
            f"no fold has samples of both labels, and scoring={name!r} compares these; take fewer "
            "folds, or scoring='brier'."
        )
    if lost.any():
        tell(
            f"{int(lost.sum())} of {len(lost)} folds, the first is {int(np.argmax(lost)) + 1}, "
            f"have one label only, and no {name!r}; they are left out of its mean. Take fewer "
            "folds, or by=None, which deals rows at random."
        )
