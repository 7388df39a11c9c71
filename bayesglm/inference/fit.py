"""A posterior by the fastest method that stands its checks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bayesglm.errors import ConvergenceError, tell
from bayesglm.inference.draws import Draws
from bayesglm.inference.mcmc import mcmc_draws
from bayesglm.inference.nuts.by_levels import nuts_by_levels
from bayesglm.inference.nuts.sampler import Settings
from bayesglm.inference.problem.asked import check_counts, check_room, check_seed
from bayesglm.inference.problem.posteriors import open_posteriors
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.posterior import posterior_tree
from bayesglm.inference.weights.approximation import laplace_draws, stands, uncurved
from bayesglm.inference.weights.indicators import has_indicators, indicator_draws
from bayesglm.inference.weights.pooled import pooled_draws
from bayesglm.spec.given import verb_of_models
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    import xarray as xr

# Acceptance to aim at where several coefficients share a learned scale, or a sum: their densities
# narrow somewhere ...
CAREFUL = 0.95
# ... and where each has a scale of its own. Of 40 coefficients under a horseshoe, 3 to 5 of which
# matter, 4000 draws were worth 850 to 930 at 0.95 and 1250 to 1750 at 0.8, without divergences, in
# as many steps or fewer.
OWN_SCALES = 0.85


@verb_of_models
def fit(model: GLM, data: Any, draws: int = 1000, chains: int = 4, seed: int = 0) -> xr.DataTree:
    """Sample the posterior by the fastest method that stands its checks, and say which.

    An importance-corrected Laplace approximation while its weights stand (k-hat below min(1 -
    1/log10(S), 0.7), at least 100 effective draws per chain; where k-hat is 0.5 or more, or the
    density not log-concave, also agreement with a heavier-tailed proposal), nested where scales are
    learned, or dispersions of which data say little; NUTS otherwise, and always under kinks, bounds
    and heavy tails. The effects of a grouping of up to 100,000 levels are integrated out, level by
    level: the weights, or NUTS, are then those of the few parameters beside them, and each level's
    effects are exact draws given these. Many coefficients for each row under Normal priors are
    looked at in the directions that rows span; the others are exact draws. There expectation
    propagation, into which the rows' likelihoods are put one by one, takes Laplace's place under
    the same weights: where a row has one linear predictor and a log-concave likelihood, and one
    scale at most is learned, or one dispersion. A gaussian response with the identity link whose
    sigma is learned is drawn exactly, sigma first; where scales are learned as well, all
    coefficients are integrated out, and drawn exactly given them. Under `SpikeSlab` the indicators
    of spike and slab are drawn with the coefficients integrated out, by walkers that check one
    another. In a population each neuron gets its own method, but where terms are ``pooled``:
    there the means and scales that neurons share are drawn first, all coefficients integrated out
    under quadratics of the log likelihoods, and every draw then makes Gibbs steps under the density
    itself until its start is forgotten; ``why`` says how many, and what was accepted.

    Parameters
    ----------
    model, data, draws, chains, seed
        As in `fit_laplace`.

    Returns
    -------
    xarray.DataTree
        As `fit_laplace` or `fit_mcmc` gives; the attributes ``method`` and ``why`` say which
        and why.

    Raises
    ------
    DataError, ModelError, ConvergenceError
        As in `fit_mcmc`.

    Warns
    -----
    BayesGLMWarning
        The importance weights were refused, and NUTS is on its way; whatever `fit_mcmc` warns of.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2]}
    >>> fitted = bg.fit(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> fitted.attrs["method"]
    'laplace'
    """
    began = time.perf_counter()
    draws, chains = check_counts(draws, chains)
    seed = check_seed(seed)
    problems = open_posteriors(model, data)
    check_room(problems, draws, chains)
    return posterior_tree(problems, sample(problems, draws, chains, seed), seed, began)


def sample(problems: list[Problem], draws: int, chains: int, seed: int) -> list[Draws]:
    """Return posterior draws of every neuron by the fastest method that stands its checks."""
    if problems[0].pooled:
        return _pooled(problems, draws, chains, seed)
    refused, settings = uncurved(problems), Settings(draws, chains, seed)
    if problems[0].learned or problems[0].without_mode():
        target = CAREFUL if problems[0].narrows() else OWN_SCALES
        settings = settings._replace(target_accept=target)
    what, brief = "the Laplace approximation", "Laplace"
    if not refused:
        tried = laplace_draws(problems, draws, chains, seed)
    elif all(map(has_indicators, problems)):
        what, brief = "collapsed Gibbs sampling", "collapsed Gibbs"
        tried = indicator_draws(problems, draws, chains, seed)
    else:
        return mcmc_draws(problems, settings, [f"NUTS, because of {refused}"] * len(problems))
    reasons = {k: why for k, one in enumerate(tried) if (why := _fault(one))}
    for k, why in reasons.items():
        tell(
            f"{what}{problems[k].where} was refused ({why}), so NUTS takes its "
            "place. fit_mcmc gets there without this attempt."
        )
    again = {}
    if reasons:
        settings = settings._replace(beside=len(reasons) < len(problems))
        whys = {k: f"NUTS, because {brief} was refused: {why}" for k, why in reasons.items()}
        again = _by_levels(problems, tried, settings, whys)
        others = [k for k in reasons if k not in again]
        if others:
            members, told = [problems[k] for k in others], [whys[k] for k in others]
            again |= dict(zip(others, mcmc_draws(members, settings, told), strict=True))
    found = []
    for k, one in enumerate(tried):
        if isinstance(one, ConvergenceError) or k in reasons:
            one = again[k]
        found.append(one)
    return found


def _pooled(problems: list[Problem], draws: int, chains: int, seed: int) -> list[Draws]:
    """Return draws of all neurons together, whose means and scales are common."""
    try:
        return pooled_draws(problems, draws, chains, seed)
    except ConvergenceError as error:
        tell(f"{error}, so NUTS takes its place. fit_mcmc gets there without this attempt.")
        why = f"NUTS, because pooled draws were refused: {error}"
        settings = Settings(draws, chains, seed, target_accept=CAREFUL)
        return mcmc_draws(problems, settings, [why] * len(problems))


def _by_levels(
    problems: list[Problem],
    tried: Sequence[Draws | ConvergenceError],
    settings: Settings,
    whys: Mapping[int, str],
) -> dict[int, Draws]:
    """Return draws by NUTS of those whose levels were integrated out when they were refused."""
    found = {}
    for k, why in whys.items():
        one = tried[k]
        if isinstance(one, Draws) and "levels_of" in one.checks:
            drawn = nuts_by_levels(problems[k], settings, why)
            if drawn is not None:
                found[k] = drawn
    return found


def _fault(one: Draws | ConvergenceError) -> str:
    """Say why an approximation does not stand, or return an empty string."""
    if isinstance(one, ConvergenceError):
        return str(one)
    return "" if stands(one) else one.why
