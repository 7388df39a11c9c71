"""What the data made of priors: constraint regions, shares of the posterior, contradictions.

With g the log prior and f the log likelihood, both as functions of a parameter u without bounds,
Stein's identity says of draws from the posterior

    -Cov(u_j, dg/du_j) - Cov(u_j, df/du_j) = 1

(integrate (u_j - E u_j) dp/du_j by parts). The first addend is the prior's share in what is known
of u_j, and the second the data's, whose sum over a term is its effective number of parameters. Of a
Gaussian posterior with the precisions P of the prior and H of the data it is the trace of the
term's block of (H + P)^-1 H, the hat matrix's part (Hastie & Tibshirani 1990, 3.5). It holds under
kinks, heavy tails and learned scales as well, where a curvature says nothing. Of a MAP it is that
trace at the mode, over the coefficients that no kink holds (Zou, Hastie & Tibshirani 2007).
"""

from __future__ import annotations

import numpy as np

from bayesglm.inference.modes.judge import inverse_curvature
from bayesglm.inference.modes.router import MOST_KEPT
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.theta.parameter import Parameter
from bayesglm.numerics.theta.transforms import Transform
from bayesglm.results.explain_facts import Decided, Region
from bayesglm.results.marginals import Spread, interval_of

Array = np.ndarray
WIDTH = 3.761587  # of the central 94% of a standard normal
SYMMETRIC = 0.99  # chance of lying further out than the middle of the interval; 1 if symmetric
SURPRISE = 0.01  # chance, times the number of coefficients, below which data contradict a prior


def region_of(part: PriorPart, measure: str, power: float | None, theta: Array) -> Region | None:
    """Return the region whose best fit is the MAP at ``theta``; None where the prior says nothing.

    Nothing is also what a prior says that is not least at its centre.
    """
    is_flat = not part.prior.proper and part.structure.null_space is None
    if part.learned is not None or part.support == "one sign" or is_flat:
        return None
    w = theta[part.where]
    centre = np.broadcast_to(np.asarray(part.loc, dtype=float), w.shape)
    penalty = float(part.total(centre) - part.total(w))
    if not np.isfinite(penalty) or penalty < 0.0:
        return None
    norm = None
    if power is not None and part.alike and "scale" in part.parameters:
        unit = float(np.ravel(part.parameters["scale"])[0])
        norm = power * (penalty ** (1.0 / power) * unit) ** power  # no power of a scale alone
        if len(w) == 1:
            norm, measure = float(np.abs(w - centre)[0]), "|w|"
    return Region(penalty, norm, measure, int(np.sum(w == centre)), len(w))


def shares_of_part(part: PriorPart, transform: Transform, thetas: Array) -> Array:
    """Return the prior's shares ``(q,)`` in the posterior of a run of coefficients."""
    x = thetas[:, part.where]
    slope = part.given(thetas).gradient(x)
    return _shares(x, np.broadcast_to(slope, x.shape), transform)


def share_of_own(own: Parameter, thetas: Array) -> Array | None:
    """Return those of a dispersion or a scale; None of what no gradient is known of."""
    if own.prior is None or not own.transform.elementwise:
        return None
    x = own.natural(thetas)
    return _shares(x, own.prior.gradient(x), own.transform)


def _shares(x: Array, slope: Array, transform: Transform) -> Array:
    if transform.straight:
        u = x
    else:
        u = transform.inner(x)
        slope = transform.pull(u, slope) + transform.jacobian_slope(u)
    finite = np.isfinite(u).all(axis=1) & np.isfinite(slope).all(axis=1)
    u, slope = u[finite], slope[finite]
    return -np.mean((u - u.mean(axis=0)) * slope, axis=0) * len(u) / max(1, len(u) - 1)


def shares_of_data_at(problem: Problem, theta: Array) -> Array | None:
    """Return the diagonal of (H + P)^-1 H at a MAP, 0 of what a kink holds; None if too large."""
    objective = problem.natural
    p, kinks = objective.n_coefficients, objective.priors.kinks
    active = np.flatnonzero(~kinks.held(theta[:p] - kinks.at)) if kinks.any else np.arange(p)
    if len(active) > MOST_KEPT or objective.priors.learning:
        return None
    prior = objective.priors.curvature(theta, active)
    of_kinks = kinks.bends(theta[:p], active)
    prior = prior if of_kinks is None else prior + of_kinks
    information = objective.likelihood_curvature(theta, active)
    shares = np.zeros(p)
    shares[active] = np.sum(inverse_curvature(information + prior) * information, axis=1)
    return shares


def decided(
    spread: Spread, labels: list[str], values: Array, edf: float, posterior: bool
) -> Decided:
    """Compare a prior with natural values ``(draws, q)``: of a posterior, or one MAP."""
    mean, size = values.mean(axis=0), values.shape[1]
    narrowed = _width(values) if posterior else np.nan
    if spread.low is None or spread.high is None:
        return Decided(edf, size, np.nan, narrowed, "", np.nan, np.nan, False)
    prior, centre = (spread.high - spread.low) / WIDTH, 0.5 * (spread.low + spread.high)
    chances = spread.tails(mean)
    furthest = int(np.argmin(chances))
    # A prior that is skewed has no centre to be away from.
    even = spread.tails(centre)[furthest] > SYMMETRIC
    with np.errstate(divide="ignore", invalid="ignore"):
        away = float((mean[furthest] - centre[furthest]) / prior[furthest]) if even else np.nan
    tail = float(chances[furthest])
    width = float(np.median(prior))
    contradicted = tail * size < SURPRISE
    return Decided(edf, size, width, narrowed, labels[furthest], away, tail, contradicted)


def _width(values: Array) -> float:
    low, high = interval_of(values)
    return float(np.median(high - low)) / WIDTH
