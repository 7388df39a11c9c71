"""Responses that a family cannot have, or from which nothing can be learnt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayesglm.design.design import Design, Plan, plain_family_of
from bayesglm.design.nearest import remedy
from bayesglm.design.variables import place
from bayesglm.errors import DataError, tell
from bayesglm.spec.dispersions import is_fixed
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.model import GLM
from bayesglm.spec.priors import Flat

Array = np.ndarray


def check_response(plan: Plan, neuron: int, design: Design) -> None:
    """Raise DataError where one neuron's responses are not the family's, or do not vary."""
    model, y, trials = plan.model, design.y, design.predictors.trials
    family = plain_family_of(model)
    where = plan.name_of(neuron)
    exact = np.ones(y.shape, bool)
    if design.seen is not None:
        exact = design.seen["below"] == design.seen["upto"]
    bad = exact & ~np.broadcast_to(family.valid(y, trials), y.shape)
    if bad.any():
        counts_levels = family.words.counts_levels
        other = "" if counts_levels else remedy(family, y[exact])
        raise DataError(
            f"response {model.response!r}{where}: a {model.family} response takes "
            f"{family.support}; {int(bad.sum())} values are not, the first at "
            f"{_place(plan, bad)} ({y.T[bad.T][0]:g})"
            f"{_of_trials(None if counts_levels else trials, bad)}.{other}"
        )
    rows = design.predictors.rows
    counted = np.ones(len(rows), bool) if design.weights is None else design.weights[rows] > 0
    if not counted.any():
        raise DataError(
            f"weights {model.weights!r}{where} are zero for every sample in use; no sample counts."
        )
    if family.n_levels and _is_flat_in_levels(model):
        _refuse_absent(plan, neuron, family.tally(y[..., rows][..., counted]))
    level = constant_of(model, design)
    if level is not None:
        raise DataError(
            f"response {model.response!r}{where} does not vary: all {int(counted.sum())} samples "
            f"in use are {level:g}, so nothing can be learnt with a flat intercept or "
            "an unknown dispersion. Give more data, or a proper prior (intercept=Normal(...))."
        )


def constant_of(model: GLM, design: Design) -> float | None:
    """Return what all responses of a neuron are, where nothing can be learnt from it; else None."""
    family, rows, trials = plain_family_of(model), design.predictors.rows, design.predictors.trials
    if family.words.counts_levels or not _needs_variation(model):
        return None
    if design.seen is not None and (design.seen["below"] != design.seen["upto"]).any():
        return None
    shares = design.y[rows] if trials is None else design.y[rows] / np.maximum(trials[rows], 1)
    shares = shares if design.weights is None else shares[design.weights[rows] > 0]
    return float(shares[0]) if len(shares) and np.ptp(shares) == 0 else None


def silent_of(model: GLM, designs: Sequence[Design]) -> list[int]:
    """Return the neurons that are to be left out of a population: those that never vary.

    None where all are so, or where a prior has numbers for each neuron, which then would not fit.
    """
    silent = [k for k, design in enumerate(designs) if constant_of(model, design) is not None]
    return [] if len(silent) == len(designs) or _tells_neurons_apart(model) else silent


def look_at_events(plan: Plan) -> None:
    """Warn, once, of units of a coupled population with fewer events than coefficients."""
    model = plan.model
    coupled = any(term.facts.common_dims for term in model.every_term)
    if plan.labels is None or not (coupled and FAMILY_NAMES[model.family].discrete):
        return
    n_events = np.array([design.y[design.predictors.rows].sum() for design in plan.designs])
    n_coefficients = plan.designs[0].predictors.n_coefficients
    few = np.flatnonzero(n_events < n_coefficients)
    if len(few):
        fewest = few[np.argmin(n_events[few])]
        tell(
            f"response {model.response!r}: {len(few)} of {len(n_events)} along "
            f"{plan.population!r} have fewer events than coefficients, of which each has "
            f"{n_coefficients} (the fewest, {n_events[fewest]:g}: {plan.labels[fewest]}): what so "
            "few do not tell, the priors decide. Take a basis of fewer functions, fewer lags, or a "
            "prior that is meant; tune_prior chooses its scale."
        )


def _tells_neurons_apart(model: GLM) -> bool:
    """Say whether a prior has arrays of numbers, in which each neuron may have its own."""
    priors = [model.prior, model.intercept, *(term.prior for term in model.every_term)]
    names = FAMILY_NAMES[model.family].dispersions
    priors += [getattr(one, "prior", one) for one in map(model.dispersion_of, names)]
    numbers = [value for one in priors for value in getattr(one, "__dict__", {}).values()]
    return any(
        isinstance(value, tuple) and np.asarray(value).dtype.kind == "f" for value in numbers
    )


def _is_flat_in_levels(model: GLM) -> bool:
    """Say whether no prior tells how likely a level is that never occurs."""
    of_levels = model.dispersion if FAMILY_NAMES[model.family].increasing else model.intercept
    return isinstance(of_levels, Flat)


def _place(plan: Plan, bad: Array) -> str:
    """Say where the first response is that is ``bad``, and of which level if these are counted."""
    if bad.ndim == 1:
        return place(bad, (plan.sample_dim,), plan.dataset)
    first = int(np.argmax(bad[:, bad.any(axis=0)][:, 0]))
    where = place(bad.any(axis=0), (plan.sample_dim,), plan.dataset)
    return f"{where}, level {(plan.model.levels or ())[first]!r}"


def _refuse_absent(plan: Plan, neuron: int, tally: Array) -> None:
    """Raise DataError where a level never occurs, of which only a prior could say something."""
    levels = plan.model.levels or ()
    absent = np.flatnonzero(tally == 0.0)
    if len(absent):
        raise DataError(
            f"response {plan.model.response!r}{plan.name_of(neuron)}: the level "
            f"{levels[absent[0]]!r} never occurs in the samples in use, so under a Flat prior "
            "there is no estimate of its share. Leave it out of levels=, or give a proper prior "
            f"({'dispersion' if FAMILY_NAMES[plan.model.family].increasing else 'intercept'}="
            "bg.Normal(2.5))."
        )


def _needs_variation(model: GLM) -> bool:
    family = plain_family_of(model)
    pairs = zip(family.dispersion_names, family.dispersions, strict=True)
    told = (name for name, record in pairs if record.needs_spread)
    learned = any(not is_fixed(model.dispersion_of(name)) for name in told)
    return learned or isinstance(model.intercept, Flat)


def _of_trials(trials: Array | None, bad: Array) -> str:
    return "" if trials is None else f" of {np.broadcast_to(trials, bad.shape)[bad][0]:g} trials"
