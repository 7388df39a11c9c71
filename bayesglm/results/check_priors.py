"""Priors of terms: how many parameters the data decide, and where a prior carries the estimate."""

from __future__ import annotations

import numpy as np

from bayesglm.results.check_part import Checked
from bayesglm.results.explain import decided_of
from bayesglm.results.explain_beliefs import Beliefs
from bayesglm.results.foretold import Drawn
from bayesglm.results.power_scaling import FEWEST, log_prior_of_top, power_scaling
from bayesglm.results.unpenalised import diverging

Array = np.ndarray
MOST_PRODUCTS = 2_000_000_000  # multiplications that tell what data decide of a MAP: chosen
# Rows times columns, and columns, up to which separation is looked for: chosen, it takes a second.
MOST_LAID, MOST_COLUMNS = 10_000_000, 200


def check_priors(drawn: Drawn) -> Checked:
    """Tell of each term what its data decide, whether they contradict the prior, and separation.

    What would take too long is left out.
    """
    problem = drawn.problem
    predictors = problem.design.predictors
    names = [block.name for block in predictors.named]
    p, n = predictors.n_coefficients, problem.design.n_rows
    variables: dict[str, tuple[tuple[str, ...], Array]] = {}
    if drawn.n_draws > 1 or n * p * p * len(names) <= MOST_PRODUCTS:
        beliefs, theta = Beliefs(problem), drawn.kept.theta
        told = [decided_of(problem, beliefs, name, theta, drawn.n_draws > 1) for name in names]
        variables |= {
            "edf": (("term",), np.array([one.edf for one in told])),
            "size": (("term",), np.array([one.size for one in told])),
            "contradicted": (("term",), np.array([one.contradicted for one in told])),
        }
    if drawn.n_draws >= FEWEST and not problem.pooled:
        variables["prior_sensitivity"] = (("term",), _sensitivities(drawn, names))
    if n * p <= MOST_LAID and p <= MOST_COLUMNS:
        separated = set(diverging(problem, predictors.runs[0]))
        labels = problem.labels()
        found = [
            any(label in separated for label in labels[problem.places[name]]) for name in names
        ]
        variables["separated"] = (("term",), np.array(found))
    return Checked(variables, {"term": np.array(names)})


def _sensitivities(drawn: Drawn, names: list[str]) -> Array:
    """Return how far any coefficient of each term moves with the prior; NaN of redrawn effects."""
    (problem, theta), scaled = drawn.kept.first(), log_prior_of_top(drawn.kept)
    found = np.full(len(names), np.nan)
    for k, name in enumerate(names):
        moved = power_scaling(scaled, theta[:, problem.places[name]])
        if name != drawn.kept.redrawn and not np.isnan(moved).all():
            found[k] = np.nanmax(moved)
    return found
