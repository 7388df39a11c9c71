"""What the ladder says: what was done and why, and what speaks against the number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesglm.design.labels import coords_over
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.weights.pool import FINITE_VARIANCE
from bayesglm.results.scores.dependence import describe_dependence
from bayesglm.results.scores.ladder.climb import EXACT, RUNGS, Climbed
from bayesglm.results.scores.ladder.units import codes_of

Array = np.ndarray
# What each rung did, said of the units that it told.
DONE = {
    "exact": "the closed form, coefficients integrated out and sigma by a rule",
    "integrated": "weights with the effects of their levels integrated out",
    "mixture": "the evidence ratio in one pool from a mixture of the posteriors without each",
    "modes": "the evidence ratio under draws moved to the mode without each",
    "moments": "the evidence ratio under draws moved by moment matching",
    "refit": "the evidence ratio that bridges the fit and a refit without each",
}
TRIAL = "trial"  # the coordinate whose samples belong together


def table_of(climbed: Sequence[Climbed]) -> pd.DataFrame:
    """Return by rung how many units it told, how much it moved their sum, and its error."""
    lines = []
    squares = np.sum([one.errors()[0] ** 2 for one in climbed], axis=0)
    for rung, name in enumerate(RUNGS):
        told = [one.rung == rung for one in climbed]
        moved = sum(
            float((one.elpd - one.first)[own].sum()) for one, own in zip(climbed, told, strict=True)
        )
        n = int(sum(own.sum() for own in told))
        lines.append((name, n, moved, float(np.sqrt(squares[rung]))))
    table = pd.DataFrame(lines, columns=["rung", "n", "moved", "mcse"]).set_index("rung")
    return table[table["n"] > 0]


def why_of(climbed: Sequence[Climbed], rungs: pd.DataFrame, left_out: str, mcse: float) -> str:
    """Say what was left out, how far the climb went, and what it moved."""
    influence = np.concatenate([one.influence for one in climbed])
    n, largest = influence.size, float(np.fmax.reduce(influence, initial=-np.inf))
    text = f"Left out, one after the other: {left_out}. "
    others = rungs.drop(index=RUNGS[0], errors="ignore")
    high = int((~(influence < FINITE_VARIANCE)).sum())
    by_weights = n - int(others["n"].sum())
    text += f"Importance weights of the fit's draws (PSIS) tell {by_weights or 'none'} of {n}"
    if high:
        text += (
            f"; k-hat of influence is {FINITE_VARIANCE:g} or more for {high}, where the error of "
            "weights cannot be told"
        )
    text += f" (the largest k-hat is {largest:.2f}). " if np.isfinite(largest) else ". "
    parts = [
        f"{line['n']:.0f} by {DONE[str(name)]} (the sum moved by {line['moved']:+.2f})"
        for name, line in others.iterrows()
    ]
    if parts:
        text += f"{'The others' if by_weights else 'They are told'}: {'; '.join(parts)}. "
    if all(map(_is_exact, climbed)):
        return text + f"Error of the rule, of the sum: {mcse:.2g}."
    return text + f"Monte-Carlo error of the sum: {mcse:.2g}."


def doubts_of(
    fit_attrs: dict[Any, Any], kept: Sequence[Kept], climbed: Sequence[Climbed], by_row: bool
) -> tuple[str, ...]:
    """Say what speaks against the number, or against asking for it by row."""
    doubts = [_of_failing(climbed)]
    if not all(map(_is_exact, climbed)):
        doubts.append(_of_algorithm(fit_attrs))
    if by_row:
        doubts += [_of_dependence(kept), *_of_groups(kept[0].problem)]
    return tuple(one for one in doubts if one)


def _is_exact(climbed: Climbed) -> bool:
    """Say whether no draw tells any unit."""
    return bool((climbed.rung == EXACT).all())


def _of_failing(climbed: Sequence[Climbed]) -> str:
    n = sum(len(one.failing) for one in climbed)
    if not n:
        return ""
    largest = max(float(np.max(one.khat[one.failing], initial=0.0)) for one in climbed)
    return (
        f"k-hat is still {climbed[0].limit:.2f} or more for {n} of them after every rung that "
        f"could be climbed (the largest is {largest:.2f}), so that their log densities are not to "
        "be trusted; allow more refits."
    )


def _of_algorithm(attrs: dict[Any, Any]) -> str:
    if attrs.get("accepted") == 0:
        return (
            "the weights of the fit's own draws did not stand their check (k-hat "
            f"{attrs.get('khat', np.nan):.2f}), so that every rung starts from draws of another "
            "density; fit, or fit_mcmc, gives draws that stand."
        )
    return ""


def _of_dependence(kept: Sequence[Kept]) -> str:
    dependence = describe_dependence(kept)
    if not dependence:
        return ""
    return (
        f"a row left out alone is easier to tell than a new one: {dependence}. score(fit, "
        "new='time') leaves out stretches of time."
    )


def _of_groups(problem: Problem) -> list[str]:
    """Name groupings whose levels have several rows: a row left out leaves its level's others."""
    names = []
    for name in groupings(problem):
        own = codes_of(problem, name)
        if len(np.unique(own)) < len(own):
            names.append(name)
    grouped = [
        f"rows of one {name!r} share its effect, and a row left out leaves the others in: the "
        f"number is of new rows of known levels. score(fit, new='group', by={name!r}) is of new "
        "levels."
        for name in names
    ]
    plan = problem.plan
    if TRIAL in coords_over(plan.dataset, plan.sample_dim) and TRIAL not in names:
        grouped.append(
            "samples come in trials, and one left out leaves the others of its trial in; "
            f"score(fit, new='group', by={TRIAL!r}) is of new trials."
        )
    return grouped


def groupings(problem: Problem) -> list[str]:
    """Name the terms of effects of levels."""
    pairs = zip(problem.plan.model.every_term, problem.design.predictors.blocks, strict=True)
    return [block.name for term, block in pairs if term.facts.of_levels and block.codes is not None]
