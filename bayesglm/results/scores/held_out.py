"""Log predictive densities of rows that a posterior has not seen: by themselves, or in sets.

Rows of a set are scored jointly, log mean_draws p(y_set | draw). Effects of levels of which the
posterior has seen no row are integrated out, draw by draw:

    p(y_set | t) = product over the set's levels of integral p(y_j | t, b) p(b | t) db,

the density of a level anew, given the top t of a draw; seen levels have their own effects. Where
levels of several groups are new, those of the group with the most are integrated out so, and the
others' effects are the draws that their prior makes of each draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bayesglm.design.design import Predictors
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.some_levels import problem_of
from bayesglm.inference.tree.kept import TOGETHER, Kept
from bayesglm.inference.weights.levels import level_integrals
from bayesglm.numerics.density.pointwise import each_pointwise, pointwise

Array = np.ndarray


class New(NamedTuple):
    """A group with levels of which the posterior has seen no row: its block, and which levels."""

    number: int
    name: str
    is_new: Array  # by level


def log_densities(kept: Kept, problem: Problem, rows: Array, sets: Array | None = None) -> Array:
    """Return log mean over draws of the density of each row, or of each set of rows.

    ``rows`` are numbers of kept rows of the ``problem``, which has all of them, and ``sets`` the
    numbers of their sets, from 0 on.
    """
    test = problem.design.predictors
    test = replace(test, rows=test.rows[rows])
    new = _new_levels(kept, test)
    if sets is None:
        if new is None and kept.redrawn is None:
            tested = problem_of(problem, test)
            return np.concatenate(each_pointwise(tested.natural, kept.theta, log_mean))
        sets = np.arange(len(rows))
    n_sets = int(sets.max()) + 1
    scores = np.empty(n_sets)
    order = np.argsort(sets, kind="stable")
    edges = np.searchsorted(sets[order], np.arange(n_sets + 1))
    step = max(1, TOGETHER // max(1, kept.n_draws))
    for start in range(0, n_sets, step):
        stop = min(start + step, n_sets)
        some = np.sort(order[edges[start] : edges[stop]])
        values = np.zeros((stop - start, kept.n_draws))
        part = replace(test, rows=test.rows[some])
        _add(values, kept, problem, part, sets[some] - start, new)
        scores[start:stop] = log_mean(values.T)
    return scores


def _new_levels(kept: Kept, test: Predictors) -> New | None:
    """Return the group with the most levels in the tested rows that the posterior has not seen."""
    most: tuple[int, New] | None = None
    seen = kept.problem.design.predictors
    for number, (term, block) in enumerate(
        zip(kept.problem.plan.model.every_term, test.blocks, strict=True)
    ):
        if not term.facts.of_levels or block.codes is None:
            continue
        is_new = np.ones(block.n_levels, dtype=bool)
        is_new[block.codes[seen.rows]] = False
        n = len(np.unique(block.codes[test.rows][is_new[block.codes[test.rows]]]))
        if n and (most is None or n > most[0]) and _can_integrate(kept.problem, block.name):
            most = n, New(number, block.name, is_new)
    return None if most is None else most[1]


def _can_integrate(problem: Problem, name: str) -> bool:
    return level_integrals(problem, name) is not None


def _add(
    values: Array,
    kept: Kept,
    problem: Problem,
    test: Predictors,
    sets: Array,
    new: New | None,
) -> None:
    """Add the log densities of tested rows to those ``(sets, draws)`` of their sets."""
    if new is None:
        _add_seen(values, kept, problem, test, sets)
        return
    codes = test.blocks[new.number].codes
    assert codes is not None
    fresh = new.is_new[codes[test.rows]]
    if not fresh.all():
        seen = replace(test, rows=test.rows[~fresh])
        _add_seen(values, kept, problem, seen, sets[~fresh])
    if fresh.any():
        own = replace(test, rows=test.rows[fresh])
        _add_new(values, kept, problem, own, sets[fresh], new)


def _add_seen(values: Array, kept: Kept, problem: Problem, test: Predictors, sets: Array) -> None:
    """Add the densities of rows given their own effects."""
    predictors, theta = kept.reading(test)
    tested = problem_of(problem, predictors)
    np.add.at(values, sets, pointwise(tested.natural, theta).T)


def _add_new(
    values: Array, kept: Kept, problem: Problem, test: Predictors, sets: Array, new: New
) -> None:
    """Add the integrals over the effects of new levels, each by itself in each set."""
    codes = test.blocks[new.number].codes
    assert codes is not None
    pairs, numbers = np.unique(np.stack([sets, codes[test.rows]]), axis=1, return_inverse=True)
    each = kept.log_marginals(problem, test, new.number, numbers)
    np.add.at(values, pairs[0], each.T)


def log_mean(values: Array) -> Array:
    """Return log mean exp over the first axis, of draws."""
    most = values.max(axis=0)
    # Densities that all draws say are zero have no largest to be told from.
    anchor = np.where(np.isneginf(most), 0.0, most)
    with np.errstate(divide="ignore"):
        return anchor + np.log(np.exp(values - anchor).mean(axis=0))


def every_log_density(
    every: Sequence[Kept], problems: Sequence[Problem], rows: Array, sets: Array | None = None
) -> Array:
    """Return the same ``(rows or sets, neuron)`` of all neurons."""
    columns = [log_densities(*pair, rows, sets) for pair in zip(every, problems, strict=True)]
    return np.stack(columns, axis=-1)
