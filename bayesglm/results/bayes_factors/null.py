"""The density of a posterior where some of its coefficients are held, by its own draws."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from bayesglm.errors import DataError
from bayesglm.inference.problem.problem import Problem, make_problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.weights.leaving import error_of
from bayesglm.inference.weights.psis import pareto_smoothed, tail_size
from bayesglm.inference.weights.shifted import Moved, Whole, between, matched, peak_of
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.results.bayes_factors.lines import Null, line_of
from bayesglm.results.bayes_factors.scaled import has_scale, plan_widened
from bayesglm.results.bayes_factors.told import Contrast, Factor

Array = np.ndarray
GOOD_KHAT = 0.5  # below which ratios have a variance, and draws need not be moved
LEAST_TAIL = 2.0  # times its share of draws that the largest ratios hold, to be a tail: chosen


class Estimated(NamedTuple):
    """The logarithm of a mean over draws, how each of them moves it, and the k-hat behind it."""

    log_mean: float
    moves: Array
    khat: float


class Path(NamedTuple):
    """Where draws are moved, and the log of what is integrated, at moved draws."""

    moved: Callable[[Array], Moved]
    log_target: Callable[[Array], Array]


def contrast_of(kept: Kept, null: Null, chains: int, worth: float) -> Contrast:
    """Return the Bayes factor of one neuron's coefficients against the null, by factors.

    With another prior p_f of the coefficients alone it is the same ratio times the mean over the
    draws of p_f(w) / p(w). Draws come from so many ``chains``, and are ``worth`` no more than so
    many independent ones.
    """
    kept = kept.finished[1]
    objective = kept.problem.unconstrained
    thetas = objective.registry.inner_coefficients(kept.theta)
    drawn = Whole(thetas, objective.log_density(thetas), objective.log_density)
    there = density_at(objective, drawn, null)
    held = np.full((1, len(null.places)), null.value)
    at_null = float(log_prior(null.part, null, held)[0])
    is_varied = any(
        one.label == null.name and has_scale(one.prior)
        for one in kept.problem.plan.model.every_term
    )

    @cache
    def at(factor: float) -> Factor:
        log_bf, moves, khat = at_null - there.log_mean, -there.moves, there.khat
        if factor != 1.0:
            wider = _under(kept.problem, drawn, null, factor)
            log_bf, moves = log_bf + wider.log_mean, moves + wider.moves
            khat = max(khat, wider.khat)
        return Factor(log_bf, error_of(moves, chains, worth), khat)

    against = f"{null.label} = {null.value:g}"
    return Contrast(null.label, against, [null.name] if is_varied else [], at)


def log_prior(part: PriorPart, null: Null, w: Array) -> Array:
    """Return the log prior density ``(draws,)`` of what is held, at ``w`` ``(draws, q)``."""
    if len(null.places) == part.size:
        return part.total(w)
    at = int(null.places[0]) - part.where.start
    numbers = {
        key: np.broadcast_to(number, part.size)[at] for key, number in part.parameters.items()
    }
    return part.prior.log_density(w[..., 0], **numbers)


def density_at(objective: Objective, drawn: Whole, null: Null) -> Estimated:
    """Return the logarithm of the posterior's density where coefficients are held.

    E[ g(w) p(value, T psi, y) |det T| / p(w, psi, y) ], T being the map of `Line`.
    """
    n, size = drawn.thetas.shape
    if n <= 2 * (size + 1):
        raise DataError(
            f"the fit holds {n} draws of {size} parameters, too few to tell how these hang "
            "together; draw more."
        )

    def told_by(thetas: Array) -> Path:
        line = line_of(objective, thetas, null)
        return Path(line.moved, lambda moved: line.log_target(moved, drawn.log_density))

    return _first_good(
        lambda: _by_halves(drawn, told_by, _applied), lambda: _by_halves(drawn, told_by, _matched)
    )


def _under(problem: Problem, drawn: Whole, null: Null, factor: float) -> Estimated:
    """Return log E[p_f(w) / p(w)] over the posterior, p_f the prior so many times as wide.

    By weights, by draws that are moved from the one posterior's peak to the other's, or by draws
    whose moments are matched.
    """
    plan = plan_widened(problem.plan, [null.name], factor)
    other = make_problem(plan, problem.neuron, problem.design)
    part = next(one for one in other.natural.coefficients if one.where == null.part.where)

    def change(thetas: Array) -> Array:
        w = thetas[:, null.places]
        return log_prior(part, null, w) - log_prior(null.part, null, w)

    def target(thetas: Array) -> Array:
        return drawn.log_density(thetas) + change(thetas)

    def stay(thetas: Array) -> Moved:
        return Moved(thetas, 0.0)

    def told_by(thetas: Array) -> Path:
        peaks = [peak_of(one, thetas.mean(axis=0)) for one in (problem, other)]
        if peaks[0] is None or peaks[1] is None:
            return Path(stay, target)
        return Path(partial(between, whole=peaks[0], other=peaks[1]), target)

    return _first_good(
        lambda: _estimated(change(drawn.thetas)),
        lambda: _by_halves(drawn, told_by, _applied),
        lambda: _by_halves(drawn, lambda thetas: Path(stay, target), _matched),
    )


def _first_good(*ways: Callable[[], Estimated]) -> Estimated:
    """Return the first estimate whose k-hat is good, or else that of the smallest."""
    tried: list[Estimated] = []
    for way in ways:
        tried.append(way())
        if tried[-1].khat < GOOD_KHAT:
            return tried[-1]
    return min(tried, key=lambda one: one.khat)


def _by_halves(
    drawn: Whole, told_by: Callable[[Array], Path], way: Callable[[Path, Whole, Whole], Array]
) -> Estimated:
    """Return the mean of ratios at draws that are moved as the other half of them tells.

    What the same draws told would follow their chance: by 0.02 nats of ten coefficients.
    """
    halves = np.array_split(np.arange(len(drawn.thetas)), 2)
    log_ratios = np.empty(len(drawn.thetas))
    for one, other in (halves, halves[::-1]):
        path = told_by(drawn.thetas[one])
        log_ratios[other] = way(path, drawn.some(one), drawn.some(other))
    return _estimated(log_ratios)


def _applied(path: Path, one: Whole, other: Whole) -> Array:
    """Return the log ratios of the other draws, moved along the path."""
    there = path.moved(other.thetas)
    return path.log_target(there.thetas) + there.log_det - other.log_p


def _matched(path: Path, one: Whole, other: Whole) -> Array:
    """Return them where the path goes on by the affine map that matches moments of the first."""
    here, start = path.moved(one.thetas), path.moved(other.thetas)
    whole = Whole(here.thetas, one.log_p - here.log_det, path.log_target)
    carry = matched(whole, lambda thetas: np.zeros(len(thetas)), GOOD_KHAT)
    there = start.by(carry)
    return path.log_target(there.thetas) + there.log_det - other.log_p


def _estimated(log_ratios: Array) -> Estimated:
    """Return the log of a mean of ratios, smoothed.

    k-hat knows the shape of a tail and not its size: of ratios that are nearly alike it is 0 at
    most.
    """
    log_ratios = np.where(np.isnan(log_ratios), -np.inf, log_ratios)
    n = len(log_ratios)
    if not np.isfinite(log_ratios).any():
        return Estimated(np.nan, np.zeros(n), np.inf)
    smoothed = pareto_smoothed(log_ratios)
    weights, tail = np.sort(np.exp(smoothed.log_weights)), tail_size(n)
    is_tail = weights[n - tail :].sum() > LEAST_TAIL * tail / n
    khat = smoothed.khat if is_tail else min(smoothed.khat, 0.0)
    return Estimated(smoothed.log_mean, n * np.exp(smoothed.log_weights) - 1.0, khat)
