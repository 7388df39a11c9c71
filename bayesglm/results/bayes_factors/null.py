"""The density of a posterior where some of its coefficients are held, by its own draws."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_solve, solve_triangular

from bayesglm.errors import DataError
from bayesglm.inference.problem.problem import Problem, make_problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.weights.psis import effective_sizes, pareto_smoothed, tail_size
from bayesglm.inference.weights.shifted import Whole, matched
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.results.bayes_factors.scaled import has_scale, plan_widened
from bayesglm.results.bayes_factors.told import Contrast, Factor

Array = np.ndarray
GOOD_KHAT = 0.5  # below which ratios have a variance, and draws need not be moved
# What the variances of g fall short of the posterior's, shared among its directions, so that its
# tails are lighter: k-hats are then below 0.3 where they were up to 0.65, for an error of 0.004
# instead of 0.002 from 4,000 draws (measured on gaussian, poisson and bernoulli responses).
SHORT = 0.36
NEWTON_STEPS, LEAST_STEP = 50, 1e-4  # to a peak, and the least share of one: bounds
LEAST_TAIL = 2.0  # times its share of draws that the largest ratios hold, to be a tail: chosen
STILL = 1e-6  # nats, that the last step would rise


class Null(NamedTuple):
    """What is held at a value: entries of theta, of the parameter ``name`` with its prior."""

    places: Array
    part: PriorPart
    name: str
    label: str
    value: float


class Estimated(NamedTuple):
    """The logarithm of a mean over draws, how each of them moves it, and the k-hat behind it."""

    log_mean: float
    moves: Array
    khat: float


class Drawn(NamedTuple):
    """Draws of a posterior, their log densities, and the density, all without bounds."""

    thetas: Array
    log_p: Array
    log_density: Callable[[Array], Array]

    def some(self, which: Array) -> Drawn:
        """Return some of the draws."""
        return self._replace(thetas=self.thetas[which], log_p=self.log_p[which])


class Path(NamedTuple):
    """Where draws are moved, and the log of what is integrated, at moved draws."""

    moved: Callable[[Array], Array]
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
    drawn = Drawn(thetas, objective.log_density(thetas), objective.log_density)
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
            wider = _under(drawn, null, _part_widened(kept.problem, null, factor))
            log_bf, moves = log_bf + wider.log_mean, moves + wider.moves
            khat = max(khat, wider.khat)
        return Factor(log_bf, _error(moves, chains, worth), khat)

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


def density_at(objective: Objective, drawn: Drawn, null: Null) -> Estimated:
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
        line = _line_of(objective, thetas, null)
        return Path(line.moved, lambda moved: line.log_target(moved, drawn.log_density))

    applied = _by_halves(drawn, told_by, _applied)
    return _better(applied, lambda: _by_halves(drawn, told_by, _matched))


class Peak(NamedTuple):
    """Where the others are most probable with some entries held, and their precision's factor."""

    mode: Array
    factor: Array


class Line(NamedTuple):
    """Where draws go as some of their entries are held, and the density g of these.

    Others go along ``slopes``, and from one of two ``peaks`` to the other, if there are any: with
    the entries at their ``centre``, and at the null. g is normal around the centre with the lower
    ``factor`` of its covariance.
    """

    null: Null
    others: Array
    slopes: Array
    centre: Array
    factor: Array
    peaks: tuple[Peak, Peak] | None

    @property
    def log_det(self) -> float:
        """The log of the determinant of the move."""
        if self.peaks is None:
            return 0.0
        logs = [np.log(np.diagonal(peak.factor)).sum() for peak in self.peaks]
        return float(logs[0] - logs[1])

    def moved(self, thetas: Array) -> Array:
        """Return draws whose other entries are those where the null is held."""
        own = thetas[:, self.null.places]
        there = thetas.copy()
        if self.peaks is None:
            there[:, self.others] += (self.null.value - own) @ self.slopes
            return there
        here, held = self.peaks
        away = thetas[:, self.others] + (self.centre - own) @ self.slopes - here.mode
        z = away @ here.factor  # sds from the peak, as many as from the other
        away = solve_triangular(held.factor.T, z.T, check_finite=False).T
        there[:, self.others] = held.mode + away
        return there

    def log_target(self, moved: Array, log_density: Callable[[Array], Array]) -> Array:
        """Return log g(w) p(value, psi, y) |det T| at entries w, and others psi that were moved."""
        own = self.null.places
        z = solve_triangular(self.factor, (moved[:, own] - self.centre).T, lower=True)
        held = moved.copy()
        held[:, own] = self.null.value
        log_g = -np.log(np.diagonal(self.factor)).sum() - 0.5 * len(own) * np.log(2.0 * np.pi)
        log_g -= 0.5 * np.einsum("ij,ij->j", z, z)
        return log_g + log_density(held) + self.log_det


def _line_of(objective: Objective, thetas: Array, null: Null) -> Line:
    """Return what some draws tell of it."""
    own = null.places
    others = np.setdiff1d(np.arange(thetas.shape[1]), own)
    mean = thetas.mean(axis=0)
    away = thetas - mean
    slopes = np.linalg.lstsq(away[:, own], away[:, others], rcond=None)[0]
    covariance = np.atleast_2d(np.cov(away[:, own], rowvar=False))
    factor = np.linalg.cholesky(covariance * (1.0 - SHORT / np.sqrt(len(own))))
    held = mean.copy()
    held[own] = null.value
    held[others] += (null.value - mean[own]) @ slopes
    peaks = _peak(objective, mean, null, others), _peak(objective, held, null, others)
    both = None if peaks[0] is None or peaks[1] is None else (peaks[0], peaks[1])
    return Line(null, others, slopes, mean[own], factor, both)


def _peak(objective: Objective, start: Array, null: Null, others: Array) -> Peak | None:
    """Return the mode of the others, by Newton's method; None where there is none to be found.

    A curvature says nothing of kinks among them. Any map is right, one between peaks is best.
    """
    alone = len(null.places) == null.part.size
    for part in objective.coefficients:
        is_held = part.where == null.part.where and alone
        if not is_held and part.kink_weight() is not None:
            return None
    at, value = start.copy(), -np.inf
    for _ in range(NEWTON_STEPS):
        found = objective.evaluate(at)
        try:
            factor = np.linalg.cholesky(-found.hessian[np.ix_(others, others)])
        except np.linalg.LinAlgError:
            return None
        step = cho_solve((factor, True), found.gradient[others])
        rise, value = float(found.gradient[others] @ step), found.value
        if rise < STILL:
            return Peak(at[others], factor)
        size = 1.0
        while size > LEAST_STEP:
            tried = at.copy()
            tried[others] += size * step
            if objective.value(tried) > value:
                break
            size *= 0.5
        at[others] += size * step
    return None


def _under(drawn: Drawn, null: Null, part: PriorPart) -> Estimated:
    """Return log E[p_f(w) / p(w)] over the posterior, p_f another prior of what is held."""

    def change(thetas: Array) -> Array:
        w = thetas[:, null.places]
        return log_prior(part, null, w) - log_prior(null.part, null, w)

    path = Path(np.copy, lambda thetas: drawn.log_density(thetas) + change(thetas))
    plain = _estimated(change(drawn.thetas))
    return _better(plain, lambda: _by_halves(drawn, lambda thetas: path, _matched))


def _better(plain: Estimated, other: Callable[[], Estimated]) -> Estimated:
    """Return an estimate, or another where the k-hat of the first is high and the other's not."""
    if plain.khat < GOOD_KHAT:
        return plain
    return min(plain, other(), key=lambda one: one.khat)


def _by_halves(
    drawn: Drawn, told_by: Callable[[Array], Path], way: Callable[[Path, Drawn, Drawn], Array]
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


def _applied(path: Path, one: Drawn, other: Drawn) -> Array:
    """Return the log ratios of the other draws, moved along the path."""
    return path.log_target(path.moved(other.thetas)) - other.log_p


def _matched(path: Path, one: Drawn, other: Drawn) -> Array:
    """Return them where the path goes on by the affine map that matches moments of the first."""
    here = path.moved(one.thetas)
    whole = Whole(here, one.log_p, path.log_target)
    there = matched(whole, lambda thetas: np.zeros(len(thetas)), GOOD_KHAT)
    mapped = np.linalg.lstsq(_with_one(here), there.thetas, rcond=None)[0]
    moved = _with_one(path.moved(other.thetas)) @ mapped
    return path.log_target(moved) + there.log_det - other.log_p


def _with_one(thetas: Array) -> Array:
    return np.column_stack([np.ones(len(thetas)), thetas])


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


def _part_widened(problem: Problem, null: Null, factor: float) -> PriorPart:
    """Return the prior of the whole term, so many times as wide."""
    plan = plan_widened(problem.plan, [null.name], factor)
    other = make_problem(plan, problem.neuron, problem.design)
    return next(one for one in other.natural.coefficients if one.where == null.part.where)


def _error(moves: Array, chains: int, worth: float) -> float:
    """Return the standard error of a mean over draws that hang together in their chains."""
    whole = chains if len(moves) % chains == 0 else 1  # some are lacking after an interruption
    size = float(effective_sizes(moves.reshape(whole, -1, 1))[0])
    n = np.nanmin([size, worth, float(len(moves))])
    return float(np.std(moves) / np.sqrt(n))
