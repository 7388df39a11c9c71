"""Coefficients that reproduce the responses, beside which a density of noise knows no bound."""

from __future__ import annotations

import numpy as np

from bayesglm.design.design import plain_family_of
from bayesglm.errors import ModelError
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.channels import predictors
from bayesglm.numerics.density.likelihood import rows_beside

Array = np.ndarray
NEGLIGIBLE_NOISE = 1e-6  # of the response's sd: the residuals of a design that interpolates
AT_THE_END = 1e30  # of a dispersion, or one over it: where the slope of its prior is looked at


def lacks_joint_mode(problem: Problem) -> bool:
    """Say whether the joint density of all parameters has no mode, its posterior being proper.

    So it is where a scale is learned, or a dispersion beside a design that can pass through any
    response, unless the prior of the dispersion falls faster than the likelihood rises.
    """
    if problem.learned:
        return True
    return any(_outgrows(problem, name) for name in problem.collapsing) and can_interpolate(problem)


def _outgrows(problem: Problem, name: str) -> bool:
    """Say whether the likelihood of an exact fit rises faster than the dispersion's prior falls."""
    power = problem.collapse_of(name).power
    rises, own = _n_counted(problem) * abs(power), problem.natural.registry
    prior = None if name in problem.plan.model.predicted else own.named(name).prior
    if prior is None:
        return True
    far = np.array([AT_THE_END ** np.sign(power)])
    with np.errstate(over="ignore", under="ignore"):
        falls = -np.sign(power) * float(prior.gradient(far)[0] * far[0])
    return bool(rises > falls)


def _n_counted(problem: Problem) -> float:
    weights, rows = problem.design.weights, problem.design.predictors.rows
    return float(problem.design.n_rows if weights is None else weights[rows].sum())


def can_interpolate(problem: Problem) -> bool:
    """Say whether some coefficients reproduce any response of so many samples exactly."""
    n, p = problem.design.n_rows, _n_of_mean(problem)
    if n > p:
        return False
    columns = problem.design.predictors.columns(slice(0, n))[:, :p]
    return int(np.linalg.matrix_rank(columns)) >= n


def _n_of_mean(problem: Problem) -> int:
    """Return the number of coefficients of the mean."""
    return problem.design.predictors.runs[0].stop


def has_tiny_noise(problem: Problem, thetas: Array) -> Array:
    """Say at which natural thetas ``(..., size)`` responses hardly vary, beside how they do.

    Their sd is that around a mean which is typical.
    """
    tiny, collapsing = np.zeros(thetas.shape[:-1], dtype=bool), problem.collapsing
    if not collapsing:
        return tiny
    y = problem.design.typical[problem.design.predictors.rows]
    spread, mean = _spread(y), float(y.mean())
    for name in collapsing:
        collapse = problem.collapse_of(name)
        sd = collapse.sd(_noisiest(problem, name, thetas), mean)
        tiny |= sd < NEGLIGIBLE_NOISE * spread
    return tiny


def _spread(y: Array) -> float:
    """Return the sd of responses, a few of which may lie far out."""
    low, high = np.quantile(y, (0.25, 0.75))
    within, sd = float(high - low), float(y.std())
    return min(within, sd) if within > 0.0 else sd


def _noisiest(problem: Problem, name: str, thetas: Array) -> Array:
    """Return the value ``(...)`` of a dispersion at the row of most noise, at natural thetas.

    Effects on its link may well leave little for some rows, beside a response whose sd is that of
    the others.
    """
    family, registry = problem.natural.family, problem.natural.registry
    if name not in family.channels:
        return registry.named(name).natural(thetas)[..., 0]
    sign = -np.sign(problem.collapse_of(name).power)
    flat, channel = thetas.reshape(-1, thetas.shape[-1]), family.channels.index(name)
    w = flat[:, problem.design.predictors.runs[channel]]
    greatest = np.full(len(flat), -np.inf)
    for rows in problem.design.source.ranges(rows_beside(len(flat))):
        eta = rows.by_channel[channel].times(w)
        greatest = np.fmax(greatest, (sign * eta).max(axis=1))
    transform = plain_family_of(problem.plan.model).dispersion_named(name).transform
    with np.errstate(over="ignore"):
        return transform.natural(sign * greatest).reshape(thetas.shape[:-1])


def _n_reproduced(problem: Problem, theta: Array) -> tuple[int, int]:
    """Return how many responses a natural theta reproduces to the last digits, and of how many."""
    design, natural = problem.design, problem.natural
    y = design.typical[design.predictors.rows]
    near = 10.0 * NEGLIGIBLE_NOISE * _spread(y)
    n_reproduced = n_counted = 0
    for rows in design.source.ranges(rows_beside(1)):
        eta = predictors(rows, natural.w(theta[None]))[:, 0]
        away = y[rows.first : rows.first + len(rows)]
        away = away - natural.family.mean(eta, natural.phi(theta), rows.trials)
        if rows.weights is not None:
            away = away[rows.weights > 0.0]
        n_reproduced += int(np.count_nonzero(np.abs(away) <= near))
        n_counted += len(away)
    return n_reproduced, n_counted


def reproduces_too_many(problem: Problem, theta: Array) -> bool:
    """Say whether the posterior is improper where a natural theta leaves no noise.

    With n samples and a design of rank r that reproduces the response, the posterior of sigma goes
    like sigma^(r - n) near zero, whatever the proper priors of the coefficients. Where only m are
    reproduced, which heavy tails allow, it goes like sigma^(r - m) times what vanishes more slowly
    than any power, and it is proper for m = r + 1.
    """
    if can_interpolate(problem):
        return False
    (m, n), rank = _n_reproduced(problem, theta), _n_of_mean(problem)
    return m == n or m > rank + 1


def refuse_improper(problem: Problem, theta: Array) -> None:
    """Raise ModelError where a search that ended without noise means an improper posterior."""
    if has_tiny_noise(problem, theta).any() and reproduces_too_many(problem, theta):
        raise reproduced(problem, _n_reproduced(problem, theta)[0])


def reproduced(problem: Problem, n: float) -> ModelError:
    """Return what to raise where coefficients reproduce ``n`` samples, more than they are."""
    p, name = _n_of_mean(problem), problem.collapsing[0]
    return ModelError(
        f"{problem.plan.model.response!r}{problem.where}: {p} coefficients reproduce "
        f"{'all ' if n >= _n_counted(problem) else ''}{n:g} responses exactly, so the posterior is "
        f"improper: it piles up at {name} = {problem.collapse_of(name).end:g}. Fix the noise "
        f"({problem.natural.family.words.option_of(name, '1.0')}, say), or remove the predictor "
        "that holds the response."
    )


def no_joint_mode(problem: Problem, theta: Array | None = None) -> str:
    """Say that a joint density has no mode, since the noise may vanish.

    A natural ``theta`` near to that says how many responses are reproduced there.
    """
    n, p, name = problem.design.n_rows, _n_of_mean(problem), problem.collapsing[0]
    which = "every response"
    if theta is not None and not can_interpolate(problem):
        m, n = _n_reproduced(problem, theta)
        which = "every response" if m == n else f"{m} of them"
    return (
        f"{problem.plan.model.response!r}{problem.where}: the design ({p} columns, {n} samples) "
        f"can pass through {which}, so the joint density grows without bound as {name} -> "
        f"{problem.collapse_of(name).end:g} and has no mode. Fix the noise "
        f"({problem.natural.family.words.option_of(name, '1.0')}, say), use fewer columns, or "
        f"fit_mcmc with a proper prior of {name} that keeps it from there."
    )
