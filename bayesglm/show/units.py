"""Units for the eye: of time, in which steps of the data are small numbers, and of coefficients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES, FamilyName
from bayesglm.spec.terms.event import EVENTS, TRIALS, TYPES
from bayesglm.spec.terms.term import CURVE, LEVELS

if TYPE_CHECKING:
    from bayesglm.spec.model import GLM

Array = np.ndarray
UNITS = {"days": 86400.0, "h": 3600.0, "min": 60.0, "s": 1.0}  # seconds
ONE_OF = {"days": "day"}  # a unit behind "per"


def unit_of_times(times: Array) -> tuple[str, float]:
    """Return the unit to show times in, and its seconds: the largest within the usual step.

    >>> unit_of_times(np.arange(3) * 86400.0), unit_of_times(np.arange(3) * 0.01)
    (('days', 86400.0), ('s', 1.0))
    """
    return unit_of_step(float(np.median(np.abs(np.diff(times)))) if len(times) > 1 else 0.0)


def unit_of_step(step: float) -> tuple[str, float]:
    """Return the largest unit that a step in seconds holds, and its seconds; seconds at least."""
    within = (name for name, size in UNITS.items() if step >= size * (1 - 1e-6))
    name = next(within, "s")
    return name, UNITS[name]


def unit_of_lags(times: Array) -> tuple[str, float]:
    """Return the unit to show lags in, and its seconds; milliseconds where a second holds several.

    >>> unit_of_lags(np.arange(3) * 0.01), unit_of_lags(np.arange(3) * 3600.0)
    (('ms', 0.001), ('h', 3600.0))
    """
    steps = np.abs(times[times != 0.0])
    if not len(steps) or steps.min() < 1.0 - 1e-6:
        return "ms", 1e-3
    return unit_of_step(float(steps.min()))


def unit_of_coefficients(model: GLM, name: str) -> str:
    """Return the unit of a term's coefficients: that of the link, for each of the predictor's.

    Levels, and functions of which curves are made, are in that of the link.

    What a term reads are events, where it is around them, or reads a count's own past.

    >>> from bayesglm.spec.model import GLM
    >>> from bayesglm.spec.terms.category import Category
    >>> from bayesglm.spec.terms.history import History
    >>> unit_of_coefficients(GLM("hit", ["x", History(lags=2)], family="bernoulli"), "x")
    'log odds per unit of predictor'
    >>> unit_of_coefficients(GLM("hit", ["x", History(lags=2)], family="bernoulli"), "history")
    'log odds per event'
    >>> unit_of_coefficients(GLM("y", "x", dispersion={"sigma": ["z"]}), "sigma_z")
    'log sigma per unit of predictor'
    >>> unit_of_coefficients(GLM("y", Category("region")), "region")
    'response units'
    """
    term = next(one for one in model.every_term if one.label == name)
    unit = link_unit(model, name)
    roles = set(term.roles.values())
    around = EVENTS in roles and roles <= {EVENTS, TYPES, TRIALS}
    past = term.reads_response and not roles and FAMILY_NAMES[model.family].counts_events
    per = "event" if around or past else "unit of predictor"
    is_alone = term.facts.of_levels or term.facts.part in (LEVELS, CURVE)
    return unit if is_alone else f"{unit} per {per}"


def link_unit(model: GLM, name: str) -> str:
    """Return the unit of the linear predictor that a term, or an intercept, is a part of.

    >>> from bayesglm.spec.model import GLM
    >>> model = GLM("y", "x", "gamma", dispersion={"alpha": ["z"]})
    >>> link_unit(model, "intercept"), link_unit(model, "alpha_z")
    ('log response', 'log alpha')
    """
    for dispersion, one in model.predicted.items():
        labels = [term.label for term in one.terms]
        if name in (f"{dispersion}_intercept", *labels):
            link = LINK_NAMES[FAMILY_NAMES[model.family].link_of(dispersion)]
            return f"log {dispersion}" if link.is_log else f"{link.unit} of {dispersion}"
    return LINK_NAMES[model.link_name].unit


def rate_unit(words: FamilyName, step: float | None) -> tuple[float, str]:
    """Return what makes a mean count of a sample a rate, and its unit; 1 of what is no count.

    >>> rate_unit(FAMILY_NAMES["poisson"], 0.001), rate_unit(FAMILY_NAMES["gaussian"], 0.001)
    ((1000.0, ' per s'), (1.0, ''))
    """
    if step is None or not words.counts_events:
        return 1.0, ""
    name, size = unit_of_step(step)
    return size / step, f" per {ONE_OF.get(name, name)}"


def mean_of(response: str, words: FamilyName) -> str:
    """Name the mean of a response: of counts a mean, of yes and no, or of a trial, a probability.

    >>> mean_of("claims", FAMILY_NAMES["poisson"]), mean_of("hit", FAMILY_NAMES["bernoulli"])
    ('mean of claims', 'probability of hit')
    """
    return f"{'mean' if words.counts else words.noun} of {response}"


def is_around_events(model: GLM, name: str) -> bool:
    """Say whether a term's lags are counted from events."""
    term = next(one for one in model.every_term if one.label == name)
    return EVENTS in term.roles.values()
