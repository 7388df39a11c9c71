"""Priors, written as a library's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bayesglm.errors import ModelError
from bayesglm.spec.bridge.arguments import (
    Given,
    convention_of,
    sorted_out,
    told_number,
    told_sds,
)
from bayesglm.spec.bridge.penalty_numbers import whole_number
from bayesglm.spec.bridge.reading import OF_RESPONSE, unit_of_loss
from bayesglm.spec.bridge.record import Convention
from bayesglm.spec.bridge.weights import (
    APART,
    EACH,
    LEARNED,
    POSITIVE,
    Weights,
    combined,
    weights_of,
)
from bayesglm.spec.hints import shown
from bayesglm.spec.numbers import Number
from bayesglm.spec.prior.apart import Flat

WITHOUT_NUMBER = (
    "its penalties are sums of |w| and w² with weights that are numbers; tune_prior chooses one "
    "for a scale that is learned"
)


def written(prior: Any, convention: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a library under which it finds the MAP estimate of a prior."""
    record = convention_of(convention)
    if record.only_read:
        raise ModelError(f"{record.name} cannot be told {shown(prior)}: {record.only_read}.")
    others = {name: one for name, one in known.items() if name not in ("intercept", "columns")}
    given = sorted_out(record, others, reads=False)
    weights = _of_the_form(record, prior)
    of_intercept = _of_intercept(record, known.get("intercept", Flat()))
    is_any = weights.is_any or (of_intercept is not None and of_intercept.is_any)
    unit = unit_of_loss(record, given.family, given.known) if is_any else 1.0
    of_intercept = of_intercept and of_intercept.times(unit, unit)
    weights = _of_the_columns(record, weights.times(unit, unit), given)
    beside = _switches(record, weights, given, of_intercept)
    if record.constant_column and of_intercept is not None:
        weights = _with_constant(record, of_intercept, weights, known.get("columns"))
    elif of_intercept is not None and of_intercept.is_any:
        beside |= _scaling(record, of_intercept, weights)
    settings = record.form.settings(weights, given.settings | given.known, record.name)
    return settings | dict(record.always) | beside


def _of_the_form(record: Convention, prior: Any) -> Weights:
    """Return the weights of a prior; ModelError where the convention penalises something else."""
    weights = weights_of(prior)
    kinds = record.form.kinds
    if any(isinstance(part, tuple) and isinstance(part[0], tuple) for part in weights[:2]):
        raise ModelError(
            f"{shown(prior)} has scales along several dims, and {record.name} has one row of "
            "columns; give a scale for each column."
        )
    if weights.kind == POSITIVE and record.positive is None:
        raise ModelError(
            f"{record.name} cannot keep coefficients from being negative, as {shown(prior)} does."
        )
    if weights.kind not in kinds and weights.kind in (LEARNED, APART):
        raise ModelError(f"{record.name} cannot be told {shown(prior)}: {WITHOUT_NUMBER}.")
    if weights.kind not in kinds and weights.is_any:
        raise ModelError(
            f"{shown(prior)} is no penalty of {record.name}, which penalises {record.form.what}."
        )
    return weights


def _of_the_columns(record: Convention, weights: Weights, given: Given) -> Weights:
    """Return the weights of coefficients of columns as the library sees them, standardised."""
    if "sds" in given.known:
        sds = told_sds(record, given.known)
        weights = weights.times(
            combined(lambda sd: 1.0 / sd, sds), combined(lambda sd: 1.0 / sd / sd, sds)
        )
    if given.family in record.unit_response and weights.has_two:
        weights = weights.times(1.0, told_number(record, "sd_y", OF_RESPONSE, given.known))
    return weights


def _of_intercept(record: Convention, prior: Any) -> Weights | None:
    """Return the weights of the intercept's prior, None where the model has no intercept."""
    if prior is None:
        if record.no_intercept is None and not record.constant_column:
            raise ModelError(
                f"{record.name} has no setting that leaves the intercept out; leave intercept= out."
            )
        return None
    weights = weights_of(prior)
    penalises = record.constant_column or record.scaled_intercept is not None
    if weights.is_any and (weights.kind != EACH or not penalises):
        raise ModelError(
            f"{record.name} cannot say intercept={prior!r}: "
            + ("it is no penalty of a column." if penalises else "it does not penalise intercepts.")
        )
    return weights


def _switches(
    record: Convention, weights: Weights, given: Given, of_intercept: Weights | None
) -> dict[str, Any]:
    """Return the settings beside the penalty that say the rest of the model."""
    beside: dict[str, Any] = dict(record.with_kink) if weights.has_one else {}
    if record.standardize is not None:
        beside[record.standardize.name] = record.standardize.place("sds" in given.known)
    if record.positive is not None and weights.kind == POSITIVE:
        beside[record.positive.name] = record.positive.on
    switch = record.no_intercept
    if switch is not None and switch.place(of_intercept is None) != switch.default:
        beside[switch.name] = switch.place(of_intercept is None)
    if record.family_is_setting and given.says_family:
        beside[record.family] = given.settings[record.family]
    return beside


def _with_constant(
    record: Convention, of_constant: Weights, weights: Weights, columns: Any
) -> Weights:
    """Return the weights of a constant and of the columns after it."""
    if of_constant[:2] == weights[:2]:
        return weights
    several = [part for part in weights[:2] if isinstance(part, tuple)]
    if not several and columns is None:
        raise ModelError(
            f"{record.name} penalises the constant as any column unless told, so each column needs "
            f"its own {record.form.strength}; tell columns=, the number of the others, or "
            "intercept=None where there is no constant."
        )
    number = len(several[0]) if several else whole_number("columns", columns)
    ones, twos = (_repeated(part, number) for part in weights[:2])
    return Weights((of_constant.one, *ones), (of_constant.two, *twos))


def _repeated(part: Number, times: int) -> tuple[Number, ...]:
    return part if isinstance(part, tuple) else (part,) * times


def _scaling(record: Convention, of_intercept: Weights, weights: Weights) -> dict[str, Any]:
    """Return the settings under which the intercept is penalised as its prior says."""
    scaled = record.scaled_intercept
    assert scaled is not None
    one, two, own, half = (
        part if isinstance(part, float) else 0.0 for part in (*weights[:2], *of_intercept[:2])
    )
    scaling = one / own if own else (two / half) ** 0.5 if half else 0.0
    if not scaling or own * scaling != one or abs(half * scaling**2 - two) > 1e-12 * two:
        raise ModelError(
            f"{record.name} penalises an intercept as its coefficients, up to one number; the "
            "intercept's prior must be of the kind of theirs."
        )
    return {scaled.setting: scaled.on, scaled.scaling: scaling}
