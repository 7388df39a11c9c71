"""The search for the best scales on grids, one scale after another until none moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from scipy.optimize import minimize_scalar

from bayesglm.results.criteria import Score, sum_error

Array = np.ndarray
type At = tuple[float, ...]
type ScoreAll = Callable[[Sequence[At]], list[Score]]  # of several settings of all scales
type Along = Callable[[Iterable[float]], list[Score]]  # of several values of one scale

DECADES = (-3.0, 1.0)  # of an automatic range, around the default prior's scale
PER_DECADE = 4  # scales of an automatic range
FURTHER = np.linspace(0.25, 2.0, 8)  # decades by which it grows, once, where its end is best
CLOSER = np.array([-0.2, -0.1, 0.0, 0.1, 0.2])  # decades around what evidence has chosen
FINE = 2e-4  # of the logarithm of a scale that evidence chooses
SETTLED = 1e-3  # the same, where several scales are chosen in turn
MOST_ROUNDS = 20  # of several scales chosen in turn: a bound


def automatic_grid(centres: Sequence[float]) -> Array:
    """Return the scales to look at first, in order, around those of one or several defaults.

    >>> automatic_grid([1.0]).size, automatic_grid([1.0, 10.0]).size
    (17, 21)
    """
    low = min(centres)
    decades = DECADES[0], DECADES[1] + np.log10(max(centres) / low)
    n = int(np.ceil(PER_DECADE * (decades[1] - decades[0]) - 1e-9)) + 1
    return low * 10.0 ** np.linspace(*decades, n)


def remembered(score_all: ScoreAll) -> ScoreAll:
    """Return the same scores, none of which is asked for twice."""
    known: dict[At, Score] = {}

    def scores(settings: Sequence[At]) -> list[Score]:
        new = [at for at in dict.fromkeys(settings) if at not in known]
        if new:
            known.update(zip(new, score_all(new), strict=True))
        return [known[at] for at in settings]

    return scores


def along(scores: ScoreAll, at: At, k: int) -> Along:
    """Return the scores along the k-th scale, the others where they are."""
    return lambda scales: scores([(*at[:k], float(scale), *at[k + 1 :]) for scale in scales])


def ascend(scores: ScoreAll, grids: list[Array], refine: bool, grow: bool) -> At:
    """Return the best scales, each in turn until none moves; ``grids`` may grow."""
    at = [float(grid[len(grid) // 2]) for grid in grids]
    for turn in range(MOST_ROUNDS):
        before = np.array(at)
        for k in range(len(grids)):
            here = along(scores, tuple(at), k)
            if grow and turn == 0:
                grids[k] = _grown(here, grids[k])
            at[k] = _best(here, grids[k], at[k] if refine else None)
        if len(grids) == 1 or np.max(np.abs(np.log(at / before))) < SETTLED:
            break
    return tuple(at)


def tied(scores: list[Score], within: float = 0.0) -> Array:
    """Say which scores are as good as the best, but for a tie or so many standard errors.

    Errors are those of the difference to the best, sample by sample.
    """
    values = np.array([one.value for one in scores])
    best = scores[int(np.argmax(values))]
    room = np.full(len(values), best.tie)
    if within and best.pointwise is not None:
        errors = [sum_error(best.pointwise - one.pointwise) for one in scores]
        room = np.maximum(room, within * np.array(errors))
    return values >= best.value - room


def _grown(here: Along, grid: Array) -> Array:
    """Return the grid, and two decades more where its end is the best of it."""
    place = int(np.argmax(tied(here(grid))))
    if place == 0:
        return np.r_[grid[0] * 10.0 ** -FURTHER[::-1], grid]
    return np.r_[grid, grid[-1] * 10.0**FURTHER] if place == len(grid) - 1 else grid


def _best(here: Along, grid: Array, current: float | None) -> float:
    """Return the best scale of a grid; or, if there is a current one, around the best of all."""
    every = grid if current is None else np.unique(np.r_[grid, current])
    place = int(np.argmax(tied(here(every))))
    best = float(every[place])
    if current is None or place == 0:
        return best

    def loss(log_scale: float) -> float:
        return -here([np.exp(log_scale)])[0].value

    around = minimize_scalar(
        loss,
        bounds=np.log([every[place - 1], every[min(place + 1, len(every) - 1)]]),
        method="bounded",
        options={"xatol": FINE},
    )
    return float(np.exp(around.x)) if -around.fun > here([best])[0].value else best


def curve_along(here: Along, chosen: float, grid: Array, refined: bool) -> dict[float, Score]:
    """Return the scores along one scale, the others at their best."""
    if refined:
        closer = np.clip(chosen * 10.0**CLOSER, grid[0], grid[-1])
        grid = np.unique(np.r_[grid, closer])
    return dict(zip(grid.tolist(), here(grid), strict=True))
