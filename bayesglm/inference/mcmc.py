"""NUTS draws by nutpie: on the native log density without compilation, or on the PyMC model."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.errors import ConvergenceError, ModelError, tell
from bayesglm.inference.draws import Draws
from bayesglm.inference.modes.optimum import check_identified
from bayesglm.inference.nuts.diagnostics import diagnose, stand_still, warn
from bayesglm.inference.nuts.guard import failure, guarded, starting_point
from bayesglm.inference.nuts.scales import learned_units
from bayesglm.inference.nuts.trace import kept_columns, let_workers_end, reason_of, rectangle
from bayesglm.inference.nuts.whitening import whiten
from bayesglm.inference.problem.asked import (
    check_counts,
    check_room,
    check_seed,
    check_target_accept,
    check_tune,
)
from bayesglm.inference.problem.centring import Centred, centred_all
from bayesglm.inference.problem.problem import Problem, open_posteriors
from bayesglm.inference.pymc_model import build
from bayesglm.inference.tree import posterior_tree
from bayesglm.numerics.density.coordinates import Slope
from bayesglm.numerics.density.sampled import density
from bayesglm.numerics.rows.parallel import n_threads, single_products
from bayesglm.spec.hints import is_among, near, shown
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray

ENGINES = ("auto", "native", "pymc")
TUNE = 100  # warm-up draws from a mode, in coordinates that leave next to nothing to adapt ...
LONG_TUNE = 300  # ... and without one
# Numbers read by an evaluation from which chains gain by threads: below, they wait for each other's
# turn at the interpreter for longer than they compute, and threads are left to the products.
SHARED = 3_000_000
TRIED = 16  # thetas at which single precision is tried
# Steps that rotate x, which is exact for a standard normal, in place of straight ones. Three of 1.3
# radians make the half turn at which NUTS turns back; longer ones would skip to where x is -x.
NEARLY_NORMAL = {"exact_normal_trajectory": True, "max_step_size": 1.3}
REMEDIES = (
    "Check the scale of the data and of the offset, and give the terms priors of the scale of "
    "their coefficients."
)
# nutpie's names of what goes into ``sample_stats``, under ArviZ's own.
STATS = {
    "acceptance_rate": "mean_tree_accept",
    "diverging": "diverging",
    "energy": "energy",
    "n_steps": "n_steps",
    "step_size": "step_size",
    "tree_depth": "depth",
}


class Settings(NamedTuple):
    """What is asked of the sampler.

    ``beside`` says whether there are draws of other neurons, not to be lost by an interruption.
    """

    draws: int
    chains: int
    seed: int
    tune: int | None = None
    target_accept: float = 0.8
    engine: str = "auto"
    beside: bool = False


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
        Warm-up draws per chain; by default what the engine needs.
    seed : int
        The same seed gives the same draws.
    target_accept : float
        Mean acceptance that the step size aims at, between 0 and 1; raise it on divergences.
    engine : {"auto", "native", "pymc"}
        ``"native"``, which is what ``"auto"`` takes, compiles nothing: it moves in coordinates
        whitened by the curvature at the mode, by trajectories that are exact for a normal
        posterior, neuron after neuron. ``"pymc"`` compiles the PyMC model.

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
            f"{near(engine, ENGINES)}"
        )
    problems = open_posteriors(model, data)
    check_room(problems, draws, chains, tune)
    made = mcmc_draws(problems, Settings(draws, chains, seed, tune, target_accept, engine))
    return posterior_tree(problems, made, seed, began)


def mcmc_draws(problems: list[Problem], settings: Settings) -> list[Draws]:
    """Sample every neuron's posterior, warn of what is wrong with the draws, and return them."""
    centres = centred_all(problems)
    for centre in centres:
        check_identified(centre.problem)
    if settings.engine == "pymc":
        sampled = _by_pymc(problems, settings)
    else:
        sampled = _by_native(centres, settings)
    made = []
    for problem, one in zip(problems, sampled, strict=True):
        draws = Draws(one.theta, "nuts", "NUTS was asked for", None, one.lp, one.stats)
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


class Sampled(NamedTuple):
    """Draws of theta ``(chain, draw, size)``, their log densities, and nutpie's statistics.

    A neuron that an interruption left without draws has empty arrays.
    """

    theta: Array
    lp: Array
    stats: dict[str, Array]
    interrupted: bool = False


def _by_native(centres: list[Centred], settings: Settings) -> list[Sampled]:
    """Sample neuron after neuron, the chains of each in threads if that saves time."""
    seeds = np.random.SeedSequence(settings.seed).generate_state(len(centres), np.uint64)
    watched, found = _watched(), list[Sampled]()
    several, size = len(centres) > 1, centres[0].problem.natural.size
    nothing = Sampled(np.empty((0, 0, size)), np.empty((0, 0)), {}, True)
    for k, (centre, seed) in enumerate(zip(centres, seeds, strict=True)):
        if watched and several:
            print(f"\rNUTS: neuron {k + 1} of {len(centres)}", end="", file=sys.stderr)
        try:
            found.append(_one(centre, settings, int(seed), watched and not several))
        except KeyboardInterrupt:
            if not found and not settings.beside:
                raise
            found.append(nothing)
        if found[-1].interrupted:
            break
    if watched and several:
        print(file=sys.stderr)
    return found + [nothing] * (len(centres) - len(found))


def _one(centred: Centred, settings: Settings, seed: int, watched: bool) -> Sampled:
    problem = centred.problem
    coordinates, at_mode, widths = whiten(problem)
    centre = coordinates.to_theta(np.zeros(problem.natural.size))
    tries = np.random.default_rng(0).standard_normal((TRIED, problem.natural.size))
    target = density(problem.unconstrained, centre, widths, coordinates.to_theta(tries))
    options: dict[str, Any] = {"tune": TUNE, **NEARLY_NORMAL} if at_mode else {"tune": LONG_TUNE}
    alone = target.cells <= SHARED
    if alone:
        options["cores"] = 1
    with nullcontext() if alone else single_products():
        try:
            run = run_native(
                coordinates.in_x(target.slope),
                problem.natural.size,
                settings,
                seed,
                watched,
                options,
            )
        except ConvergenceError as error:
            raise ConvergenceError(f"{error}{problem.where}. {REMEDIES}") from error
    x = run.columns["x"]
    lp = run.columns["logp"] - coordinates.log_det(x)
    return Sampled(centred.raw(coordinates.to_theta(x)), lp, run.stats(), run.interrupted)


def run_native(
    slope: Slope, size: int, settings: Settings, seed: int, watched: bool, options: dict[str, Any]
) -> Run:
    """Run nutpie on the value and gradient of any log density; its draws are ``columns["x"]``.

    A density whose arithmetic fails, or is not finite, counts as one of zero: a divergence. Any
    other failure ends the run.
    """
    from nutpie.compiled_pyfunc import from_pyfunc

    failures: list[Exception] = []
    safe = guarded(slope, failures)
    if not np.isfinite(safe(starting_point(safe, size, seed))[0]):
        if failures:
            raise failure(failures[0])
        raise ConvergenceError("NUTS has no place to start from: the log density is not finite")
    compiled = from_pyfunc(
        size,
        lambda: safe,
        lambda *seeds: lambda x: {"x": x},
        [np.dtype("float64")],
        [(size,)],
        ["x"],
        make_initial_point_fn=lambda seed: starting_point(safe, size, seed),
    )
    try:
        run = _run(compiled, settings, seed, watched, options)
    except ConvergenceError as error:
        if not failures:
            raise
        raise failure(failures[0]) from error
    if failures:
        raise failure(failures[0])
    return run


def _by_pymc(problems: list[Problem], settings: Settings) -> list[Sampled]:
    """Sample all neurons together in one PyMC model."""
    import nutpie

    with warnings.catch_warnings():
        # What numba says of its cache and casts while compiling is no news about the model.
        warnings.simplefilter("ignore")
        compiled = nutpie.compile_pymc_model(build(problems, learned_units(problems)))
        try:
            run = _run(compiled, settings, settings.seed, _watched(), {})
        except ConvergenceError as error:
            raise ConvergenceError(f"{error}. {REMEDIES}") from error
    stats = run.stats()
    found = []
    for k, problem in enumerate(problems):
        lead = run.columns["logp"].shape
        theta = np.empty((*lead, problem.natural.size))
        for name, where in problem.places.items():
            values = run.columns[name]
            values = values if problem.plan.population is None else values[:, :, k]
            theta[..., where] = values.reshape(*lead, -1)
        n = problem.natural.n_coefficients
        theta[..., n:] = np.log(theta[..., n:])
        lp = problem.unconstrained.log_density(theta.reshape(-1, problem.natural.size))
        found.append(Sampled(theta, lp.reshape(lead), stats, run.interrupted))
    return found


class Run(NamedTuple):
    """What nutpie stored of every kept draw: arrays ``(chain, draw, ...)``."""

    columns: dict[str, Array]
    interrupted: bool

    def stats(self) -> dict[str, Array]:
        """Return what goes into ``sample_stats``."""
        return {name: self.columns[theirs] for name, theirs in STATS.items()}


def _run(
    compiled: Any, settings: Settings, seed: int, watched: bool, options: dict[str, Any]
) -> Run:
    """Run nutpie; when interrupted, keep the draws that are finished.

    Raises ConvergenceError in place of nutpie's errors, which are RuntimeErrors with the places of
    their Rust code, and pyo3's panics, which no ``except Exception`` catches.
    """
    import nutpie

    chosen = {"cores": min(settings.chains, n_threads())} | options
    if settings.tune is not None:
        chosen["tune"] = settings.tune
    try:
        sampler = nutpie.sample(
            compiled,
            draws=settings.draws,
            chains=settings.chains,
            seed=seed,
            target_accept=settings.target_accept,
            progress_bar=watched,
            return_raw_trace=True,
            blocking=False,
            **chosen,
        )
        try:
            trace, interrupted = sampler.wait(), False
        except KeyboardInterrupt:
            trace, interrupted = sampler.abort(), True
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        let_workers_end()
        raise ConvergenceError(f"the NUTS sampler stopped: {reason_of(error)}") from error
    stored = {*STATS.values(), "logp"}
    chains = [
        kept_columns(drawn, stats, stored)
        for drawn, stats in zip(*trace.get_arrow_trace(), strict=True)
    ]
    lengths = np.array([len(chain["logp"]) for chain in chains])
    if not lengths.any():
        raise KeyboardInterrupt("interrupted before the first draw was kept")
    members, length = rectangle(lengths)
    columns = {name: np.stack([chains[k][name][:length] for k in members]) for name in chains[0]}
    return Run(columns, interrupted)


def _watched() -> bool:
    """Say whether somebody may be looking: at a terminal, or at a notebook."""
    python = sys.modules.get("IPython")
    shell = python.get_ipython() if python is not None else None
    return hasattr(shell, "kernel") or (sys.stderr is not None and sys.stderr.isatty())


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
