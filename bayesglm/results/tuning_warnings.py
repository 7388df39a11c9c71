"""What `tune_prior` warns of: ends of grids, ties, evidences and weights that cannot be trusted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayesglm.errors import tell
from bayesglm.inference.problem.problem import Problem
from bayesglm.results.choosing import tied
from bayesglm.results.criteria import Score
from bayesglm.results.scores.dependence import describe_dependence
from bayesglm.results.scores.sampling import Sampling

Array = np.ndarray
CLOSE = 10.0  # nats below the best within which an evidence has to be trusted
WIDE_TIE = 10.0  # times the smallest: scales that tie over so wide a range are told of

type Groups = dict[str, list[str]]  # terms that have one scale, by the name of its curve
type Curve = dict[float, Score]


def as_good(curve: Curve, within: float) -> list[tuple[float, Score]]:
    """Return the scales whose scores are as good as the best by the rule, with these."""
    every = list(curve.items())
    return [every[k] for k in np.flatnonzero(tied(list(curve.values()), within))]


def warn_of_ties(what: str, groups: Groups, alike: dict[str, list[tuple[float, Score]]]) -> None:
    for name, pairs in alike.items():
        low, high = pairs[0][0], pairs[-1][0]
        if high / low >= WIDE_TIE:
            tell(
                f"the {what} {_of_terms(groups[name])} is the same at {len(pairs)} scales from "
                f"{low:.3g} to {high:.3g}, which it cannot tell apart; the smallest, the strongest "
                "penalty, is taken."
            )


def _of_terms(labels: list[str]) -> str:
    names = ", ".join(map(repr, labels))
    return f"of term {names}" if len(labels) == 1 else f"of terms {names} together"


def warn_of_ends(what: str, groups: Groups, chosen: Sequence[float], grids: list[Array]) -> None:
    remedies = {
        0: ("smallest", "a scale of 0, that is no such term. Leave it out, or give smaller"),
        -1: ("largest", "no penalty at all. Use prior=Flat(), or give larger"),
    }
    for labels, best, grid in zip(groups.values(), chosen, grids, strict=True):
        for place, (which, remedy) in remedies.items():
            if len(grid) > 2 and best == grid[place]:
                tell(
                    f"the {what} {_of_terms(labels)} is best at the {which} scale, {best:.3g}: the "
                    f"data may want {remedy} scales=."
                )


def warn_of_khat(curves: list[Curve], limit: float) -> None:
    every = [one for curve in curves for one in curve.values()]
    best = max(one.value for one in every)
    bad = [
        one.statistics["khat"]
        for one in every
        if not one.statistics["khat"] < limit
        and np.fmax(one.value, one.statistics["log_evidence_laplace"]) > best - CLOSE
    ]
    if bad:
        tell(
            f"the evidence cannot be trusted at {len(bad)} of {len(every)} scales, within "
            f"{CLOSE:g} of the best: k-hat is up to {np.max(bad):.2f}, and its limit {limit:.2f}. "
            "Use more draws=, or method='kfold'."
        )


def warn_of_loo(problems: list[Problem], posterior: Sampling, best: Score) -> None:
    n_bad = int(best.statistics["n_high_khat"])
    dependence = describe_dependence(posterior(problems))
    if n_bad:
        tell(
            f"k-hat is too high for {n_bad} samples at the chosen scale (the largest is "
            f"{best.statistics['khat']:.2f}), so their leave-one-out densities are not to be "
            "trusted; use method='kfold'."
        )
    if dependence:
        tell(
            f"pointwise leave-one-out is optimistic here: {dependence}. Use method='kfold' with "
            "by='time' or by='trial'."
        )
