"""The Laplace approximation, corrected by importance weights and checked before it is believed."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import BayesGLMWarning, ModelError
from bayesglm.inference.draws import Draws, Gaussian
from bayesglm.inference.optimum import find_mode
from bayesglm.inference.pool import disagreement, find_pool, refusal
from bayesglm.inference.problem import Problem, open_problems
from bayesglm.inference.proposals import Proposal, gaussian, split
from bayesglm.inference.psis import resample, smallest_ess
from bayesglm.inference.solve import with_moments
from bayesglm.inference.tree import check_counts, posterior_tree
from bayesglm.numerics.parallel import unthreaded_products
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray


def fit_laplace(
    model: GLM, data: Any, draws: int = 1000, chains: int = 4, seed: int = 0
) -> xr.DataTree:
    """Approximate the posterior by a Gaussian at its mode, corrected by importance weights.

    The Gaussian N(mode, H^-1) stands at the mode of the density on the unconstrained scale
    (log sigma, with the Jacobian), H being minus the Hessian there. A pool of its draws is
    weighted by p/q, the weights are Pareto-smoothed (Vehtari et al. 2024), and the draws are
    taken from the pool by systematic sampling, so ``posterior`` is already corrected. The pool
    starts at 1.5 proposals per draw and grows while they are worth too few draws. Where k-hat
    says that the weights have no variance, or very many proposals would be needed, a split normal
    (Geweke 1989) follows the skewness of the density, and then a Student t its tails.

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
        ``arviz.loo_approximate_posterior``). Attributes ``khat``, ``accepted`` (whether the
        weights stood their check) and ``importance_ess``: the smallest of ArviZ's bulk size,
        Kish's, the number of distinct draws, and how many independent draws the mean of each
        parameter is worth by its own weights.

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
    with unthreaded_products(problems[0].unconstrained.size):
        return [
            _one(problem, draws, chains, rng)
            for problem, rng in zip(problems, streams, strict=True)
        ]


def _one(problem: Problem, draws: int, chains: int, rng: np.random.Generator) -> Draws:
    objective = problem.unconstrained
    solution = find_mode(problem, objective)
    mode = np.array(solution.x)
    at_mode = objective.evaluate(mode)
    if objective.family.quadratic:
        objective = with_moments(objective, mode)
    wanted, shape = draws * chains, (chains, draws)
    first = gaussian(mode, -at_mode.hessian)
    density = objective.log_density
    pool = find_pool(density, _proposals(density, first), wanted, chains, rng)
    why = refusal(pool, chains)
    if not why and not (problem.log_concave() and pool.steady):
        why = disagreement(density, pool, pool.proposal.heavier(), rng)
    index = resample(rng, pool.smoothed.log_weights, wanted)
    kept = pool.thetas[index].reshape(*shape, -1)
    ess = min(
        smallest_ess(kept), pool.smoothed.kish, float(len(np.unique(index))), pool.worth(wanted)
    )
    made = Gaussian(
        mode,
        first.factor @ first.factor.T,
        pool.thetas[:wanted].reshape(*shape, -1),
        pool.log_p[:wanted].reshape(shape),
        pool.log_q[:wanted].reshape(shape),
        pool.smoothed.khat,
        pool.smoothed.kish,
        ess,
        accepted=not why,
        why=why,
    )
    stands = (
        f"importance weights of a {pool.proposal.name} proposal stand: "
        f"k-hat {pool.smoothed.khat:.2f}, {ess:.0f} effective of {wanted} draws"
    )
    return Draws(
        kept,
        "laplace",
        why or stands,
        at_mode.value,
        pool.log_p[index].reshape(shape),
        solution={
            "gradient_norm": solution.gradient_norm,
            "n_iter": solution.n_iter,
            "solver": solution.solver,
        },
        gaussian=made,
    )


def _proposals(log_density: Callable[[Array], Array], first: Proposal) -> Iterator[Proposal]:
    yield first
    skewed = split(first, log_density)
    yield skewed
    yield skewed.heavier()
