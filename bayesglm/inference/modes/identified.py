"""Whether data and flat priors leave an estimate: dependent columns, and separated responses."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesglm.errors import DataError, ModelError
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.channels import moves
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.solvers.separation import dependent_columns, separating_direction

Array = np.ndarray
SOME = 1000  # rows, most of which push an intercept to both sides


def check_columns(problem: Problem) -> None:
    """Raise DataError on dependent columns under flat priors, and on responses all at one end."""
    _refuse_dependent(problem)
    _refuse_one_sided(problem)


def check_identified(problem: Problem) -> None:
    """Raise DataError where flat priors leave the posterior improper: collinear or separated."""
    _refuse_dependent(problem)
    refuse_separated(problem)


def refuse_separated(problem: Problem) -> None:
    """Raise DataError where flat priors leave the likelihood rising without end."""
    labels = separated(problem)
    if labels:
        raise _separated(problem, labels)


def separated(problem: Problem) -> list[str]:
    """Return the names of coefficients that go to infinity with the likelihood, if any do."""
    if problem.natural.family.rises is not None:
        return _separated_levels(problem)
    directions, labels = problem.flat_directions(problem.design.predictors.runs[0])
    if not labels or problem.natural.family.push is None:
        return []
    direction = separating_direction(_flat_blocks(problem, directions, slice(1)), _push(problem))
    return [] if direction is None else [labels[k] for k in np.flatnonzero(direction)]


def _separated_levels(problem: Problem) -> list[str]:
    """Return the same of responses with levels, cutpoints among them."""
    directions, labels = problem.flat_directions(problem.design.predictors.runs[0])
    registry = problem.natural.registry
    flat = [one for one in registry.free_dispersions if one.prior and not one.prior.proper]
    n_phi = sum(one.n_natural for one in registry.dispersions)
    n_flat = n_phi if flat else 0
    if not len(labels) + n_flat:
        return []
    k = len(labels)
    directions = np.hstack([directions, np.zeros((len(directions), n_flat))])
    of_phi = np.zeros((n_phi, k + n_flat))
    of_phi[:, k:] = np.eye(n_phi, n_flat)
    blocks = _rising_blocks(problem, directions, of_phi)
    push = np.ones(sum(len(block) for block in blocks()))
    direction = separating_direction(blocks, push)
    names = [*labels, *(name for one in flat for name in one.names())]
    return [] if direction is None else [names[j] for j in np.flatnonzero(direction)]


def _rising_blocks(problem: Problem, directions: Array, of_phi: Array) -> Any:
    """Return what may not fall along any direction, block by block, afresh at each call."""
    rises, counted = problem.natural.family.rises, _counted(problem)
    assert rises is not None

    def blocks() -> Any:
        for rows in problem.design.source.ranges(4096):
            kept = slice(None) if counted is None else counted[rows.place]
            every = moves(rows, np.ascontiguousarray(directions.T)).swapaxes(1, 2)
            yield rises(rows.y[..., kept], every[:, kept], of_phi)

    return blocks


def _refuse_dependent(problem: Problem) -> None:
    if problem.only_intercept_is_free():
        return
    _refuse_free_beside_all(problem)
    for run in problem.design.predictors.runs:
        directions, names = _of_columns(problem, *problem.flat_directions(run))
        dependent = dependent_columns(_flat_blocks(problem, directions)) if names else []
        if not dependent:
            continue
        shown = ", ".join(repr(names[k]) for k in dependent[:5])
        more = f" and {len(dependent) - 5} more" if len(dependent) > 5 else ""
        raise DataError(
            f"under Flat priors the columns {shown}{more}{problem.where} are constant beside the "
            "intercept, or linear combinations of other columns, so no estimate of them exists. "
            "Remove them, or give their terms a proper prior (prior=ridge(1.0), say)."
        )


def _refuse_free_beside_all(problem: Problem) -> None:
    """Raise ModelError where every level has coefficients that no prior holds: only they tell."""
    family, model = problem.natural.family, problem.plan.model
    if not family.shares_columns or len(family.channels) < family.n_levels:
        return
    starts = {place.start: name for name, place in problem.places.items()}
    free = [starts[part.where.start] for part in problem.natural.coefficients if _is_free(part)]
    if model.intercept is not None:  # which sums to zero
        free = [name for name in free if name != "intercept"]
    if free:
        raise ModelError(
            f"reference=None: every level of {model.response!r} has coefficients of {free[0]!r}, "
            "and the same numbers added to those of all levels change no probability, so under a "
            "prior that leaves them free there is no estimate. Name a reference=, or give the term "
            "a proper prior (prior=bg.ridge(1.0), say)."
        )


def _is_free(part: PriorPart) -> bool:
    return bool(part.free_directions().size)


def _of_columns(problem: Problem, directions: Array, names: list[str]) -> tuple[Array, list[str]]:
    """Return directions without those that move other channels along the same columns."""
    sharing = problem.design.predictors.sharing
    if sharing is None or not names:
        return directions, names
    of_first = sharing.spread(directions.T)[:, 0]
    kept = of_first.any(axis=1)
    if sharing.contrasts is not None:  # which all move one column
        kept[np.flatnonzero(kept & of_first[:, :1].any(axis=1))[1:]] = False
    return directions[:, kept], [name for name, keep in zip(names, kept, strict=True) if keep]


def _flat_blocks(problem: Problem, directions: Array, channels: slice = slice(None)) -> Any:
    """Return the rows' moves along each direction, block by block, afresh at each call.

    Of channels that share their columns those of the first; of others one below the other.
    """
    counted, sharing = _counted(problem), problem.design.predictors.sharing
    lines = np.ascontiguousarray(directions.T)
    if sharing is not None:
        lines = sharing.spread(lines)[:, 0]
    chosen = lines.argmax(axis=1)
    plain = np.count_nonzero(lines) == len(chosen) == lines.max(axis=1).sum()

    def blocks() -> Any:
        for rows in problem.design.source.ranges(4096):
            if plain and len(chosen) > 8:
                every = rows.X[None, :, chosen]
            elif sharing is not None:
                every = rows.times(lines).T[None]
            else:
                every = moves(rows, lines).swapaxes(1, 2)
            every = every if counted is None else every[:, counted[rows.place]]
            every = every[channels]
            yield every.reshape(-1, every.shape[-1])

    return blocks


def _counted(problem: Problem) -> Array | None:
    """Say which rows say anything: none has a weight or a number of trials of zero; None if all."""
    design = problem.design
    rows, counts = design.predictors.rows, (design.weights, design.predictors.trials)
    masks = [count[rows] > 0 for count in counts if count is not None]
    if all(mask.all() for mask in masks):
        return None
    return np.logical_and.reduce(masks)


def _push(problem: Problem, some: slice = slice(None)) -> Array:
    """Return where each row that says anything, or some of them, pushes its linear predictor."""
    design, push = problem.design, problem.natural.family.push
    assert push is not None
    rows, counted = design.predictors.rows, _counted(problem)
    rows = (rows if counted is None else rows[counted])[some]
    known = design.predictors.known
    return push(design.responses[rows], None if known is None else known[rows])


def _refuse_one_sided(problem: Problem) -> None:
    """Raise where every row pushes an intercept that no prior holds to the same side."""
    if not problem.has_flat_intercept() or problem.natural.family.push is None:
        return
    for few in (slice(SOME), slice(None)):  # which are enough for most data
        push = _push(problem, few)
        if not len(push) or push[0] == 0.0 or (push != push[0]).any():
            return
    raise _separated(problem, ["intercept"])


def _separated(problem: Problem, labels: list[str]) -> DataError:
    names = list(dict.fromkeys(labels))
    shown = ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if names[5:] else "")
    return DataError(
        f"the data are separated{problem.where}: the likelihood of {problem.plan.model.response!r} "
        f"keeps rising as the coefficients of {shown} go to infinity, so with Flat priors there is "
        "no maximum likelihood estimate. Give the term a proper prior, for example "
        "prior=bg.Normal(2.5) or prior=bg.ridge(1.0)."
    )
