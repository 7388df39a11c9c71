"""NUTS draws: the verb, and what is said of the draws."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import ConvergenceError, ModelError, tell
from bayesglm.inference.draws import Draws
from bayesglm.inference.modes.identified import check_identified
from bayesglm.inference.nuts.diagnostics import diagnose, stand_still, warn
from bayesglm.inference.nuts.posterior import REMEDIES, Sampled, by_native, by_pymc
from bayesglm.inference.nuts.sampler import Settings
from bayesglm.inference.problem.asked import (
    check_counts,
    check_room,
    check_seed,
    check_target_accept,
    check_tune,
)
from bayesglm.inference.problem.centring import Centred, centred_all
from bayesglm.inference.problem.posteriors import open_posteriors
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.row_space import in_row_space
from bayesglm.inference.tree.posterior import posterior_tree
from bayesglm.spec.given import verb_of_models
from bayesglm.spec.hints import closest, is_among, shown
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray

ENGINES = ("auto", "native", "pymc")


@verb_of_models
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
    """Sample the posterior by NUTS (Hoffman & Gelman 2014).

    Parameters
    ----------
    model, data
        As in `fit_map`.
    draws, chains : int
        ``draws`` kept draws in each of ``chains`` chains.
    tune : int, optional
        Warm-up draws of each walker, or chain of PyMC; by default what the engine needs.
    seed : int
        The same seed gives the same draws.
    target_accept : float
        Mean acceptance that the step size aims at, between 0 and 1; raise it on divergences.
    engine : {"auto", "native", "pymc"}
        ``"native"``, which is what ``"auto"`` takes, compiles nothing: some 64 walkers move in
        lockstep, in coordinates whitened by the curvature at the mode, neuron after neuron.
        ``"pymc"`` compiles the PyMC model, for nutpie, which also samples ``pooled`` terms, whose
        neurons go together.

    Returns
    -------
    xarray.DataTree
        ``posterior``, ``sample_stats`` (``lp``, ``diverging``, ``n_steps``, ...),
        ``log_likelihood`` (up to 2e7 values), ``observed_data``, ``constant_data``. Attributes
        ``n_divergent``, ``max_rhat`` (of two chains or more) and ``min_ess`` (bulk, over all
        parameters).

    Raises
    ------
    DataError, ModelError
        Bad data, an impossible setting, an unknown engine, more draws than the memory holds; a
        posterior that is improper, because the data are separated, columns collinear, or responses
        reproduced exactly; a model without a parameter.
    ConvergenceError
        No place was found to start from, or the sampler stopped short of its draws.

    Warns
    -----
    BayesGLMWarning
        Divergences, r-hat above 1.01, a bulk effective size below 100 per chain, or draws of
        sigma next to zero. An interruption (Ctrl-C), after which the finished draws are returned.
        As in `fit_map`.

    Notes
    -----
    A native chain is made of walkers laid end to end, those of half a chain from one start, so that
    r-hat tells whether starts are forgotten (the nested r-hat of Margossian et al. 2024). Where it
    is 1.01 or more, or draws diverge, a second run with shorter steps and more draws takes the
    first one's place, and ``why`` says so.

    ``energy`` is the Hamiltonian, in the coordinates of the sampler, as ``arviz.bfmi`` and
    ``plot_energy`` ask for it. Where a second run kept one draw of four, these say less.

    Progress is shown in a terminal and in a notebook. Logistic and Poisson likelihoods of more than
    20,000 numbers are summed in single precision, as changes from the centre of the coordinates,
    where that is right to 1e-3; so is ``lp``.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.fit_mcmc(bg.GLM("y", "x"), {"y": [1.0], "x": [2.0]}, chains=0)
    Traceback (most recent call last):
    ...
    bayesglm.errors.DataError: chains must be a whole number of at least 1, got 0.
    """
    began = time.perf_counter()
    draws, chains = check_counts(draws, chains)
    seed = check_seed(seed)
    tune = check_tune(tune)
    target_accept = check_target_accept(target_accept)
    if not is_among(engine, ENGINES):
        raise ModelError(
            f"unknown engine {shown(engine)}; the engines are {', '.join(ENGINES)}."
            f"{closest(engine, ENGINES)}"
        )
    problems = open_posteriors(model, data)
    check_room(problems, draws, chains, tune)
    made = mcmc_draws(problems, Settings(draws, chains, seed, tune, target_accept, engine))
    return posterior_tree(problems, made, seed, began)


def mcmc_draws(
    problems: list[Problem], settings: Settings, reasons: Sequence[str] | None = None
) -> list[Draws]:
    """Sample every neuron's posterior, warn of what is wrong with the draws, and return them.

    The ``reasons`` say why by NUTS, for each neuron.
    """
    reasons = reasons or ["NUTS was asked for"] * len(problems)
    centres = centred_all(problems)
    for centre in centres:
        check_identified(centre.problem)
    if settings.engine == "pymc" or problems[0].pooled:
        sampled = by_pymc(problems, settings)
    else:
        sampled = _in_row_spaces(centres, settings)
    made = []
    for problem, one, why in zip(problems, sampled, reasons, strict=True):
        told = f"{why}; {one.told}" if one.told else why
        draws = Draws(one.theta, "nuts", told, None, one.lp, one.stats)
        if one.lp.size:
            if stand_still(draws) and not one.interrupted:
                raise ConvergenceError(
                    f"the chains{problem.where} stand still: no step moves them. {REMEDIES}"
                )
            draws = replace(draws, checks=diagnose(draws))
            warn(problem, draws)
        made.append(draws)
    if any(one.interrupted for one in sampled):
        _warn_of_interruption(problems, sampled, settings)
    return made


def _in_row_spaces(centres: list[Centred], settings: Settings) -> list[Sampled]:
    """Sample neuron after neuron in what its rows span, and draw the rest."""
    spaces = [in_row_space(centre.problem) for centre in centres]
    sampled = by_native([Centred(space.problem) for space in spaces], settings)
    streams = np.random.default_rng(settings.seed).spawn(len(centres))
    completed = []
    for centre, space, one, rng in zip(centres, spaces, sampled, streams, strict=True):
        if one.lp.size:
            theta = space.completed(one.theta, rng)
            lp = one.lp + space.log_rest(one.theta, theta)
            told = "; ".join(filter(None, (space.words, one.told)))
            one = one._replace(theta=centre.raw_unconstrained(theta), lp=lp, told=told)
        completed.append(one)
    return completed


def _warn_of_interruption(
    problems: list[Problem], sampled: Sequence[Sampled], settings: Settings
) -> None:
    whole = settings.draws * settings.chains
    short = [
        f"{one.lp.size} of {whole}{problem.where}"
        for problem, one in zip(problems, sampled, strict=True)
        if one.interrupted
    ]
    shown = ", ".join(short[:5]) + (f" and {len(short) - 5} more neurons" if short[5:] else "")
    tell(
        f"interrupted: the draws that were finished are kept, {shown}. Draws missing beside "
        "others are NaN. Sample again for the whole."
    )
