"""Which samples belong together: the levels of a model's group, or the values of a label."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bayesglm.design.labels import coords_over
from bayesglm.errors import DataError
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept, block_number
from bayesglm.inference.weights.levels import level_integrals
from bayesglm.results.scores.folds import Sets, sets_by
from bayesglm.results.scores.ladder.units import LevelUnits, RowUnits, Units, codes_of
from bayesglm.results.scores.ladder.words import TRIAL, groupings
from bayesglm.spec.terms.term import FACTOR

Array = np.ndarray
FEW = 8  # levels, of fewer of which a standard error says little: chosen


class Together(NamedTuple):
    """Sets of rows by their labels ``by``, and the group of the model whose levels they are."""

    by: str
    sets: Sets
    group: str | None


def together_by(problem: Problem, by: str | None) -> Together:
    """Return the sets of a label, or of the model's only group; DataError where there is none."""
    names, plan = groupings(problem), problem.plan
    if by is None:
        by = _only(problem, names)
    if by in ("time", plan.sample_dim):
        raise DataError(f"by={by!r} makes no groups; write score(fit, new='time', by={by!r}).")
    if by in plan.dataset.variables or by not in names:
        if by not in plan.dataset.variables:
            raise DataError(
                f"by={by!r} is neither a group of the model nor among the labels that the fit "
                f"holds; there are {', '.join([*names, *_labels(problem)]) or 'none'}. Fit anew to "
                f"data with that coordinate, bg.as_dataset(frame).set_coords({by!r}), in the shell "
                f"fit --coords {by}; or write kfold(model, data, by={by!r})."
            )
        sets = sets_by(problem, plan.dataset, by)
        assert sets is not None
    else:
        sets = _of_levels(problem, by)
    group = next((name for name in names if _is_same(sets.codes, codes_of(problem, name))), None)
    return Together(by, sets, group)


def _only(problem: Problem, names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    which = f"has the groups {', '.join(names)}" if names else "has no Group"
    candidates = names or _labels(problem)
    if not candidates:
        raise DataError(
            f"new='group' asks which: the model {which}, and the fit holds no label of its samples "
            "either. Fit anew to data with a coordinate that says which belong together, "
            "bg.as_dataset(frame).set_coords('name'), in the shell fit --coords name; and give by=."
        )
    raise DataError(f"new='group' asks which: the model {which}. Give by={candidates[0]!r}, say.")


def _labels(problem: Problem) -> list[str]:
    """Name the coordinates whose values samples may share: trials first, and no times."""
    plan = problem.plan
    every = list(map(str, coords_over(plan.dataset, plan.sample_dim)))
    every = [name for name in every if name not in ("time", plan.sample_dim)]
    return sorted(every, key=lambda name: name != TRIAL)


def _of_levels(problem: Problem, name: str) -> Sets:
    block = problem.design.predictors.blocks[block_number(problem, name)]
    levels, codes = np.unique(codes_of(problem, name), return_inverse=True)
    return Sets(block.coords[block.dims[-1]][levels], codes)


def _is_same(sets: Array, levels: Array) -> bool:
    """Say whether two numberings of the rows tell the same rows apart."""
    pairs = len(np.unique(np.stack([sets, levels]), axis=1).T)
    return pairs == len(np.unique(sets)) == len(np.unique(levels)) and levels.min() >= 0


def doubts_of_levels(problem: Problem, together: Together) -> tuple[str, ...]:
    """Say where samples that are left out hold the only ones that tell a fixed coefficient."""
    doubts, plan, rows = list[str](), problem.plan, problem.design.predictors.rows
    for term in plan.model.every_term:
        for name, role in () if term.facts.of_levels else term.roles.items():
            values = plan.dataset[name]
            if role != FACTOR or values.dims != (plan.sample_dim,):
                continue
            levels = np.unique(values.values[rows], return_inverse=True)[1]
            if _holds_level(together.sets.codes, levels):
                doubts.append(
                    f"a {name!r} whose samples are all left out has a coefficient that its prior "
                    f"alone tells; the model of new ones is a Group, (1 | {name}), whose scale is "
                    "learned from the others."
                )
    n = len(together.sets.labels)
    if n < FEW:
        doubts.append(f"the standard error is of {n} levels of {together.by!r}, and says little.")
    return tuple(doubts)


def group_units(kept: Kept, together: Together) -> Units | None:
    """Return the sets as what the ladder leaves out.

    None where a set holds all rows of some level beside, whose effect the draws have from them.
    """
    problem = kept.problem
    others = [name for name in groupings(problem) if name != together.group]
    if any(_holds_level(together.sets.codes, codes_of(problem, name)) for name in others):
        return None
    if together.group is None:
        return RowUnits(kept, together.sets.codes) if kept.redrawn is None else None
    if kept.redrawn not in (None, together.group):
        return None
    if level_integrals(problem, together.group) is None:
        return None
    first = np.unique(together.sets.codes, return_index=True)[1]
    return LevelUnits(kept, together.group, codes_of(problem, together.group)[first])


def _holds_level(sets: Array, levels: Array) -> bool:
    pairs = np.unique(np.stack([sets, levels]), axis=1)
    return bool((np.unique(pairs[1], return_counts=True)[1] == 1).any())
