"""Draws of every neuron's posterior by NUTS, on the native density or on the PyMC model."""

from __future__ import annotations

import sys
import warnings
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.inference.nuts.sampler import Settings, run_compiled, run_native
from bayesglm.inference.nuts.scales import learned_units
from bayesglm.inference.nuts.whitening import whiten
from bayesglm.inference.problem.centring import Centred
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.twin.model import build
from bayesglm.numerics.density.sampled import density
from bayesglm.numerics.rows.parallel import single_products

Array = np.ndarray
TUNE = 100  # warm-up draws from a mode, in coordinates that leave next to nothing to adapt ...
LONG_TUNE = 300  # ... and without one
# Numbers read by an evaluation from which chains gain by threads: below, they wait for each other's
# turn at the interpreter for longer than they compute, and threads are left to the products.
SHARED = 3_000_000
# What the scale above all takes from those of the coefficients that matter, it gives to them: such
# correlations are learnt. They made 2400 effective draws of 1300, of 40 coefficients in 4000 draws.
OF_OWN_SCALES = {"adaptation": "low_rank"}
TRIED = 16  # thetas at which single precision is tried
# Steps that rotate x, which is exact for a standard normal, in place of straight ones. Three of 1.3
# radians make the half turn at which NUTS turns back; longer ones would skip to where x is -x.
NEARLY_NORMAL = {"exact_normal_trajectory": True, "max_step_size": 1.3}
REMEDIES = (
    "Check the scale of the data and of the offset, and give the terms priors of the scale of "
    "their coefficients."
)


class Sampled(NamedTuple):
    """Draws of theta ``(chain, draw, size)``, their log densities, and nutpie's statistics.

    A neuron that an interruption left without draws has empty arrays.
    """

    theta: Array
    lp: Array
    stats: dict[str, Array]
    interrupted: bool = False


def by_native(centres: list[Centred], settings: Settings) -> list[Sampled]:
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
    coordinates, nearly_normal, widths = whiten(problem)
    centre = coordinates.to_theta(np.zeros(problem.natural.size))
    tries = np.random.default_rng(0).standard_normal((TRIED, problem.natural.size))
    target = density(problem.unconstrained, centre, widths, coordinates.to_theta(tries))
    options: dict[str, Any] = {"tune": LONG_TUNE}
    if nearly_normal:
        options = {"tune": TUNE, **NEARLY_NORMAL}
    elif problem.learned and not problem.narrows():
        options |= OF_OWN_SCALES
    alone = target.cells <= SHARED
    if alone:
        options["cores"] = 1
    with nullcontext() if alone else single_products():
        try:
            run = run_native(
                coordinates.in_x(target.slopes),
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
    return Sampled(
        centred.raw_unconstrained(coordinates.to_theta(x)), lp, run.stats(), run.interrupted
    )


def by_pymc(problems: list[Problem], settings: Settings) -> list[Sampled]:
    """Sample all neurons together in one PyMC model."""
    import nutpie

    with warnings.catch_warnings():
        # What numba says of its cache and casts while compiling is no news about the model.
        warnings.simplefilter("ignore")
        model = build(problems, learned_units(problems))
        compiled = nutpie.compile_pymc_model(model, **_starts(problems, model))
        try:
            run = run_compiled(compiled, settings, settings.seed, _watched(), {})
        except ConvergenceError as error:
            raise ConvergenceError(f"{error}. {REMEDIES}") from error
    stats = run.stats()
    found = []
    for k, problem in enumerate(problems):
        lead = run.columns["logp"].shape
        theta = np.empty((*lead, problem.natural.size))
        for one in problem.unconstrained.registry.free:
            values = run.columns[one.name]
            values = values if problem.plan.population is None else values[:, :, k]
            theta[..., one.place] = one.transform.inner(values.reshape(*lead, -1))
        lp = problem.unconstrained.log_density(theta.reshape(-1, problem.natural.size))
        found.append(Sampled(theta, lp.reshape(lead), stats, run.interrupted))
    return found


def _starts(problems: list[Problem], model: Any) -> dict[str, Any]:
    """Return where the chains start where a link is not defined everywhere: where solvers do.

    Elsewhere nothing is said, and they start around the middle of the priors.
    """
    natural = problems[0].natural
    if natural.family.domain.is_real_line:
        return {}
    thetas = np.stack([problem.start(problem.natural) for problem in problems])
    variables = {variable.name for variable in model.free_RVs}
    several, points = problems[0].plan.population is not None, {}
    for one in natural.registry.free:
        if one.name in variables:
            values = one.natural(thetas if several else thetas[0])
            points[one.name] = values.reshape((len(problems),) * several + one.shape)
    return {"initial_points": points, "jitter_rvs": set()}


def _watched() -> bool:
    """Say whether somebody may be looking: at a terminal, or at a notebook."""
    python = sys.modules.get("IPython")
    shell = python.get_ipython() if python is not None else None
    return hasattr(shell, "kernel") or (sys.stderr is not None and sys.stderr.isatty())
