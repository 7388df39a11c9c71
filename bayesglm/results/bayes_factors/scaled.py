"""Models whose priors are wider or narrower by a factor."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bayesglm.design.design import Plan
from bayesglm.design.resolve import has_default_prior
from bayesglm.errors import ModelError
from bayesglm.results.path import checked_scales
from bayesglm.spec.hints import closest, is_among, shown
from bayesglm.spec.model import GLM
from bayesglm.spec.priors import learned_scale

Array = np.ndarray
FACTORS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # of a prior's scale: a decade to either side


def checked_factors(factors: Iterable[float]) -> list[float]:
    """Return factors in order, 1 among them; DataError unless they are positive numbers."""
    return sorted({1.0, *checked_scales(factors, "factors").tolist()})


def widened(prior: Any, factor: float) -> Any:
    """Return a prior whose scale, or that of its scale's own prior, is so many times as large.

    None where it has none that is known by a factor.

    >>> import bayesglm as bg
    >>> widened(bg.Laplace(0.5), 4.0), widened(bg.Normal(bg.HalfNormal(1.0)), 4.0)
    (Laplace(2.0), Normal(HalfNormal(4.0)))
    """
    if prior is None or not prior.traits.has_scale:
        return None
    above = learned_scale(prior)
    if above is None:
        return replace(prior, scale=_times(prior.scale, factor))
    if not hasattr(above, "scale"):
        return None
    return replace(prior, scale=replace(above, scale=_times(above.scale, factor)))


def _times(scale: Any, factor: float) -> Any:
    values = np.asarray(scale, dtype=float) * factor
    return values if values.ndim else float(values)


def has_scale(prior: Any) -> bool:
    """Say whether a prior can be widened."""
    return widened(prior, 1.0) is not None


def plan_widened(plan: Plan, labels: Collection[str], factor: float) -> Plan:
    """Return the plan with the priors of some terms so many times as wide."""
    terms = [
        replace(one, prior=widened(one.prior, factor)) if one.label in labels else one
        for one in plan.model.every_term
    ]
    return replace(plan, model=plan.model.with_terms(terms))


def varied_terms(models: Mapping[str, GLM], term: str | Sequence[str] | None) -> list[str]:
    """Return the labels of the terms whose priors are widened.

    Those named; by default those that are not in all models alike, or all where there are none.
    """
    every = {one.label: one for model in models.values() for one in model.every_term}
    scaled = [label for label, one in every.items() if has_scale(one.prior)]
    if term is None:
        alike = [label for label, one in every.items() if _in_all(models, one)]
        return [label for label in scaled if label not in alike] or scaled
    named = [term] if isinstance(term, str) or not isinstance(term, Sequence) else list(term)
    for one in named:
        if not is_among(one, every):
            raise ModelError(
                f"no model has a term {shown(one)}; the terms are {', '.join(every) or 'none'}."
                f"{closest(one, every)}"
            )
        if one not in scaled:
            raise ModelError(
                f"the prior of term {one!r} has no scale to vary; give it one, for example "
                "prior=bg.Normal(1.0)."
            )
    return [label for label in scaled if label in named]


def defaults_among(plans: Iterable[Plan], labels: Collection[str]) -> list[str]:
    """Return which of some terms have the prior that a term gets where none is given."""
    return list(
        dict.fromkeys(
            term.label
            for plan in plans
            for place, term in enumerate(plan.model.every_term)
            if term.label in labels and has_default_prior(plan, place)
        )
    )


def _in_all(models: Mapping[str, GLM], term: Any) -> bool:
    return all(term in model.every_term for model in models.values())
