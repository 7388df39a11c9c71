"""The Laplace approximation, corrected by importance weights and checked before it is believed."""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.errors import BayesGLMWarning, ModelError
from bayesglm.inference.draws import Draws, Gaussian
from bayesglm.inference.optimum import find_mode
from bayesglm.inference.problem import Problem, open_problems
from bayesglm.inference.proposals import Proposal, gaussian, split
from bayesglm.inference.psis import (
    KISH_PER_CHAIN,
    Smoothed,
    khat_limit,
    resample,
    smallest_ess,
    smooth,
)
from bayesglm.inference.tree import check_counts, posterior_tree
from bayesglm.numerics.objective import Objective
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
SHORT = 0.5  # effective draws per draw below which the next attempt is made
HEAVY_TAIL_DF = 5.0
AGREEMENT = 5.0  # Monte-Carlo standard errors between the means under two proposals


class Attempt(NamedTuple):
    """One try: the proposal's kind, and how many proposals per wanted draw."""

    split: bool
    per_draw: int


ATTEMPTS = (Attempt(False, 4), Attempt(True, 4), Attempt(True, 16))


def fit_laplace(
    model: GLM, data: Any, draws: int = 1000, chains: int = 4, seed: int = 0
) -> xr.DataTree:
    """Approximate the posterior by a Gaussian at its mode, corrected by importance weights.

    The Gaussian N(mode, H^-1) stands at the mode of the density on the unconstrained scale
    (log sigma, with the Jacobian), H being minus the Hessian there. A pool of its draws is
    weighted by p/q, the weights are Pareto-smoothed (Vehtari et al. 2024), and the draws are
    taken from the pool by systematic sampling, so ``posterior`` is already corrected. Where the
    weights fail, a split normal (Geweke 1989) follows the skewness of the density, then a pool
    four times as large.

    Parameters
    ----------
    model, data
        As in `fit_map`.
    draws, chains : int
        ``draws`` draws in each of ``chains`` chains (independent draws, shaped for ArviZ).
    seed : int
        The same seed gives the same draws.

    Returns
    -------
    xarray.DataTree
        ``posterior``, ``sample_stats`` (``lp``), ``log_likelihood`` (up to 2e7 values),
        ``observed_data``, ``constant_data``; ``laplace`` (mode, sd, covariance on the
        unconstrained scale) and ``proposal`` (raw draws with ``log_p`` and ``log_q``, for
        ``arviz.loo_approximate_posterior``). Attributes ``khat`` and ``importance_ess``
        (the smallest of ArviZ's bulk size, Kish's and the number of distinct draws).

    Raises
    ------
    ModelError
        A Laplace prior: at its kink a Hessian says nothing about uncertainty.
    DataError, ConvergenceError
        As in `fit_map`.

    Warns
    -----
    BayesGLMWarning
        The weights failed their check: k-hat too high, or too few effective draws.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [0, 0, 1, 1, 0, 1], "x": [-2.0, -1.0, -0.5, 0.5, 1.0, 2.0]}
    >>> model = bg.GLM("y", "x", family="bernoulli", prior=bg.Normal(1.0),
    ...                intercept=bg.Normal(1.0))
    >>> fitted = bg.fit_laplace(model, data)
    >>> fitted["posterior"]["x"].dims, bool(fitted.attrs["khat"] < 0.7)
    (('chain', 'draw'), True)
    """
    began = time.perf_counter()
    check_counts(draws, chains)
    problems = open_problems(model, data)
    refused = kinks(problems)
    if refused:
        raise ModelError(
            f"fit_laplace cannot do {refused}: the curvature of a Laplace prior at its kink is no "
            "information, so no standard error may come from it. Use fit or fit_mcmc for the "
            "posterior, fit_map for the sparse mode."
        )
    made = laplace_draws(problems, draws, chains, seed)
    for problem, one in zip(problems, made, strict=True):
        assert one.gaussian is not None
        if not one.gaussian.accepted:
            warnings.warn(
                f"the Laplace approximation{problem.where} failed its check: "
                f"{one.gaussian.why}. Its draws are not the posterior; use fit, which goes on to "
                "NUTS by itself, or fit_mcmc.",
                BayesGLMWarning,
                stacklevel=2,
            )
    return posterior_tree(problems, made, seed, began)


def kinks(problems: list[Problem]) -> str:
    """Name the terms whose prior has a kink, or return an empty string."""
    objective = problems[0].natural
    kinked = objective.kink > 0
    names = [name for name, where in problems[0].places.items() if kinked[where].any()]
    return ", ".join(f"term {name!r} (Laplace prior)" for name in names)


def laplace_draws(problems: list[Problem], draws: int, chains: int, seed: int) -> list[Draws]:
    """Return corrected draws for every neuron, each from a random stream of its own."""
    streams = np.random.default_rng(seed).spawn(len(problems))
    return [
        _one(problem, draws, chains, rng) for problem, rng in zip(problems, streams, strict=True)
    ]


def _one(problem: Problem, draws: int, chains: int, rng: np.random.Generator) -> Draws:
    objective = problem.unconstrained
    solution = find_mode(problem, objective)
    first = gaussian(np.array(solution.x), -objective.evaluate(solution.x).hessian)
    wanted, shape = draws * chains, (chains, draws)
    for attempt in ATTEMPTS:
        proposal = split(first, objective.log_density) if attempt.split else first
        pool, log_q = proposal.draw(rng, attempt.per_draw * wanted)
        log_p = objective.log_density(pool)
        smoothed = smooth(log_p - log_q)
        index = resample(rng, smoothed.log_weights, wanted)
        kept = pool[index].reshape(*shape, -1)
        ess = min(smallest_ess(kept), smoothed.kish, float(len(np.unique(index))))
        why = _refusal(smoothed, len(pool), chains)
        if not why and ess >= SHORT * wanted:
            break
    if not why and not problem.log_concave():
        why = _disagreement(objective, proposal, pool, smoothed, rng)
    made = Gaussian(
        first.mode,
        first.factor @ first.factor.T,
        pool[:wanted].reshape(*shape, -1),
        log_p[:wanted].reshape(shape),
        log_q[:wanted].reshape(shape),
        smoothed.khat,
        smoothed.kish,
        ess,
        accepted=not why,
        why=why,
    )
    stands = (
        f"importance weights of a {proposal.name} proposal stand: k-hat {smoothed.khat:.2f}, "
        f"{ess:.0f} effective of {wanted} draws"
    )
    return Draws(
        kept,
        "laplace",
        why or stands,
        float(objective.log_density(first.mode[None])[0]),
        log_p[index].reshape(shape),
        solution={
            "gradient_norm": solution.gradient_norm,
            "n_iter": solution.n_iter,
            "solver": solution.solver,
        },
        gaussian=made,
    )


def _refusal(smoothed: Smoothed, n_pool: int, chains: int) -> str:
    limit, least = khat_limit(n_pool), KISH_PER_CHAIN * chains
    if not smoothed.khat < limit:
        return f"k-hat is {smoothed.khat:.2f}, not below {limit:.2f}"
    if smoothed.kish < least:
        return f"the weights are worth {smoothed.kish:.0f} draws, fewer than {least}"
    return ""


def _disagreement(
    objective: Objective,
    proposal: Proposal,
    pool: Array,
    smoothed: Smoothed,
    rng: np.random.Generator,
) -> str:
    """Compare the means with those under a heavier-tailed proposal, in Monte-Carlo errors."""
    heavy, log_q = proposal.heavier(HEAVY_TAIL_DF).draw(rng, len(pool))
    other = smooth(objective.log_density(heavy) - log_q)
    if other.kish < KISH_PER_CHAIN:
        return (
            "the density is not log-concave, and a heavier-tailed proposal has too few effective "
            f"draws ({other.kish:.0f}) to confirm it"
        )
    weights, weights_heavy = np.exp(smoothed.log_weights), np.exp(other.log_weights)
    mean, mean_heavy = weights @ pool, weights_heavy @ heavy
    sd = np.sqrt(weights @ (pool - mean) ** 2)
    error = sd * np.sqrt(1.0 / smoothed.kish + 1.0 / other.kish)
    furthest = float(np.max(np.abs(mean - mean_heavy) / error))
    if furthest > AGREEMENT:
        return (
            "the density is not log-concave, and a heavier-tailed proposal moves a mean by "
            f"{furthest:.1f} Monte-Carlo errors"
        )
    return ""
