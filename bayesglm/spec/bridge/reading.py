"""A library's settings, read as priors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bayesglm.spec.bridge.arguments import (
    convention_of,
    sorted_out,
    told_n,
    told_number,
    told_phi,
    told_sds,
)
from bayesglm.spec.bridge.record import Convention
from bayesglm.spec.bridge.weights import (
    POSITIVE,
    Weights,
    combined,
    prior_of_weights,
    within_floats,
)

OF_RESPONSE = (
    "divides gaussian responses by their sd with 1/n, which weighs its L2 penalty; tell it"
)


class Reading(NamedTuple):
    """What settings say: a prior of the coefficients, one of the intercept, and the family."""

    prior: Any
    intercept: Any
    family: str


def read(convention: str, given: Mapping[str, Any]) -> Reading:
    """Read a library's settings: the priors of coefficients and of the intercept, the family."""
    record = convention_of(convention)
    settings, known, family, _ = sorted_out(record, given)
    weights = record.form.weights(settings, known)
    positive = record.positive
    if positive is not None and settings[positive.name]:
        weights = weights._replace(kind=POSITIVE)
    weights, of_intercept = _parted(record, weights, settings, known)
    standardize = record.standardize
    if standardize is not None and settings[standardize.name] and weights.is_any:
        sds = told_sds(record, known)
        weights = weights.times(sds, combined(lambda sd: sd * sd, sds))
    if family in record.unit_response and weights.has_two:
        weights = weights.times(1.0, 1.0 / told_number(record, "sd_y", OF_RESPONSE, known))
    is_any = weights.is_any or (of_intercept is not None and of_intercept.is_any)
    unit = unit_of_loss(record, family, known) if is_any else 1.0
    intercept = None if of_intercept is None else prior_of_weights(of_intercept.over(unit))
    return Reading(prior_of_weights(weights.over(unit)), intercept, family)


def unit_of_loss(record: Convention, family: str, known: Mapping[str, Any]) -> float:
    """Return what the objective multiplies -Σ log p(y) by."""
    multiple = record.losses[family].multiple * told_phi(record, family, known)
    return within_floats(multiple / told_n(record, known))


def _parted(
    record: Convention, weights: Weights, settings: Mapping[str, Any], known: Mapping[str, Any]
) -> tuple[Weights, Weights | None]:
    """Part the weights of the coefficients from those of the intercept; None where it has none."""
    if record.constant_column:
        if not known.get("constant", True):
            return weights, None
        if isinstance(weights.one, tuple) and isinstance(weights.two, tuple):
            rest = weights._replace(one=weights.one[1:], two=weights.two[1:])
            return rest, Weights(weights.one[0], weights.two[0])
        return weights, weights
    if record.no_intercept is not None and settings[record.no_intercept.name]:
        return weights, None
    scaled = record.scaled_intercept
    if scaled is None or settings[scaled.setting] != scaled.on:
        return weights, Weights()
    scaling = told_number(record, scaled.scaling, "scales its intercept", settings)
    return weights, weights.times(1.0 / scaling, 1.0 / scaling**2)
