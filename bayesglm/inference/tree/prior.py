"""The tree of what priors say before the data: parameters, and responses that they predict."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.samples import in_their_kind, responses_of, sample_coords
from bayesglm.inference.tree.groups import tree_of
from bayesglm.inference.tree.named import lead_coords, named_dataset, parameters

Array = np.ndarray


def prior_tree(
    problems: list[Problem], thetas: list[Array], responses: Array, attrs: dict[str, Any]
) -> xr.DataTree:
    """Make the tree of one chain of draws.

    ``thetas`` are each neuron's ``(draws, size)``, ``responses`` ``(draws, sample[, neuron or
    level])``.
    """
    lead = ("chain", "draw")
    dims, _, levels = responses_of(problems)
    plan = problems[0].plan
    coords = lead_coords(lead, (1, len(responses))) | sample_coords(problems) | levels
    told = in_their_kind(plan.model, responses[None])
    groups = {
        "prior": parameters(problems, [theta[None] for theta in thetas], lead),
        "prior_predictive": named_dataset({plan.model.response: ((*lead, *dims), told)}, coords),
    }
    return tree_of(problems, groups, attrs)
