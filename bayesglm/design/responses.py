"""Responses that a family cannot have, or from which nothing can be learnt."""

from __future__ import annotations

import numpy as np

from bayesglm.design.design import Design, Plan, family_of, plain_family_of
from bayesglm.design.variables import place
from bayesglm.errors import DataError
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.spec.dispersions import is_fixed
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.model import GLM
from bayesglm.spec.priors import Flat

Array = np.ndarray


def check_response(plan: Plan, neuron: int, design: Design) -> None:
    """Raise DataError where one neuron's responses are not the family's, or do not vary."""
    model, y, trials = plan.model, design.y, design.predictors.trials
    family = family_of(model)
    where = plan.name_of(neuron)
    bad = ~np.broadcast_to(family.valid(y, trials), y.shape)
    if bad.any():
        other = _better_family(model.family, y)
        raise DataError(
            f"response {model.response!r}{where}: a {model.family} response takes "
            f"{family.support}; {int(bad.sum())} values are not, the first at "
            f"{place(bad, (plan.sample_dim,), plan.dataset)} ({y[bad][0]:g})"
            f"{_of_trials(trials, bad)}.{other}"
        )
    rows = design.predictors.rows
    shares = y[rows] if trials is None else y[rows] / np.maximum(trials[rows], 1)
    counted = np.ones(len(rows), bool) if design.weights is None else design.weights[rows] > 0
    if not counted.any():
        raise DataError(
            f"weights {model.weights!r}{where} are zero for every sample in use; no sample counts."
        )
    if np.ptp(shares[counted]) == 0 and _needs_variation(model):
        raise DataError(
            f"response {model.response!r}{where} does not vary: all {int(counted.sum())} samples "
            f"in use are {shares[counted][0]:g}, so nothing can be learnt with a flat intercept or "
            "an unknown dispersion. Give more data, or a proper prior (intercept=Normal(...))."
        )


def _needs_variation(model: GLM) -> bool:
    family = plain_family_of(model)
    pairs = zip(family.dispersion_names, family.dispersions, strict=True)
    told = (name for name, record in pairs if record.needs_spread)
    learned = any(not is_fixed(model.dispersion_of(name)) for name in told)
    return learned or isinstance(model.intercept, Flat)


def _of_trials(trials: Array | None, bad: Array) -> str:
    return "" if trials is None else f" of {np.broadcast_to(trials, bad.shape)[bad][0]:g} trials"


def _better_family(family: str, y: Array) -> str:
    others = {name: of for name, of in FAMILY_NAMES.items() if not of.needs_trials}
    # Of those that fit, one of counts says more.
    for other in sorted(others, key=lambda name: not others[name].discrete):
        if other != family and np.all(FAMILIES[other, others[other].links[0]].valid(y, None)):
            return f" Did you mean family={other!r}?"
    return ""
