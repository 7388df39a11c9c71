"""Names that the data, the model and its fit cannot share, and labels that name samples."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bayesglm.design.design import Plan
from bayesglm.errors import ModelError, tell
from bayesglm.spec.families import FAMILY_NAMES, dispersion_names
from bayesglm.spec.model import GLM
from bayesglm.spec.model_names import RESERVED
from bayesglm.spec.names import fault_of
from bayesglm.spec.priors import learned_correlation, learned_scale
from bayesglm.spec.terms.term import LEVELS

RESERVED_DIMS = (RESERVED - {"sample"}) | {"parameter", "parameter_other"}
MANY = 20  # samples from which as many levels are no accident: chosen
# Parameters beside coefficients whose scale is learned.
OF_LEARNED = ("scale", "local", "slab", "r2", "share")


def check_names(model: GLM, dataset: xr.Dataset) -> None:
    """Raise ModelError where dims or coordinates bear names that terms or the fit need."""
    named = dataset[[name for name in model.variables if name in dataset.variables]]
    dims = {str(dim) for dim in named.dims}
    own = {*RESERVED_DIMS, *dispersion_names()}
    own |= {f"{name}_intercept" for name in model.predicted}
    family = FAMILY_NAMES[model.family]
    if family.labels and (family.labels.each or family.labels.ordered):
        own |= {f"{model.response}_{suffix}" for suffix in ("level", *family.increasing)}
    if family.counts_levels:
        own.add(f"{model.response}_counted")
    if _is_dim_of_response_alone(model, named, f"{model.response}_level"):
        own.remove(f"{model.response}_level")
    for what, names in (("dim", named.dims), ("coordinate", named.coords)):
        for name in map(str, names):
            fault = "a fit needs the name itself" if name in own else fault_of(name)
            if fault:
                raise ModelError(
                    f"the {what} {name!r} of the data cannot keep its name: {fault}; rename it: "
                    f"data.rename({{{name!r}: '...'}})."
                )
    for name in (term.label for term in model.every_term):
        if name in dims:
            raise ModelError(
                f"term {name!r} is named like a dim of the data; give it another name=, for "
                f"example name='{name}_effect'."
            )
    if model.response in dims:
        raise ModelError(f"response {model.response!r} is named like a dim; rename the variable.")
    for term in model.every_term:
        with_lags = [
            name
            for name in term.variables
            if term.is_lagged and "lag" in named.variables.get(name, named).dims
        ]
        if with_lags:
            raise ModelError(
                f"term {term.label!r} has lags of its own, and its predictor {with_lags[0]!r} a "
                "dim 'lag' already; rename that dim, or use Linear for columns lagged beforehand."
            )
        own_names = {f"{term.label}_{suffix}": "dim" for suffix in term.own_dims}
        prior = model.prior_of(term) or term.default_prior(1.0)
        if learned_scale(prior) is not None:
            own_names |= {f"{term.label}_{suffix}": "name" for suffix in OF_LEARNED}
        if learned_correlation(term) is not None:
            own_names[f"{term.label}_correlation"] = "name"
        for dim in term.facts.common_dims:
            if dim in named.dims or dim in named.coords:
                raise ModelError(
                    f"term {term.label!r} needs the dim {dim!r}, which the data have already; "
                    f"rename it: data.rename({{{dim!r}: '...'}})."
                )
        for name in dims & own_names.keys():
            raise ModelError(
                f"term {term.label!r} needs the {own_names[name]} {name!r}, which the data have "
                "already; give the term another name=."
            )


def _is_dim_of_response_alone(model: GLM, named: xr.Dataset, dim: str) -> bool:
    """Say whether a dim is that of the levels that a response counts, and no predictor's."""
    if not FAMILY_NAMES[model.family].counts_levels:
        return False
    readers = [str(name) for name in named.data_vars if dim in named.variables[name].dims]
    return readers == [model.response]


def look_at_identifiers(plan: Plan) -> None:
    """Warn of a category with a level for every sample, which names samples and explains none."""
    predictors = plan.designs[0].predictors
    for term, block in zip(plan.model.every_term, predictors.blocks, strict=True):
        n = len(predictors.rows)
        if term.facts.part != LEVELS or block.codes is None or n < MANY or block.size < n - 1:
            continue
        if len(np.unique(block.codes[predictors.rows])) == n:
            (name,) = term.variables
            tell(
                f"category {name!r} has a level for each of the {n:,} samples: it names them, and "
                f"what it says of one no other can confirm. Leave it out, or write Group({name!r}) "
                "for effects of samples that share a scale."
            )
