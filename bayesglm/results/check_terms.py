"""Terms: how collinear they are, and which of them drove each event.

With A the information of the coefficients, X' W X in the weights of the likelihood at the mean of
the draws, intercepts projected out, and A_j and A_-j the blocks of a term and of all others,

    inflation_j = (det A_j det A_-j / det A)^(1/df_j)

is the factor by which the others widen the variance of the term's coefficients: that of a single
column is the variance inflation factor, of several the generalised one, per coefficient (Fox &
Monette 1992, JASA 87:178). Two terms meet in their largest canonical correlation in A.

What a term adds to the linear predictor is told from its average over all rows; of an event the
share of a term is the size of that among the sizes of all terms'.
"""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from bayesglm.design.blocks import Block
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import evenly
from bayesglm.results.check_part import Checked, with_band
from bayesglm.results.foretold import Drawn, Range

Array = np.ndarray
MOST_COLUMNS = 1500  # of which the information is formed: chosen
MOST_PRODUCTS = 1_000_000_000  # multiplications that form it; of more, some rows tell it: chosen
MOST_EVENTS = 20_000  # of a unit, whose terms are told one by one; of more, evenly spaced: chosen
SINGULAR = 1e-10  # an eigenvalue of a block's correlations, below which its columns are dependent


def check_collinearity(drawn: Drawn) -> Checked | None:
    """Tell the inflation of each term, and how each meets each other; None of too many columns."""
    problem = drawn.problem
    predictors = problem.design.predictors
    p = predictors.n_coefficients
    if drawn.kept.redrawn is not None or p > MOST_COLUMNS:
        return None
    most = max(4 * p, MOST_PRODUCTS // p**2)
    problem = _evenly(problem, most)
    theta = drawn.kept.mean_theta
    objective = problem.natural
    information = objective.rowwise.curvature(objective.w(theta), objective.phi(theta))
    own = [predictors.places[block.name] for block in predictors.named]
    inside = np.concatenate([np.arange(one.start, one.stop) for one in own])
    rest = np.setdiff1d(np.arange(len(information)), inside)
    A = information[np.ix_(inside, inside)]
    if len(rest):
        across = information[np.ix_(rest, inside)]
        A = A - across.T @ np.linalg.pinv(information[np.ix_(rest, rest)]) @ across
    sizes = [one.stop - one.start for one in own]
    edges = np.cumsum([0, *sizes]).tolist()
    places = [slice(a, b) for a, b in pairwise(edges)]
    inflation, correlation = _meetings(A, places)
    names = np.array([block.name for block in predictors.named])
    return Checked(
        {
            "inflation": (("term",), inflation),
            "canonical_correlation": (("term", "other"), correlation),
        },
        {"term": names, "other": names},
        {"rows": problem.design.n_rows},
    )


def _evenly(problem: Problem, most: int) -> Problem:
    """Return the problem of so many rows at most, evenly spaced."""
    n = problem.design.n_rows
    if n <= most:
        return problem
    keep = np.zeros(n, dtype=bool)
    keep[np.linspace(0, n - 1, most).astype(np.intp)] = True
    return problem.restrict(keep)


def _meetings(A: Array, places: list[slice]) -> tuple[Array, Array]:
    """Return the inflation of each block, and the largest canonical correlation of each two.

    Columns without information, and dependent ones inside a block, are left out of it.
    """
    every = [_whitening(A[one, one]) for one in places]
    runs = np.cumsum([0, *(one.shape[1] for one in every)]).tolist()
    R = np.eye(runs[-1])
    correlation = np.eye(len(places))
    for j, k in combinations(range(len(places)), 2):
        met = every[j].T @ A[places[j], places[k]] @ every[k]
        R[runs[j] : runs[j + 1], runs[k] : runs[k + 1]] = met
        R[runs[k] : runs[k + 1], runs[j] : runs[j + 1]] = met.T
        largest = float(np.linalg.norm(met, 2)) if met.size else 0.0
        correlation[j, k] = correlation[k, j] = min(largest, 1.0)
    own = [np.arange(start, stop) for start, stop in pairwise(runs)]
    return _inflations(R, own), correlation


def _inflations(R: Array, every: list[Array]) -> Array:
    """Return the inflation of each block of R, whose own entries are those of an identity."""
    inflation, root = np.ones(len(every)), _root(R)
    for j, own in enumerate(every):
        others = np.setdiff1d(np.arange(len(R)), own)
        if not len(own) or not len(others):
            continue
        among = R[np.ix_(others, others)]
        inner = None if root is None else _root(among)
        if root is not None and inner is not None:
            logs = np.log(inner.diagonal()).sum() - np.log(root.diagonal()).sum()
            inflation[j] = float(np.exp(2.0 * logs / len(own)))
            continue
        # Beside dependent columns: det(R_-j) / det(R) is 1 / det(I - R_j R_-j^-1 R_j').
        across = R[np.ix_(own, others)]
        left = np.eye(len(own)) - across @ np.linalg.pinv(among, hermitian=True) @ across.T
        values = np.linalg.eigvalsh(left)
        inflation[j] = np.inf if values[0] < SINGULAR else np.exp(-np.log(values).mean())
    return inflation


def _root(A: Array) -> Array | None:
    """Return the triangular root of a matrix with a unit diagonal; None where it is singular."""
    try:
        root = np.linalg.cholesky(A)
    except np.linalg.LinAlgError:
        return None
    return root if np.square(root.diagonal()).min(initial=1.0) > SINGULAR else None


def _whitening(A: Array) -> Array:
    """Return T with T' A T = I, over the directions of a block of which there is information."""
    scale = np.sqrt(np.maximum(A.diagonal(), 0.0))
    unit = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0.0)
    alike = A * np.outer(unit, unit)
    root = _root(alike) if (scale > 0.0).all() else None
    if root is not None:
        return unit[:, None] * solve_triangular(root, np.eye(len(root)), lower=True).T
    values, vectors = np.linalg.eigh(alike)
    kept = values > SINGULAR * max(values[-1], SINGULAR)
    return unit[:, None] * vectors[:, kept] / np.sqrt(values[kept])


class _Drive(NamedTuple):
    """What terms add to their linear predictors: over all rows, and at events that are kept.

    ``average``, ``sd`` and ``at_events`` are ``(terms, draws)``, the first from an origin of its
    own; ``means`` and ``spread`` over draws ``(terms, events)``.
    """

    average: Array
    sd: Array
    at_events: Array
    means: Array
    spread: Array


def check_drive(drawn: Drawn, prob: float, of_events: bool) -> tuple[Checked, Checked | None]:
    """Tell how far each term moves its linear predictor, and what it adds at each event.

    Of the terms of other parameters than the mean there is no share in events.
    """
    predictors = drawn.problem.design.predictors
    names = np.array([block.name for block in predictors.blocks])
    counts = _events(drawn) if of_events else np.zeros(drawn.n_rows)
    at_event = evenly(np.flatnonzero(counts > 0.0), MOST_EVENTS)
    drive = _drive(drawn, counts, at_event)
    variables: dict[str, Any] = with_band("sd", ("term",), drive.sd.T, prob)
    if not of_events:
        return Checked(variables, {"term": names}), None
    variables |= with_band("at_events", ("term",), drive.at_events.T, prob)
    n_mean, n = len(predictors.of_mean), len(at_event)
    added = (drive.means - drive.average.mean(axis=1)[:, None])[:n_mean]
    sizes = np.abs(added)
    shares = sizes / np.maximum(sizes.sum(axis=0), np.finfo(float).tiny)
    share, most = np.full((2, len(names)), np.nan)
    if n and n_mean:
        share[:n_mean] = shares.mean(axis=1)
        most[:n_mean] = np.bincount(np.argmax(added, axis=0), minlength=n_mean) / n
    variables |= {"share": (("term",), share), "most": (("term",), most)}
    dims = ("event", "term")
    of_each: dict[str, Any] = {"added": (dims, added.T), "share": (dims, shares.T)}
    if drawn.n_draws > 1:
        of_each["sd"] = (dims, drive.spread[:n_mean].T)
    of_each["sample"] = (("event",), predictors.rows[at_event])
    of_each["count"] = (("event",), counts[at_event])
    return Checked(variables, {"term": names}), Checked(of_each, {"term": names[:n_mean]})


def _drive(drawn: Drawn, counts: Array, at_event: Array) -> _Drive:
    """Pass over the rows, term by term."""
    blocks, weights = drawn.problem.design.predictors.blocks, drawn.weights
    heavy = weights * counts
    shape = (len(blocks), drawn.n_draws)
    totals, squares, events = np.zeros((3, *shape))
    means, spread = np.zeros((2, len(blocks), len(at_event)))
    # What is far from zero, and moves little, is told from the first row.
    origin = np.stack([_added(drawn.ranges[0], block)[:, :1] for block in blocks])

    def work(one: Range) -> list[Array]:
        return [_added(one, block) - start for block, start in zip(blocks, origin, strict=True)]

    for at, added in drawn.each(work):
        inside = np.flatnonzero(np.isin(at_event, at))
        here = np.searchsorted(at, at_event[inside])
        for k, eta in enumerate(added):
            totals[k] += eta @ weights[at]
            squares[k] += np.square(eta) @ weights[at]
            events[k] += eta @ heavy[at]
            means[k, inside] = eta[:, here].mean(axis=0)
            spread[k, inside] = (eta[:, here] + origin[k]).std(axis=0)
    average = totals / weights.sum()
    sd = np.sqrt(np.maximum(squares / weights.sum() - np.square(average), 0.0))
    n_events = heavy.sum()
    at_events = events / n_events - average if n_events > 0.0 else np.full(shape, np.nan)
    return _Drive(average, sd, at_events, means, spread)


def _events(drawn: Drawn) -> Array:
    """Return the events of each row, 0 where responses count none."""
    design, words = drawn.problem.design, drawn.family.words
    rows = design.predictors.rows
    if not words.counts_events or design.seen is not None:
        return np.zeros(len(rows))
    return design.y[rows].astype(np.float64)


def _added(one: Range, block: Block) -> Array:
    """Return what a term adds to the linear predictor ``(draws, rows)``."""
    problem, theta = one.part.problem, one.part.theta
    predictors = problem.design.predictors
    place = predictors.places[block.name]
    w = problem.natural.w(theta)[:, place]
    product = block.on(predictors.rows[one.rows.place]).times(w)
    return np.broadcast_to(product, (len(w), len(one.rows)))
