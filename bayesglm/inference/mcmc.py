"""NUTS draws by nutpie, for every model; slower than Laplace and asked for less."""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING, Any

from bayesglm.errors import BayesGLMWarning, DataError, ModelError
from bayesglm.inference.draws import Draws
from bayesglm.inference.optimum import check_identified
from bayesglm.inference.problem import Problem, open_problems
from bayesglm.inference.psis import largest_rhat, smallest_ess
from bayesglm.inference.pymc_model import build
from bayesglm.inference.tree import check_counts, posterior_tree, thetas_from
from bayesglm.spec.model import GLM
from bayesglm.spec.noun import near

if TYPE_CHECKING:
    import xarray as xr

ENGINES = ("auto", "pymc")
RHAT_LIMIT = 1.01
ESS_PER_CHAIN = 100


def fit_mcmc(
    model: GLM,
    data: Any,
    draws: int = 1000,
    tune: int | None = None,
    chains: int = 4,
    seed: int = 0,
    target_accept: float = 0.8,
    engine: str = "auto",
) -> xr.DataTree:
    """Sample the posterior by NUTS (Hoffman & Gelman 2014) with nutpie.

    Parameters
    ----------
    model, data
        As in `fit_map`.
    draws, chains : int
        ``draws`` kept draws in each of ``chains`` chains.
    tune : int, optional
        Warm-up draws per chain; nutpie's own choice by default.
    seed : int
        The same seed gives the same draws.
    target_accept : float
        Mean acceptance that the step size aims at, between 0 and 1; raise it on divergences.
    engine : {"auto", "pymc"}
        ``"pymc"`` compiles the PyMC model; ``"auto"`` takes the fastest engine there is.

    Returns
    -------
    xarray.DataTree
        ``posterior``, ``sample_stats`` (``lp``, ``diverging``, ``n_steps``, ...),
        ``log_likelihood`` (up to 2e7 values), ``observed_data``, ``constant_data``.

    Raises
    ------
    DataError, ModelError
        Bad data, an impossible setting, an unknown engine.

    Warns
    -----
    BayesGLMWarning
        Divergences, r-hat above 1.01, or a bulk effective size below 100 per chain.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.fit_mcmc(bg.GLM("y", "x"), {"y": [1.0], "x": [2.0]}, chains=0)
    Traceback (most recent call last):
    ...
    bayesglm.errors.DataError: chains must be a whole number of at least 1, got 0.
    """
    began = time.perf_counter()
    check_counts(draws, chains)
    if engine not in ENGINES:
        raise ModelError(
            f"unknown engine {engine!r}; the engines are {', '.join(ENGINES)}."
            f"{near(engine, ENGINES)}"
        )
    if tune is not None and tune < 1:
        raise DataError(f"tune must be at least 1, got {tune!r}.")
    if not 0 < target_accept < 1:
        raise DataError(f"target_accept must lie between 0 and 1, got {target_accept!r}.")
    problems = open_problems(model, data)
    made = mcmc_draws(problems, draws, tune, chains, seed, target_accept)
    return posterior_tree(problems, made, seed, began)


def mcmc_draws(
    problems: list[Problem],
    draws: int,
    tune: int | None,
    chains: int,
    seed: int,
    target_accept: float,
) -> list[Draws]:
    """Sample all problems in one PyMC model and return each neuron's draws."""
    for problem in problems:
        check_identified(problem)
    sampled = _nutpie(problems, draws, tune, chains, seed, target_accept)
    thetas = thetas_from(sampled["posterior"].to_dataset(), problems)
    stats = {
        name: sampled["sample_stats"][name].values
        for name in ("diverging", "n_steps", "tree_depth", "energy", "step_size")
        if name in sampled["sample_stats"]
    }
    stats = {name: values for name, values in stats.items() if values.ndim == 2}
    made = []
    for problem, theta in zip(problems, thetas, strict=True):
        lp = problem.unconstrained.log_density(theta).reshape(chains, draws)
        made.append(
            Draws(
                theta.reshape(chains, draws, -1),
                "nuts",
                "NUTS was asked for",
                None,
                lp,
                stats,
            )
        )
        _warn(problem, made[-1])
    return made


def _nutpie(
    problems: list[Problem],
    draws: int,
    tune: int | None,
    chains: int,
    seed: int,
    target_accept: float,
) -> Any:
    import nutpie

    with warnings.catch_warnings():
        # What numba says of its cache and casts while compiling is no news about the model.
        warnings.simplefilter("ignore")
        compiled = nutpie.compile_pymc_model(build(problems))
        return nutpie.sample(
            compiled,
            draws=draws,
            tune=tune,
            chains=chains,
            seed=seed,
            target_accept=target_accept,
            progress_bar=False,
        )


def _warn(problem: Problem, made: Draws) -> None:
    """Say what is wrong with draws, so that nobody has to look for it."""
    chains, draws = made.lp.shape
    faults = []
    diverging = int(made.stats["diverging"].sum()) if "diverging" in made.stats else 0
    if diverging:
        faults.append(f"{diverging} of {chains * draws} draws diverged (raise target_accept)")
    if chains > 1 and draws >= 4:
        rhat = largest_rhat(made.theta)
        if not rhat <= RHAT_LIMIT:
            faults.append(f"r-hat is {rhat:.3f}, above {RHAT_LIMIT} (take more draws and tune)")
        ess = smallest_ess(made.theta)
        if ess < ESS_PER_CHAIN * chains and draws >= ESS_PER_CHAIN:
            faults.append(f"the smallest bulk effective size is {ess:.0f} (take more draws)")
    if faults:
        warnings.warn(
            f"the NUTS draws{problem.where} need care: {'; '.join(faults)}.",
            BayesGLMWarning,
            stacklevel=4,
        )
