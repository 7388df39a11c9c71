"""How responses are seen, read from the data: ends of intervals by words, and bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from bayesglm.design.design import Design, Plan, plain_family_of
from bayesglm.design.readings import Readings
from bayesglm.design.variables import labels_in, place, require
from bayesglm.errors import DataError, ModelError
from bayesglm.numerics.families.censored import censored, ends
from bayesglm.numerics.families.truncated import bounds
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.hints import closest, shown
from bayesglm.spec.model import GLM
from bayesglm.spec.seen import STATUSES, Bound, seen_roles, status_of, upper_of

Array = np.ndarray
ALSO = {  # what a status is called elsewhere
    "none": ("observed", "exact", "event", "uncensored", "dead", "no"),
    "right": ("censored", "alive", "right-censored", "right_censored"),
    "left": ("left-censored", "left_censored"),
    "interval": ("between", "interval-censored", "interval_censored"),
}


def ends_of(model: GLM, readings: Readings, y: Array, known: Array | None) -> Array | None:
    """Return each response as the interval that was seen of it; None where all are exact numbers.

    ``known`` holds the bounds of truncated responses, which intervals end at as well.
    """
    if model.censored is None:
        return None
    status = _status(model, readings)
    exact, left, right, inside = (status == word for word in STATUSES)
    upper = _upper(model, readings, y, inside)
    step = 1.0 if FAMILY_NAMES[model.family].discrete else 0.0
    below = np.where(left, -np.inf, np.where(right, y - step, y))
    upto = np.where(right, np.inf, np.where(inside, upper, y))
    if known is not None:
        below = np.where(exact, below, np.maximum(below, known["below"]))
        upto = np.where(exact, upto, np.minimum(upto, known["upto"]))
    return ends(below, upto)


def bounds_of(model: GLM, readings: Readings, trials: Array | None) -> Array | None:
    """Return the bounds of each response, with its number of trials if any; None without."""
    if model.truncated is None:
        return None
    low = _bound(readings, model.truncated[0], "lower bound", -np.inf)
    high = _bound(readings, model.truncated[1], "upper bound", np.inf)
    if FAMILY_NAMES[model.family].discrete:
        low, high = np.ceil(low) - 1.0, np.floor(high)
    bad = low >= high
    if bad.any():
        raise DataError(
            f"truncated={shown(model.truncated)}: {int(bad.sum())} samples have a lower bound that "
            f"is not below the upper one, the first at {readings.place(bad)}; nothing could be "
            "seen there. Exchange the bounds, or leave those samples out."
        )
    return bounds(low, high, trials)


def _bound(readings: Readings, given: Bound, role: str, without: float) -> Array:
    if isinstance(given, str):
        return _one_each(readings, given, role)
    return np.full(readings.clock.n_samples, without if given is None else given)


def has_own_bounds(model: GLM, readings: Readings) -> bool:
    """Say whether neurons have bounds of their own."""
    roles = seen_roles(model)
    return readings.is_own([roles.get("lower bound"), roles.get("upper bound")])


def _status(model: GLM, readings: Readings) -> Array:
    name = status_of(model)
    assert name is not None
    variable = require(readings.dataset, name, "censoring status")
    if readings.population is not None and readings.population in variable.dims:
        variable = variable.isel({readings.population: readings.neuron})
    if variable.dims != (readings.dim,):
        raise DataError(
            f"censoring status {name!r} has the dims {variable.dims}; give one word for each "
            f"sample, over {readings.dim!r}."
        )
    words = np.asarray(labels_in(variable, "censoring status", readings.dataset))
    if words.dtype.kind != "U":
        raise DataError(
            f"censoring status {name!r} holds {_kind(words)}, whose meaning differs from one "
            "package to the next (1 is an event in some, censored in others); give the words "
            f"{', '.join(STATUSES)}: numpy.where(event == 1, 'none', 'right'), say."
        )
    unknown = ~np.isin(words, STATUSES)
    if unknown.any():
        word = str(words[unknown][0])
        meant = next((one for one, also in ALSO.items() if word.casefold() in (one, *also)), None)
        hint = f" Write {meant!r}." if meant else closest(word, STATUSES)
        raise DataError(
            f"censoring status {name!r} has {shown(word)} at {readings.place(unknown)}; the words "
            f"are {', '.join(STATUSES)}.{hint}"
        )
    return words


def _kind(values: Array) -> str:
    return "truth values" if values.dtype.kind == "b" else "numbers"


def _upper(model: GLM, readings: Readings, y: Array, inside: Array) -> Array:
    """Return the upper ends of intervals, checked to lie above their lower ones."""
    name = upper_of(model)
    if name is None:
        if inside.any():
            raise DataError(
                f"censoring status {status_of(model)!r} says 'interval' at "
                f"{readings.place(inside)}, and no variable has the upper ends; write censored="
                f"({status_of(model)!r}, 'upper')."
            )
        return y
    upper = _one_each(readings, name, "upper end", inside)
    bad = inside & (upper <= y)
    if bad.any():
        exchanged = upper[bad][0] < y[bad][0]
        raise DataError(
            f"upper end {name!r} must lie above the response {model.response!r}, the lower end of "
            f"an interval; {int(bad.sum())} do not, the first at {readings.place(bad)} "
            f"({upper[bad][0]:g} after {y[bad][0]:g}). "
            + ("Exchange the two." if exchanged else "Say 'none' where a response is exact.")
        )
    return upper


def _one_each(readings: Readings, name: str, role: str, needed: Array | None = None) -> Array:
    """Return one number for each sample; of those that are not needed zero, whatever they are."""
    if needed is not None:
        require(readings.dataset, name, role)
        readings = replace(readings, dataset=_only(readings, name, needed))
    values, dims = readings.values(name, role)
    if dims:
        raise DataError(f"{role} {name!r} has further dims {dims}; give one value per sample.")
    return values


def _only(readings: Readings, name: str, needed: Array) -> xr.Dataset:
    """Return the data with zeros in one variable where its numbers are not needed."""
    variable = readings.dataset.variables[name]
    if variable.dtype.kind != "f" or readings.dim not in variable.dims:
        return readings.dataset
    values = variable.values.copy()
    axis = variable.dims.index(readings.dim)
    np.moveaxis(values, axis, 0)[~needed] = 0.0
    return readings.dataset.assign({name: (variable.dims, values)})


def check_seen(plan: Plan, neuron: int, design: Design) -> None:
    """Raise DataError where a response could not have been seen as it is said to have been."""
    model, y, seen = plan.model, design.y, design.seen
    if model.censored is None and model.truncated is None:
        return
    family = plain_family_of(model)
    if family.cdf is None or family.survival is None:
        raise ModelError(
            f"family {model.family!r} has no distribution function, which censored and truncated "
            "responses need; register it with cdf= and survival=."
        )
    if family.words.has_atoms:
        raise ModelError(
            f"responses of family {model.family!r} are not censored or truncated here: some have a "
            "probability of their own, and chances between limits are those of a density. Leave "
            "out censored= and truncated=, or take family='gamma' for the positive ones."
        )
    exact = np.ones(len(y), bool) if seen is None else seen["below"] == seen["upto"]
    known = design.predictors.bounds
    if known is not None:
        is_low = y <= known["below"] if FAMILY_NAMES[model.family].discrete else y < known["below"]
        outside = exact & (is_low | (y > known["upto"]))
        if outside.any():
            raise DataError(
                f"response {model.response!r}{plan.name_of(neuron)} has {int(outside.sum())} "
                f"values outside the bounds truncated={shown(model.truncated)}, the first at "
                f"{_place(plan, outside)} ({y[outside][0]:g}), and such are never seen. Leave "
                "those samples out, or widen the bounds; what is only known to lie beyond a limit "
                "is said by censored=."
            )
    if seen is None:
        return
    if FAMILY_NAMES[model.family].discrete:
        broken = ~exact & (y != np.floor(y))
        if broken.any():
            raise DataError(
                f"response {model.response!r}{plan.name_of(neuron)}: a {model.family} response "
                f"counts, and censored ones end at counts; {int(broken.sum())} do not, the first "
                f"at {_place(plan, broken)} ({y[broken][0]:g})."
            )
    possible = censored(family).valid(seen, design.predictors.trials)
    empty = ~exact & ~(possible & (seen["below"] < seen["upto"]))
    if empty.any():
        below, upto = seen[empty][0]
        raise DataError(
            f"response {model.response!r}{plan.name_of(neuron)}: {int(empty.sum())} censored "
            f"samples say that it lies where no {model.family} response does, the first at "
            f"{_place(plan, empty)} (beyond {below:g}, up to {upto:g}); correct the status or the "
            "limit there, or leave those samples out."
        )


def _place(plan: Plan, bad: Array) -> str:
    return place(bad, (plan.sample_dim,), plan.dataset)
