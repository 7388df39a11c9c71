"""Models as JSON: each noun is an object with its class under "type" and its fields."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from bayesglm.errors import ModelError
from bayesglm.spec.dispersions import Dispersions, Predictor
from bayesglm.spec.hints import closest
from bayesglm.spec.lag_bases import LAG_BASES
from bayesglm.spec.model import GLM
from bayesglm.spec.priors import COEFFICIENT_PRIORS, CORRELATION_PRIORS, DISPERSION_PRIORS
from bayesglm.spec.terms.table import TERMS

DEEPEST = 32  # brackets inside brackets; a model has fewer, even with arrays of many dims
LEAVES = {str, int, float, bool}  # what JSON holds as it is; levels may be very many of them
KINDS: tuple[Any, ...] = (
    GLM,
    Dispersions,
    Predictor,
    *TERMS,
    *LAG_BASES,
    *COEFFICIENT_PRIORS,
    *DISPERSION_PRIORS,
    *CORRELATION_PRIORS,
)
NOUNS = {kind.__name__: kind for kind in KINDS}


def to_json(model: GLM) -> str:
    """Write a model as JSON text; fields at their default are left out."""
    return json.dumps(_plain(model), indent=2)


def from_json(text: str) -> GLM:
    """Read the text that `to_json` wrote; raises ModelError where it says no model."""
    try:
        parsed = json.loads(text, object_pairs_hook=_fields)
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelError(f"the model is not valid JSON: {error}.") from error
    _check_depth(parsed)
    model = _noun(parsed)
    if not isinstance(model, GLM):
        raise ModelError(f"the JSON says a {type(model).__name__}, not a GLM.")
    return model


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise ValueError(f"the field {name!r} stands twice in one object")
        fields[name] = value
    return fields


def _check_depth(parsed: Any) -> None:
    """Raise ModelError where brackets stand deeper in brackets than those of any model."""
    level = [parsed]
    for _ in range(DEEPEST):
        inside = [part for part in level if isinstance(part, (list, dict))]
        level = [
            value
            for part in inside
            for value in (part.values() if isinstance(part, dict) else part)
        ]
        if not level:
            return
    raise ModelError(
        f"the JSON has brackets inside brackets, more than {DEEPEST} deep, and no model has."
    )


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [part if type(part) in LEAVES else _plain(part) for part in value]
    if not dataclasses.is_dataclass(value):
        return value
    fields = {
        field.name: _plain(getattr(value, field.name))
        for field in dataclasses.fields(value)
        if getattr(value, field.name) != field.default
    }
    return {"type": type(value).__name__, **fields}


def _noun(value: Any) -> Any:
    if isinstance(value, list):
        return tuple([part if type(part) in LEAVES else _noun(part) for part in value])
    if not isinstance(value, dict):
        return value
    fields = dict(value)
    name = fields.pop("type", None)
    if not isinstance(name, str) or name not in NOUNS:
        raise ModelError(
            f"the JSON names an unknown type {name!r}; known are {', '.join(NOUNS)}."
            f"{closest(name, NOUNS)}"
        )
    known = {field.name for field in dataclasses.fields(NOUNS[name])}
    unknown = sorted(set(fields) - known)
    if unknown:
        raise ModelError(
            f"the JSON gives {name} an unknown field {unknown[0]!r}.{closest(unknown[0], known)}"
        )
    return NOUNS[name](**{field: _noun(part) for field, part in fields.items()})
