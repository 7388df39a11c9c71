"""Draws of every neuron's posterior by NUTS, on the native density or on the PyMC model."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.inference.nuts.lockstep import lockstep
from bayesglm.inference.nuts.low_rank import whiten_confined
from bayesglm.inference.nuts.progress import is_watched, progress
from bayesglm.inference.nuts.sampler import Settings, run_compiled
from bayesglm.inference.nuts.scales import learned_units
from bayesglm.inference.nuts.trees import Slopes
from bayesglm.inference.nuts.walk import Watch
from bayesglm.inference.nuts.whitening import whiten
from bayesglm.inference.problem.centring import Centred
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.twin.model import build
from bayesglm.numerics.density.sampled import density
from bayesglm.numerics.rows.parallel import share_out, single_products

Array = np.ndarray
# Numbers read by an evaluation at one place, from which walkers are shared out among threads, and
# how many walkers go together: fewer cost more each.
SHARED, TOGETHER = 100_000, 32
TRIED = 16  # thetas at which single precision is tried
REMEDIES = (
    "Check the scale of the data and of the offset, and give the terms priors of the scale of "
    "their coefficients."
)


class Sampled(NamedTuple):
    """Draws of theta ``(chain, draw, size)``, their log densities, and statistics of each.

    A neuron that an interruption left without draws has empty arrays. ``told`` says what became of
    a first run, if there was a second.
    """

    theta: Array
    lp: Array
    stats: dict[str, Array]
    interrupted: bool = False
    told: str = ""


def by_native(centres: list[Centred], settings: Settings) -> list[Sampled]:
    """Sample neuron after neuron, all walkers of each in lockstep."""
    seeds = np.random.SeedSequence(settings.seed).generate_state(len(centres), np.uint64)
    found, size = list[Sampled](), centres[0].problem.natural.size
    nothing = Sampled(np.empty((0, 0, size)), np.empty((0, 0)), {}, True)
    with progress(is_watched(), len(centres)) as watch:
        for k, (centre, seed) in enumerate(zip(centres, seeds, strict=True)):
            try:
                found.append(_one(centre, settings, int(seed), partial(watch, k)))
            except KeyboardInterrupt:
                if not found and not settings.beside:
                    raise
                found.append(nothing)
            if found[-1].interrupted:
                break
    return found + [nothing] * (len(centres) - len(found))


def _one(centred: Centred, settings: Settings, seed: int, watch: Watch) -> Sampled:
    problem = centred.problem
    if problem.confined:
        return _one_confined(centred, settings, seed, watch)
    size, (coordinates, nearly_normal, widths) = problem.natural.size, whiten(problem)
    centre = coordinates.to_theta(np.zeros(size))
    tries = np.random.default_rng(0).standard_normal((TRIED, size))
    target = density(problem.unconstrained, centre, widths, coordinates.to_theta(tries))
    slopes = coordinates.in_x(target.slopes)
    if target.cells > SHARED:
        slopes = shared(slopes)
    try:
        with single_products():
            run = lockstep(
                slopes, size, settings, seed, nearly_normal, seen=coordinates.to_theta, watch=watch
            )
    except ConvergenceError as error:
        raise ConvergenceError(f"{error}{problem.where}. {REMEDIES}") from error
    x = run.columns["x"]
    lp = run.columns["logp"] - coordinates.log_det(x)
    theta = centred.raw_unconstrained(coordinates.to_theta(x))
    return Sampled(theta, lp, run.stats(), run.interrupted, run.told)


def _one_confined(centred: Centred, settings: Settings, seed: int, watch: Watch) -> Sampled:
    """Sample a neuron with fields of low rank, in numbers that each belong to one field."""
    confined, coordinates = whiten_confined(centred.problem)

    def to_theta(x: Array) -> Array:
        return confined.to_theta(coordinates.to_theta(x))

    slopes = coordinates.in_x(confined.slopes)
    if confined.target.cells > SHARED:
        slopes = shared(slopes)
    with single_products():
        run = lockstep(slopes, confined.size, settings, seed, False, seen=to_theta, watch=watch)
    x = run.columns["x"]
    lp = run.columns["logp"] - coordinates.log_det(x)
    theta = centred.raw_unconstrained(to_theta(x))
    return Sampled(theta, lp, run.stats(), run.interrupted, run.told)


def shared(slopes: Slopes) -> Slopes:
    """Share out walkers among threads, as many to each as are so whatever threads there are."""

    def by_threads(x: Array) -> tuple[Array, Array]:
        parts = [x[k : k + TOGETHER] for k in range(0, len(x), TOGETHER)]
        runs = share_out(parts, lambda run: [slopes(part) for part in run])
        values, gradients = zip(*(pair for run in runs for pair in run), strict=True)
        return np.concatenate(values), np.concatenate(gradients)

    return by_threads


def by_pymc(problems: list[Problem], settings: Settings) -> list[Sampled]:
    """Sample all neurons together in one PyMC model."""
    import nutpie

    with warnings.catch_warnings():
        # What numba says of its cache and casts while compiling is no news about the model.
        warnings.simplefilter("ignore")
        model = build(problems, learned_units(problems))
        compiled = nutpie.compile_pymc_model(model, **_starts(problems, model))
        try:
            run = run_compiled(compiled, settings, settings.seed, is_watched(), {})
        except ConvergenceError as error:
            raise ConvergenceError(f"{error}. {REMEDIES}") from error
    stats = run.stats()
    found = []
    for k, problem in enumerate(problems):
        lead = run.columns["logp"].shape
        theta = np.empty((*lead, problem.natural.size))
        for one in problem.unconstrained.registry.free:
            own = one.as_it_stands
            values = run.columns[own or one.name]
            is_common = problem.plan.population is None or one.common
            values = values if is_common else values[:, :, k]
            inner = one.transform.inner
            own_u = values.reshape(*lead, -1) if own else inner(one.gathered(values))
            theta[..., one.place] = own_u
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
