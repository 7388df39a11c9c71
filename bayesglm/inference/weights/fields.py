"""Hyperparameters of fields where their evidence is highest: scales, lengthscales, localities.

The likelihood is expanded around the mode under the hyperparameters at hand, in waves that serve
those near by; there their evidence is climbed, by its gradient; and so on until they stay. Every
round asks for one mode and one curvature, whatever the number of hyperparameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize

from bayesglm.errors import ConvergenceError, ModelError
from bayesglm.inference.modes.optimum import explained
from bayesglm.inference.modes.solve import maximise
from bayesglm.inference.problem.centring import centred
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.field_evidence import FieldEvidence
from bayesglm.numerics.priors.covariances import Family, in_waves
from bayesglm.numerics.rows.parallel import unthreaded_products
from bayesglm.numerics.theta.waves import Waves

Array = np.ndarray
MOST_WAVES = 3000  # of all fields together, whose curvature is formed: chosen, 72 MB
MOST_ROUNDS = 30  # a bound
SETTLED = 0.05  # nats that a round gains, when the last one is done: chosen
MOST_STEPS = 8  # of the climb of one round: chosen, there is another round
# How far lengths may shorten in a round, the first time and at least, and in units of how far they
# moved in the last one: chosen.
FURTHEST, NEAREST, AS_FAR = 0.25, 0.06, 1.0
# Waves, from which on a round does not lead so far, and by what factor less each time: chosen.
PLENTY, LESS = 1000, 0.7


class Field(NamedTuple):
    """The field of one term: its hyperparameters psi, their kind, and where a round may lead.

    ``base(psi, far)`` is the prior in whose waves a round is done that may make lengths shorter by
    the factor exp(-far), and ``reach(psi, far)`` are the bounds ``(n, 2)`` of psi in it.
    ``written(psi)`` is the prior with its numbers, ``told`` the names of those beside its scale.
    ``n_waves(psi, far)`` is how many waves it takes.
    """

    label: str
    family: Family
    psi: Array
    base: Callable[[Array, float], Any]
    reach: Callable[[Array, float], Array]
    written: Callable[[Array], Any]
    told: tuple[str, ...]
    n_waves: Callable[[Array, float], int]


@dataclass(frozen=True)
class Around:
    """The evidence of all fields of all neurons, around modes.

    ``waves`` are those of each field; ``expansions`` one for each neuron.
    """

    fields: tuple[Field, ...]
    waves: tuple[Waves, ...]
    expansions: tuple[FieldEvidence, ...]

    def means(self, psi: Array) -> list[Array]:
        """Return the means ``(coefficients,)`` of the only field, one for each neuron."""
        (waves,), (one,) = self.waves, self.fields
        C, _ = in_waves(one.family, waves, psi)
        return [waves.spread(expansion.mean(C)) for expansion in self.expansions]

    def _in_waves(self, every: Array) -> tuple[Array, list[tuple[slice, list[Array]]]]:
        """Return the covariance of all amplitudes; the run of each field, and its derivatives."""
        parts, size = [], sum(waves.size for waves in self.waves)
        C = np.zeros((size, size))
        start, first = 0, 0
        for one, waves in zip(self.fields, self.waves, strict=True):
            psi = every[start : start + len(one.psi)]
            own, slopes = in_waves(one.family, waves, psi)
            run = slice(first, first + waves.size)
            C[run, run] = own
            parts.append((run, slopes))
            start, first = start + len(psi), run.stop
        return C, parts

    def value(self, every: Array) -> float:
        """Return the log evidence of all hyperparameters, one field's after another."""
        C, _ = self._in_waves(every)
        return sum(expansion.value(C) for expansion in self.expansions)

    def of(self, every: Array) -> tuple[float, Array]:
        """Return the same, and its slopes."""
        C, parts = self._in_waves(every)
        total, gradient = 0.0, np.zeros(len(every))
        for expansion in self.expansions:
            value, of_C = expansion.of(C)
            total += value
            along = [(of_C[run, run], slopes) for run, slopes in parts]
            gradient += [np.sum(own * slope) for own, slopes in along for slope in slopes]
        return total, gradient


def climbed(
    fields: Sequence[Field], problems_at: Callable[[dict[str, Any]], list[Problem]]
) -> tuple[list[Array], Around]:
    """Return the hyperparameters of fields at the highest evidence, and its expansion there.

    ``problems_at`` makes the problems, one a neuron, under priors of some terms.

    Raises
    ------
    ModelError
        More waves than a curvature is formed of.
    ConvergenceError
        No mode, or hyperparameters that do not come to rest.
    """
    psis, far = [one.psi for one in fields], FURTHEST
    for _ in range(MOST_ROUNDS):
        pairs = list(zip(fields, psis, strict=True))
        while far > NEAREST and sum(one.n_waves(psi, far) for one, psi in pairs) > PLENTY:
            far = max(LESS * far, NEAREST)
        around = _around(fields, problems_at({one.label: one.base(psi, far) for one, psi in pairs}))
        bounds = np.concatenate([one.reach(psi, far) for one, psi in pairs])
        start = np.clip(np.concatenate(psis), *bounds.T)

        def minus(at: Array, of: Around = around) -> tuple[float, Array]:
            value, slope = of.of(at)
            return -value, -slope

        with unthreaded_products(len(around.expansions[0].h)):
            before = around.value(start)
            found = minimize(
                minus,
                start,
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
                options={"maxiter": MOST_STEPS, "ftol": 1e-7},
            )
        psis = np.split(found.x, np.cumsum([len(psi) for psi in psis])[:-1])
        gain = -found.fun - before
        if gain < SETTLED:
            return psis, around
        moved = float(np.abs(found.x - start).max())
        far = float(np.clip(AS_FAR * moved, NEAREST, FURTHEST))
    names = ", ".join(repr(one.label) for one in fields)
    raise ConvergenceError(
        f"the hyperparameters of {names} did not come to rest in {MOST_ROUNDS} rounds, the last of "
        f"which gained {gain:.2g} nats"
    )


def _around(fields: Sequence[Field], problems: list[Problem]) -> Around:
    first = problems[0]
    blocks = {block.name: block for block in first.design.predictors.blocks}
    waves = []
    for one in fields:
        of_block = blocks[one.label].waves
        assert of_block is not None
        waves.append(of_block)
    size = sum(of_block.size for of_block in waves)
    if size > MOST_WAVES:
        names = ", ".join(repr(one.label) for one in fields)
        raise ModelError(
            f"the evidence leads the fields of {names} to {size} waves, and {MOST_WAVES} are the "
            "most whose curvature is formed: the data show no smoothness over so many coefficients "
            "that are so near. Give a larger tolerance=, fewer lags or pixels, or prior=ridge(1.0)."
        )
    labels = [one.label for one in fields]
    return Around(tuple(fields), tuple(waves), tuple(_expanded(labels, one) for one in problems))


def _expanded(labels: Sequence[str], problem: Problem) -> FieldEvidence:
    """Return the log likelihood around its mode in the amplitudes of some terms."""
    problem = centred(problem).problem
    objective = problem.natural
    if problem.learned:
        raise ModelError(
            "fields are tuned where all other scales are numbers, and to be learned here is "
            f"{', '.join(problem.learned)}; give it a number, or tune it as well: leave term= out."
        )
    try:
        mode = np.array(maximise(problem, objective).x)
    except ConvergenceError as error:
        raise explained(problem, error) from error
    given = objective.given(mode)
    p, priors = given.n_coefficients, given.priors
    w = mode[:p]
    value, pull = np.zeros(1), np.zeros((1, p))
    priors.add_smooth(w[None], value, pull)
    every = np.arange(p)
    own = np.concatenate([every[problem.places[label]] for label in labels])
    rest = np.setdiff1d(every, own)
    J = given.likelihood_curvature(mode[:p], every)
    beside = J[np.ix_(rest, rest)] + priors.curvature(w, rest)
    across = J[np.ix_(rest, own)]
    try:
        lower = np.linalg.cholesky(beside)
    except np.linalg.LinAlgError as error:
        raise ConvergenceError(
            f"the curvature of what stands beside {', '.join(map(repr, labels))} is not positive "
            f"definite at the mode{problem.where}; give the other terms proper priors"
        ) from error
    half = np.linalg.solve(lower, across)
    G = J[np.ix_(own, own)] - half.T @ half
    # At a mode the likelihood pulls as hard as the prior, and the other way.
    slope = -pull[0, own]
    of_own = sum(
        float(part.total(w[part.where]))
        for part in given.coefficients
        if part.where.start in {problem.places[label].start for label in labels}
    )
    constant = given.value(w) - of_own + objective.log_prior_of_others(mode)
    constant += 0.5 * len(rest) * np.log(2.0 * np.pi) - np.log(np.diagonal(lower)).sum()
    constant -= slope @ w[own] + 0.5 * w[own] @ G @ w[own]
    return FieldEvidence(G, slope + G @ w[own], float(constant))
