"""Problems of which draws are asked: they have a parameter, and their posteriors are proper."""

from __future__ import annotations

from bayesglm.design.design import plain_family_of
from bayesglm.errors import ModelError
from bayesglm.inference.problem.arrangements import said
from bayesglm.inference.problem.levelling import refuse_level
from bayesglm.inference.problem.problem import Problem, open_problems
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.spec.dispersions import is_fixed
from bayesglm.spec.model import GLM


def open_posteriors(model: GLM, data: object) -> list[Problem]:
    """Open the problems of a model of which draws are asked; ModelError where it has nothing."""
    problems = open_problems(model, data)
    if not problems[0].natural.size:
        raise ModelError(
            "the model has no parameter, so there is no posterior to draw from; fit_map gives its "
            "log likelihood. Give it an intercept, or a term."
        )
    _refuse_limits(problems[0])
    for problem in problems:
        refuse_level(problem)
    return problems


def _refuse_limits(problem: Problem) -> None:
    """Raise ModelError where a flat prior leaves a dispersion's posterior improper."""
    model, family = problem.plan.model, plain_family_of(problem.plan.model)
    for name, record in zip(family.dispersion_names, family.dispersions, strict=True):
        stated = model.dispersion_of(name)
        prior = model.predicted[name].prior if name in model.predicted else stated
        if not is_fixed(prior) and not PRIORS[said(prior)[0]].proper and record.limits:
            proper = family.words.option_of(name, "bg.InverseGamma(0.5, 0.5)")
            ends = " and ".join(f"{end:g}" for end in record.limits)
            raise ModelError(
                f"under a Flat prior the posterior of {name!r} is improper: the likelihood of "
                f"a {family.name} response keeps a positive limit as it goes to {ends}. Give it a "
                f"proper prior ({proper}, say), or fix it; fit_map finds the mode where there is "
                "one."
            )
