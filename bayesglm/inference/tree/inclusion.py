"""Under mixtures of two normals: the probability that a coefficient is from the wide one."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.named import of_names

Array = np.ndarray
SUFFIX = "_inclusion"


def with_inclusion(
    problems: list[Problem], thetas: list[Array], posterior: xr.Dataset
) -> xr.Dataset:
    """Return a posterior with ``<term>_inclusion`` beside each term whose prior is such a mixture.

    Of each draw it is the indicator's expectation given the coefficient, so that its mean is the
    posterior inclusion probability with less noise than indicators have (Rao-Blackwell). ``thetas``
    are each neuron's ``(chain, draw, size)``.
    """
    every = [_inclusion(problem, theta) for problem, theta in zip(problems, thetas, strict=True)]
    if not every[0]:
        return posterior
    lead = ("chain", "draw")
    own = of_names(problems, every, lead, thetas[0].shape)
    return posterior.assign({f"{name}{SUFFIX}": own[name].variable for name in every[0]})


def _inclusion(problem: Problem, theta: Array) -> dict[str, Array]:
    """Return the probabilities ``(chain, draw, q)`` of each term that has them, by its name."""
    parts = {part.where.start: part for part in problem.natural.coefficients if part.size}
    found = {}
    for one in problem.natural.registry.free:
        part = parts.get(one.place.start) if one.role == "coefficients" else None
        if part is None or part.prior.two_normals is None or one.size != one.n_natural:
            continue
        normals = part.prior.two_normals(**part.parameters)
        found[one.name] = normals.inclusion(theta[..., part.where])
    return found
