"""How responses are seen: censored ones as intervals, truncated ones only between bounds."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING, Any

from bayesglm.errors import ModelError
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.hints import an, shown
from bayesglm.spec.noun import put
from bayesglm.spec.numbers import number_text

if TYPE_CHECKING:
    from bayesglm.spec.model import GLM

STATUSES = ("none", "left", "right", "interval")  # what is said of a response, by words
type Bound = str | float | None
type Censored = str | tuple[str, str] | None
type Truncated = tuple[Bound, Bound] | None


def check_seen(model: GLM) -> None:
    """Freeze what a model says of how its response is seen, or raise ModelError."""
    if model.censored is not None:
        put(model, censored=_frozen_censored(model.censored))
    if model.truncated is not None:
        put(model, truncated=_frozen_truncated(model.truncated))
    for field in ("censored", "truncated"):
        if getattr(model, field) is not None:
            _check_takes(model, field)
    for role, name in seen_roles(model).items():
        if name == model.response:
            raise ModelError(f"the {role} {name!r} is the response itself; name another variable.")
    for term in model.every_term if model.censored else ():
        if term.reads_response:
            raise ModelError(
                f"term {term.label!r} reads the past of {model.response!r} as amounts, and those "
                f"of censored samples are not known (censored={model.censored!r}); leave out the "
                "one or the other."
            )


def status_of(model: GLM) -> str | None:
    """Return the variable of the words that say how each response is seen."""
    return model.censored[0] if isinstance(model.censored, tuple) else model.censored


def upper_of(model: GLM) -> str | None:
    """Return the variable with the upper ends of intervals."""
    return model.censored[1] if isinstance(model.censored, tuple) else None


def seen_roles(model: GLM) -> dict[str, str]:
    """Return the variables that say how responses are seen, by what they are."""
    low, high = model.truncated or (None, None)
    named = {
        "censoring status": status_of(model),
        "upper end": upper_of(model),
        "lower bound": low,
        "upper bound": high,
    }
    return {role: name for role, name in named.items() if isinstance(name, str)}


def seen_text(model: GLM, index: str) -> str:
    """Write how responses are seen, for `print`: nothing where all are, and exactly."""
    parts = []
    if model.truncated is not None:
        low, high = (
            f"{one}{index}" if isinstance(one, str) else None if one is None else number_text(one)
            for one in model.truncated
        )
        parts.append(
            f"seen up to {high}"
            if low is None
            else f"seen from {low} on"
            if high is None
            else f"seen from {low} to {high}"
        )
    if model.censored is not None:
        upper = f", intervals up to {upper_of(model)}{index}" if upper_of(model) else ""
        parts.append(f"censored as {status_of(model)}{index} says{upper}")
    return f"   ({'; '.join(parts)})" if parts else ""


def _frozen_censored(given: Any) -> str | tuple[str, str]:
    names = (given,) if isinstance(given, str) else given
    fits = isinstance(names, (tuple, list)) and len(names) in (1, 2)
    if not fits or not all(isinstance(name, str) and name for name in names):
        raise ModelError(
            f"censored={shown(given)} must be the name of a variable of the words "
            f"{', '.join(STATUSES)}, or the names of that and of the upper ends of intervals: "
            "censored=('status', 'upper')."
        )
    plain = tuple(map(str, names))
    return plain[0] if len(plain) == 1 else (plain[0], plain[1])


def _frozen_truncated(given: Any) -> tuple[Bound, Bound]:
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise ModelError(
            f"truncated={shown(given)} must be two bounds, each a number, the name of a variable "
            "or None: truncated=(0, None)."
        )
    low, high = (_frozen_bound(one, given) for one in given)
    if low is None and high is None:
        raise ModelError(f"truncated={shown(given)} bounds nothing; leave it out.")
    if isinstance(low, float) and isinstance(high, float) and low >= high:
        raise ModelError(
            f"truncated={shown(given)}: the lower bound must be below the upper one; write "
            f"truncated=({high:g}, {low:g})."
            if low > high
            else f"truncated={shown(given)}: nothing lies between equal bounds."
        )
    return low, high


def _frozen_bound(given: Any, pair: Any) -> Bound:
    if given is None:
        return None
    if isinstance(given, str) and given:
        return str(given)
    if isinstance(given, Real) and not isinstance(given, bool) and not math.isnan(given):
        return None if math.isinf(given) else float(given)
    raise ModelError(
        f"truncated={shown(pair)}: a bound is a number, the name of a variable or None, not "
        f"{shown(given)}."
    )


def _check_takes(model: GLM, field: str) -> None:
    """Raise ModelError where intervals of responses make no sense."""
    family, given = FAMILY_NAMES[model.family], shown(getattr(model, field))
    if family.labels is not None and family.labels.most == 2:
        why = "0 or 1, of which an interval is one of the two or says nothing"
    elif family.labels is not None:
        why = "a label, and between labels there is no amount"
    elif family.circular:
        why = "an angle, and a circle has no ends"
    else:
        return
    raise ModelError(f"{field}={given}: {an(model.family)} response is {why}; leave {field} out.")
