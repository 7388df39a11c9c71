"""The Laplace approximation, corrected by importance weights and checked before it is believed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bayesglm.errors import ConvergenceError, ModelError, tell
from bayesglm.inference.problem.asked import check_counts, check_room, check_seed
from bayesglm.inference.problem.posteriors import open_posteriors
from bayesglm.inference.tree.posterior import posterior_tree
from bayesglm.inference.weights.approximation import laplace_draws, stands, uncurved
from bayesglm.spec.given import verb_of_models
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    import xarray as xr


@verb_of_models
def fit_laplace(
    model: GLM, data: Any, draws: int = 1000, chains: int = 4, seed: int = 0
) -> xr.DataTree:
    """Approximate the posterior by a Gaussian at its mode, corrected by importance weights.

    The Gaussian N(mode, H^-1) stands at the mode of the density on the unconstrained scale
    (log sigma, with the Jacobian), H being minus the Hessian there. A pool of its draws is
    weighted by p/q, the weights are Pareto-smoothed (Vehtari et al. 2024), and the draws are
    taken from the pool by systematic sampling, so ``posterior`` is already corrected. The pool
    starts at 1.25 proposals per draw and grows while they are worth too few draws. Where k-hat
    says that the weights have no variance, or very many proposals would be needed, a split normal
    (Geweke 1989) follows the skewness of the density, and then a Student t its tails.

    A gaussian response with the identity link and a sigma to learn needs no such pool: sigma is
    drawn from its own posterior, and the coefficients from their Gaussian given it. That is the
    posterior itself, also where a joint mode does not exist because the coefficients can pass
    through every response; ``laplace`` then stands at the mode of sigma's own posterior.

    So are learned scales of a gaussian response under Gaussian priors: all coefficients, of any
    number of groups, are integrated out exactly, the weights are asked of sigma, scales and
    correlations alone, and the coefficients are drawn from their Gaussian given them. Where that
    density costs too much to be asked thousands of times it is interpolated, and ``why`` says by
    how much that is off where it was looked at again.

    The effects of a grouping, under normal priors that are alike for all levels, are integrated out
    by adaptive Gauss-Hermite quadrature (Naylor & Smith 1982), each level's by itself, where their
    scale is learned or they are many. The Gaussian is then one of the few parameters beside them,
    at the mode of their own density; given a draw of these, each level's effects are drawn by
    independence Metropolis from their own distribution. Attributes say what was checked:
    ``top_size`` (the dimensions of k-hat), ``quadrature_error`` (the nats by which twice the nodes
    change the log density), ``level_acceptance`` (the smallest share of accepted proposals of a
    level, ``worst_level``).

    Where several groupings fall into small blocks of levels that share rows, all are integrated
    out: the finest one by quadrature, the others of each block by a few importance draws, whose
    means are unbiased, so that the weights stay exact (Tran et al. 2021). ``block_khat`` and
    ``block_share`` say how far the draws of the worst block are to be believed.

    Other learned scales have no joint mode with their coefficients. There the approximation is
    nested (Rue, Martino & Chopin 2009): Gaussians of the coefficients along the posterior of the
    scales (and of sigma), corrected by the same weights. So it is along the posterior of
    dispersions where no proposal at the mode stands.

    Of many coefficients for each row no Gaussian at the mode follows the posterior, which every row
    cuts off. Where all of them have Normal priors they are drawn by expectation propagation (Minka
    2001), into which the rows' likelihoods are put one by one; ``laplace`` stands at the mode all
    the same, and ``method`` says what the draws are of.

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
        ``observed_data``, ``constant_data``; unless more than 200 effects were integrated out,
        ``laplace`` (mode, sd, covariance on the unconstrained scale) and ``proposal`` (raw draws
        with ``log_p`` and ``log_q``, for ``arviz.loo_approximate_posterior``). Attributes ``khat``,
        ``accepted`` (whether the weights stood their check) and ``importance_ess``: the smallest of
        ArviZ's bulk size, Kish's, the number of distinct draws, and how many independent draws the
        mean of each parameter is worth by its own weights.

    Raises
    ------
    ModelError
        A prior with a kink, a bound or heavy tails, of whose uncertainty a Hessian says nothing; a
        model without a parameter; a posterior of sigma that is improper.
    DataError
        As in `fit_map`; draws, chains or a seed that are no such numbers, or more draws than the
        memory holds.
    ConvergenceError
        As in `fit_map`; learned scales that are too many, or whose posterior has no mode.

    Warns
    -----
    BayesGLMWarning
        The weights failed their check: k-hat too high, or too few effective draws; as in `fit_map`.

    Notes
    -----
    Where draws times samples are over 2 million, logistic and Poisson likelihoods are summed in
    single precision, as changes from the mode, if that is right to 1e-3; so are ``lp``, ``log_p``.

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
    draws, chains = check_counts(draws, chains)
    seed = check_seed(seed)
    problems = open_posteriors(model, data)
    check_room(problems, draws, chains)
    problems[0].refuse_confined("the Laplace approximation", "take fit, or fit_mcmc")
    refused = uncurved(problems)
    if refused:
        raise ModelError(
            f"fit_laplace cannot do {refused}: the curvature at a kink, or under heavy tails, is "
            "no information, so no standard error may come from it. Use fit or fit_mcmc for the "
            "posterior, fit_map for the mode."
        )
    made = []
    for problem, one in zip(problems, laplace_draws(problems, draws, chains, seed), strict=True):
        if isinstance(one, ConvergenceError):
            raise ConvergenceError(f"{one}{problem.where}; use fit or fit_mcmc.", one.solution)
        made.append(one)
        if not stands(one):
            tell(
                f"the Laplace approximation{problem.where} failed its check: "
                f"{one.why}. Its draws are not the posterior; use fit, which goes on to "
                "NUTS by itself, or fit_mcmc."
            )
    return posterior_tree(problems, made, seed, began)
