"""What a verb is given in the place of a model."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable

from bayesglm.errors import ModelError
from bayesglm.spec.hints import call_of, shown
from bayesglm.spec.model import GLM

FIELDS = tuple(field.name for field in dataclasses.fields(GLM))


def verb_of_models[**P, R](verb: Callable[P, R]) -> Callable[P, R]:
    """Let a verb of a model and data say where a field of the model belongs that it is given."""
    known, name = inspect.signature(verb).parameters, verb.__name__

    @functools.wraps(verb)
    def asked(*given: P.args, **named: P.kwargs) -> R:
        model = given[0] if given else named.get("model")
        is_formula = isinstance(model, str) and "~" in model
        others = [one for one in named if one not in known]
        fields = [one for one in others if one in FIELDS or (is_formula and one == "priors")]
        if not fields:
            return verb(*given, **named)
        call = call_of(str(model))[:-1] if isinstance(model, str) else "GLM(response, terms"
        said = ", ".join(f"{one}={shown(named[one])}" for one in fields)
        raise ModelError(
            f"{name} takes no {fields[0]}=, which is said of the model; write {name}({call}, "
            f"{said}), data)."
        )

    return asked


def check_is_model(model: object, data: object) -> None:
    """Raise ModelError, with the call to write, unless the first argument of a verb is a model."""
    if isinstance(model, GLM):
        return
    if isinstance(data, GLM):
        raise ModelError(
            "the model comes first and the data second: write fit(model, data); fit_map and the "
            "other verbs likewise."
        )
    if isinstance(data, str) and not isinstance(model, str):
        raise ModelError(
            f"the model comes first and the data second: write fit({call_of(data)}, data)."
        )
    if isinstance(model, str):
        raise ModelError(f"the model is the string {model!r}; write fit({call_of(model)}, data).")
    if isinstance(model, type) and issubclass(model, GLM):
        raise ModelError("the model is the class GLM itself; write fit(GLM('y', ['x']), data).")
    if hasattr(model, "get_params"):
        name = getattr(model, "__name__", type(model).__name__)
        raise ModelError(
            f"the model is the estimator {name}; write fit(from_sklearn(estimator), data) of a "
            "fitted one."
        )
    inside = getattr(model, "model", None)
    hint = "write fit(GLM('y', ['x']), data)"
    if isinstance(inside, GLM):
        hint = "write fit(tuned.model, data), the model being one of its parts"
    raise ModelError(f"the model must be a GLM, got {type(model).__name__!r}; {hint}.")
