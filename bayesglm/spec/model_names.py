"""The names in a model: which are reserved, and which it makes of those that it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesglm.errors import ModelError
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.hints import shown
from bayesglm.spec.names import CARRIED, fault_of, first_repeat
from bayesglm.spec.terms.table import TERMS

if TYPE_CHECKING:
    from bayesglm.spec.model import GLM

RESERVED = frozenset({"intercept", "chain", "draw", "sample", "log_p", "log_q", *CARRIED})
DERIVED = (
    *sorted({f"_{suffix}" for kind in TERMS for suffix in kind.own_dims}),
    "_data",
    "_scale",
    "_correlation",
    "_local",
    "_slab",
    "_inclusion",
    "_r2",
    "_share",
    "_lengthscale",
    "_along",
    "_wave",
    "_wave_number",
    "_walk",
)


def check_names(model: GLM) -> None:
    """Raise ModelError where a name of the model cannot be one, or two are the same."""
    labels = [term.label for term in model.every_term]
    dispersions = FAMILY_NAMES[model.family].dispersions
    for what, name in [("response", model.response), *(("term", label) for label in labels)]:
        rename = "rename the variable" if what == "response" else "give the term another name="
        if name in RESERVED:
            raise ModelError(f"{what} {name!r}: the name is reserved; {rename}.")
        if name in dispersions:
            raise ModelError(
                f"{what} {name!r}: the name is reserved, for a parameter of the family "
                f"{model.family!r}; {rename}."
            )
        fault = fault_of(name)
        if fault:
            raise ModelError(f"{what} {shown(name)}: {fault}; {rename}.")
    for name in model.variables:
        fault = fault_of(name)
        if fault:
            raise ModelError(f"variable {shown(name)}: {fault}; rename the variable.")
    twice = first_repeat(labels)
    if twice is not None:
        raise ModelError(
            f"two terms are named {twice!r}; give one of them another name=, for example "
            f"name='{twice}_2'."
        )
    for term in model.every_term:
        if model.response in term.variables:
            raise ModelError(
                f"term {term.label!r} predicts {model.response!r} from itself; use History for "
                "the response's own past."
            )
    taken = {model.response, *labels}
    derived = {name + suffix for name in (*taken, *dispersions) for suffix in DERIVED}
    derived |= {f"{name}_intercept" for name in model.predicted}
    derived |= {dim for term in model.every_term for dim in term.facts.common_dims}
    stepped = [term.label for term in model.every_term if term.facts.of_steps]
    derived |= {f"{name}_{part}" for name in stepped for part in ("mean", "share")}
    derived |= {f"{term.label}_mean" for term in model.every_term if term.pooled}
    derived |= {f"{name}_data" for name in model.roles.values()}
    derived |= {f"{name}_{role}_data" for role, name in model.roles.items()}
    if model.weights is not None:
        derived.add(f"{model.response}_weights")
    for clash in sorted((taken | set(dispersions)) & derived | ({model.response} & set(labels))):
        raise ModelError(
            f"the name {clash!r} collides with one that the model itself needs; rename the "
            "variable or give the term another name=."
        )
