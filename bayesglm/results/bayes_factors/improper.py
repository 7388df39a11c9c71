"""Where improper priors leave a ratio of evidences, and where they do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bayesglm.errors import ModelError
from bayesglm.inference.problem.problem import Problem

ITSELF = "bg.Normal(1.0)"  # the remedy, as it is written


def improper_parts(problem: Problem) -> dict[str, Any]:
    """Return what no proper prior holds, by name, with all that gives its constant a meaning.

    Where this is the same in two models, so are the constants that their evidences leave out, and
    these leave the ratio: a flat intercept on one link, a flat dispersion of one family, a term
    that is flat in the same directions.
    """
    model, natural = problem.plan.model, problem.natural
    terms = {one.label: one for one in model.every_term}
    names = {(where.start, where.stop): name for name, where in problem.places.items()}
    parts: dict[str, Any] = {}
    for part in natural.coefficients:
        n_free = part.free_directions().shape[1]
        if not n_free:
            continue
        name = names[part.where.start, part.where.stop]
        term = terms.get(name)
        kind = None if term is None else (replace(term, prior=None), type(term.prior))
        parts[name] = (n_free, kind, model.link_name)
    for one in natural.free:
        if one.prior is None or not one.prior.proper:
            parts[one.name] = (one.size, model.family)
    return parts


def check_improper(problems: Mapping[str, Problem]) -> None:
    """Raise ModelError unless the models have the same improper parts, which leave the ratio."""
    every = {name: improper_parts(problem) for name, problem in problems.items()}
    first, *rest = every
    for other in rest:
        for one, two in ((first, other), (other, first)):
            for part, meaning in every[one].items():
                if every[two].get(part) != meaning:
                    raise ModelError(_refusal(one, two, part, part in every[two]))


def _refusal(one: str, two: str, part: str, in_both: bool) -> str:
    """Say why there is no Bayes factor, and what to write."""
    how = "intercept=" if part == "intercept" else "prior="
    where = "another meaning" if in_both else "none"
    return (
        f"the Bayes factor of {one!r} and {two!r} is not defined: {part!r} has an improper prior "
        f"in {one!r}, which leaves the constant of its evidence open, and {two!r} has "
        f"{where} of it. Give it a proper prior ({how}{ITSELF}, say) and fit again; improper parts "
        "that all models share on one link leave the ratio."
    )
