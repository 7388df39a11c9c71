"""What a verb is given in the place of a model."""

from __future__ import annotations

from bayesglm.errors import ModelError
from bayesglm.spec.hints import call_of
from bayesglm.spec.model import GLM


def check_is_model(model: object, data: object) -> None:
    """Raise ModelError, with the call to write, unless the first argument of a verb is a model."""
    if isinstance(model, GLM):
        return
    if isinstance(data, GLM):
        raise ModelError(
            "the model comes first and the data second: write fit(model, data); fit_map and the "
            "other verbs likewise."
        )
    if isinstance(model, str):
        raise ModelError(f"the model is the string {model!r}; write fit({call_of(model)}, data).")
    if isinstance(model, type) and issubclass(model, GLM):
        raise ModelError("the model is the class GLM itself; write fit(GLM('y', ['x']), data).")
    inside = getattr(model, "model", None)
    hint = "write fit(GLM('y', ['x']), data)"
    if isinstance(inside, GLM):
        hint = "write fit(tuned.model, data), the model being one of its parts"
    raise ModelError(f"the model must be a GLM, got {type(model).__name__!r}; {hint}.")
