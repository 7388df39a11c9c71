"""Proximal quasi-Newton: maxima of many smooth functions minus kinks, along a path of penalties.

Next to one another, the functions of a path have nearly the same curvature. A batch of them shares
one Hessian, but for constants that a function may add of its own (a penalty's squares): each goes
to the maximum of its own quadratic minus kinks (`kinked`), whose gradient is its own and exact, and
all take their next gradients in one pass over the data. A batch starts from
the quadratic's path out of the last answer, so two or three such passes settle it; where they do
not, the Hessian is taken anew, and the next batch is smaller; where one pass more than that would
do, the next batch keeps it.

The quadratic knows some coordinates only: those that are not at their kink, and those whose
gradient comes nearest to leaving it. When they are done, all are looked at, and the ones that
should leave join.

Sources: Lee, Sun & Saunders (2014), SIAM J. Optim. 24(3) (proximal Newton with an approximate
Hessian); Friedman, Hastie & Tibshirani (2010), J. Stat. Softw. 33(1) (warm starts along the path);
Tibshirani et al. (2012), JRSS B 74(2) (looking at all when some are done).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError

from bayesglm.errors import ConvergenceError
from bayesglm.numerics.solvers.kinked import Face, maximise_kinked, pivot
from bayesglm.numerics.solvers.kinks import Kinks
from bayesglm.numerics.solvers.newton import OPTIMAL, Solution, arrived
from bayesglm.numerics.solvers.quadratic import approximate_model

Array = np.ndarray
KNOWN = 60  # coordinates that the quadratic knows at least, if there are so many
_HIDDEN = 1e-9  # relative to 1 + |objective|: changes that rounding may hide
_HIDDEN_SHARE = 1e-8  # of a column's curvature
_SHORTEST = 1e-8  # share of a step, below which the search along it has failed
_NEARER = 0.01  # times the gain of a step that need not be looked at
_LEAST = 1e-14  # gain, in log density, that no step has to be looked at for
_SURE = 0.7 * OPTIMAL  # by a curvature that may be that of a point nearby
_MEASURED = 1e-16  # gain of a step, above which rounding does not blur the curvature along it ...
_ALIKE = 0.1  # ... which must be so much of the quadratic's, or what is left is more than it seems
_LARGEST_BATCH = 25  # penalties that share a Hessian: chosen
_NEAR = 0.8  # of its kink's weight: a gradient beyond may leave soon
_FAR = 1e-6  # gain, relative to 1 + |objective|, of a step that is far from the last
_STALE = 6  # passes after which a Hessian that has not settled everything is taken anew
_FRESH = 4  # passes of a batch after which the next one begins with the same Hessian
_MOST_PASSES = 100  # over the rows, of a batch: a bound
_KEPT = 3e7  # numbers in the matrices of functions that do not share all their curvature
SOLVER = "proximal quasi-newton"


class Functions(NamedTuple):
    """k smooth functions of p numbers, and the weights of their kinks.

    - `evaluate(x, who)`: values ``(m,)`` and gradients ``(m, p)`` of functions ``who``.
    - `curvature(x, k, members, single)`: minus the Hessian of function k at x, on some coordinates,
      without what is `added`; it may be in single precision if said.
    - `kinks`: those of single coordinates, with weights ``(k, p)``.
    - `added(k, members)`: curvature that is function k's own, the same at every x; None where all
      are equally curved.
    - `exact`: whether they are quadratics, with exactly the curvature that these give.
    """

    evaluate: Callable[[Array, Array], tuple[Array, Array]]
    curvature: Callable[[Array, int, Array, bool], Array]
    kinks: Kinks
    added: Callable[[int, Array], Array] | None = None
    exact: bool = False

    def objective(self, x: Array, smooth: Array, who: Array) -> Array:
        return smooth - self.kinks.of(who).penalties(x)


def sparse_path(
    functions: Functions, x0: Array, *, settled: float = 0.0, first_batch: int = 5
) -> list[Solution]:
    """Maximise the functions in their order, each from near the one before; x0 is the first start.

    Stops where they have `arrived`, or where the next step promises no more than ``settled``, if
    what is left of the slopes is that of a maximum (`OPTIMAL`). The size of the batches adapts to
    how they fare. Raises ConvergenceError, with the last `Solution`, where one of them takes more
    than 100 passes.

    >>> def evaluate(x, who):
    ...     return -0.5 * ((x - [3.0, 0.5]) ** 2).sum(1), np.array([3.0, 0.5]) - x
    >>> kinks = Kinks(np.array([[4.0, 4.0], [1.0, 1.0], [0.25, 0.25]]), np.zeros(2))
    >>> functions = Functions(
    ...     evaluate, lambda x, k, some, single: np.eye(2)[np.ix_(some, some)], kinks
    ... )
    >>> [one.x.round(9).tolist() for one in sparse_path(functions, np.zeros(2))]
    [[0.0, 0.0], [2.0, 0.0], [2.75, 0.25]]
    """
    k, x = len(functions.kinks.weight), functions.kinks.inside(np.array(x0, dtype=np.float64))
    found: list[Solution] = []
    size, quadratic = first_batch, None
    while len(found) < k:
        who = np.arange(len(found), min(len(found) + size, k))
        solutions, quadratic, n_passes = _settle(functions, who, x, settled, quadratic)
        found += solutions
        x = solutions[-1].x
        if n_passes > _STALE + 2:
            size = max(2, size // 2)
        elif size < _LARGEST_BATCH:
            size = min(2 * size, _LARGEST_BATCH)
        if n_passes > _FRESH:
            quadratic = None
    return found


class _Curved(NamedTuple):
    """A curvature scaled to a unit diagonal, and the face last left on it."""

    matrix: Array
    scale: Array
    face: Face


class _Quadratic:
    """The shared curvature around one point, and each function's own upon it."""

    def __init__(self, functions: Functions, who: Array, x: Array, gradient: Array) -> None:
        middle = len(who) // 2
        k, x0 = int(who[middle]), x[middle]
        self.functions = functions
        self.members = _known(functions, who, x, gradient)
        self.kinks = functions.kinks.take(self.members)
        self.at, self.kinks_of = self.kinks.at, cache(self.kinks.of)
        self.shared = cache(partial(functions.curvature, x0, k, self.members))
        self.kept: dict[int, _Curved] = {}

    def _curved(self, k: int, start: Array) -> _Curved:
        """Return function k's curvature, made where it is not at hand."""
        key = -1 if self.functions.added is None else k
        if key not in self.kept:
            if len(self.kept) * len(self.members) ** 2 > _KEPT:
                self.kept.clear()
            added = self.functions.added
            own = 0.0 if added is None else added(k, self.members)
            model = approximate_model(self.shared(True) + own, lambda: self.shared(False) + own)
            self._refuse_hidden(model.matrix, k)
            face = Face(model.matrix, self.kinks_of(k), start)
            self.kept[key] = _Curved(model.matrix, model.scale, face)
        kept = self.kept[key]
        if not np.array_equal(kept.face.smooth, ~self.kinks_of(k).single):
            # A face knows no sign, and so no kink, of what was smooth when it was made.
            self.kept[key] = kept._replace(face=Face(kept.matrix, self.kinks_of(k), start))
        return self.kept[key]

    def _refuse_hidden(self, matrix: Array, k: int) -> None:
        """Raise where the smooth coordinates' columns leave next to nothing of another.

        So it is of columns far from zero beside an intercept; Newton's method then takes more care.
        """
        smooth = ~self.kinks_of(k).single
        if not smooth.any() or smooth.all():
            return
        across = matrix[np.ix_(smooth, ~smooth)]
        reach = np.linalg.lstsq(matrix[np.ix_(smooth, smooth)], across)[0]
        if np.any(np.einsum("ij,ij->j", across, reach) > 1.0 - _HIDDEN_SHARE):
            raise ConvergenceError(
                f"the {SOLVER} solver cannot tell some columns from those without a kink; subtract "
                "from each column a typical value"
            )

    def residual_gain(self, k: int, x: Array, gradient: Array) -> float:
        """Return the squared KKT residual in the curvature's units: what is left to be gained."""
        offset = x[self.members] - self.at
        residual = self.kinks_of(k).residual(gradient[self.members], offset)
        return float(np.square(residual * self._curved(k, offset).scale).sum())

    def residual(self, k: int, x: Array, gradient: Array) -> float:
        """Return the largest KKT residual of one coordinate per its own standard deviation."""
        offset = x[self.members] - self.at
        residual = self.kinks_of(k).residual(gradient[self.members], offset)
        return float(np.abs(residual * self._curved(k, offset).scale).max(initial=0.0))

    def misses(self, functions: Functions, who: Array, gradient: Array) -> Array:
        """Say of which functions a coordinate that the quadratic does not know leaves its kink."""
        out = np.setdiff1d(np.arange(gradient.shape[1]), self.members)
        kinks = functions.kinks.take(out)
        return np.any(kinks.push(gradient[:, out]) > kinks.weight[who], axis=1)

    def target(self, k: int, x: Array, gradient: Array) -> tuple[Array, float]:
        """Return where function k's quadratic minus kinks is largest, and the gain on the way."""
        offset = x[self.members] - self.at
        own = self._curved(k, offset)
        start, kinks = offset / own.scale, self.kinks_of(k).around(own.scale)
        linear = own.scale * gradient[self.members] + own.matrix @ start
        try:
            z = pivot(own.face, linear, kinks)
        except LinAlgError:
            z = None
        if z is None:
            z = maximise_kinked(own.matrix, linear, kinks, start)
            own.face.restart(z)
        step = z - start
        target = x.copy()
        target[self.members] = self.at + own.scale * z
        return target, float(step @ own.matrix @ step)


def _known(functions: Functions, who: Array, x: Array, gradient: Array) -> Array:
    """The coordinates that are not at their kink, and those that are near to leaving it."""
    p = x.shape[1]
    kinks = functions.kinks.of(who)
    inside = (~kinks.single | (x != kinks.at)).any(axis=0)
    pressing = kinks.pressing(gradient).max(axis=0)
    pressing[inside] = np.inf
    room = max(KNOWN, 2 * int(inside.sum()), int((pressing > _NEAR).sum()))
    if room >= 0.8 * p:
        return np.arange(p)
    return np.sort(np.argpartition(-pressing, room)[:room])


@dataclass
class _Batch:
    """Functions of a path that share a quadratic: where each is, and where it goes next."""

    who: Array
    x: Array
    value: Array
    gradient: Array
    target: Array
    gain: Array
    t: Array
    residual: Array
    trusted: Array  # that the quadratic still has the curvature where each of them is

    def aim(self, quadratic: _Quadratic, which: Array) -> None:
        """Give some of them the target of their next step."""
        for j in which:
            self.target[j], self.gain[j] = quadratic.target(
                int(self.who[j]), self.x[j], self.gradient[j]
            )
        self.t[which] = 1.0

    def trial(self, which: Array) -> Array:
        """Return where some of them want to be; whole steps keep the target's exact zeros."""
        t = self.t[which, None]
        between = self.x[which] + t * (self.target[which] - self.x[which])
        return np.where(t == 1.0, self.target[which], between)

    def move(self, which: Array, value: Array, gradient: Array) -> Array:
        """Go where the objective rises enough (Armijo); halve other steps; return who went.

        Where rounding hides the promised gain, no more than rounding may be lost.
        """
        before, promised = self.value[which], self.t[which] * self.gain[which]
        size = 1.0 + np.abs(before)
        with np.errstate(invalid="ignore"):
            risen = value >= before + 1e-4 * promised
            risen |= (promised <= _HIDDEN * size) & (value >= before - _HIDDEN * size)
        good = risen & np.isfinite(value) & np.isfinite(gradient).all(axis=1)
        went = which[good]
        trial, t = self.trial(went), self.t[went]
        bend = ((trial - self.x[went]) * (self.gradient[went] - gradient[good])).sum(axis=1)
        told = t * t * self.gain[went] > _MEASURED
        self.trusted[went[told]] = (bend >= _ALIKE * t * t * self.gain[went])[told]
        self.x[went] = trial
        self.value[went], self.gradient[went] = value[good], gradient[good]
        self.t[which[~good]] *= 0.25
        return went

    def solution(self, functions: Functions, j: int, n_iter: int) -> Solution:
        """Return where one of them is."""
        kinks = functions.kinks.of(int(self.who[j]))
        residual = kinks.residual(self.gradient[j], self.x[j] - kinks.at)
        norm = float(np.linalg.norm(residual))
        decrement = float(np.sqrt(max(self.gain[j], 0.0)))
        value, left = float(self.value[j]), float(self.residual[j])
        return Solution(self.x[j], value, norm, n_iter, SOLVER, decrement, left, False)


def _settle(
    functions: Functions, who: Array, x: Array, settled: float, last: _Quadratic | None
) -> tuple[list[Solution], _Quadratic, int]:
    """Bring some functions to their maxima from one start.

    ``last`` is a quadratic that may serve. Returns the solutions, the quadratic that served them
    last, and the number of passes it took.
    """
    m, everyone = len(who), np.arange(len(who))
    start = np.tile(x, (m, 1))
    value, gradient = functions.evaluate(start, who)
    value = functions.objective(start, value, who)
    unknown, ones = np.full(m, np.inf), np.ones(m)
    batch = _Batch(
        who, start, value, gradient, start.copy(), unknown, ones, unknown.copy(), np.ones(m, bool)
    )
    quadratic = last or _Quadratic(functions, who, batch.x, batch.gradient)
    batch.aim(quadratic, everyone)
    passes = np.zeros(m, dtype=int)  # that each of them took
    active, since = everyone, 0
    for n_passes in range(1, _MOST_PASSES + 1):
        trial = batch.trial(active)
        with np.errstate(over="ignore", invalid="ignore"):
            value, gradient = functions.evaluate(trial, who[active])
        went = batch.move(active, functions.objective(trial, value, who[active]), gradient)
        # Back along the path, then on again: each face is next to the one just left.
        if functions.exact and n_passes == 1:
            # The first step should have led all the way.
            batch.gain[went] = [
                quadratic.residual_gain(int(who[j]), batch.x[j], batch.gradient[j]) for j in went
            ]
        else:
            batch.aim(quadratic, went[::-1] if n_passes % 2 else went)
        least = np.maximum(_NEARER * arrived(batch.value[active]), _LEAST)
        near = batch.gain[active] <= np.maximum(least, settled)
        near &= np.isin(active, went)
        for j in active[near]:
            of = int(who[j]), batch.x[j], batch.gradient[j]
            batch.residual[j] = quadratic.residual(*of)
        near &= batch.residual[active] <= _SURE
        still = near & batch.trusted[active]
        missed = still & quadratic.misses(functions, who[active], batch.gradient[active])
        missed |= near & ~still
        since += 1
        passes[active] = n_passes
        active = active[~still | missed]
        far = bool(np.any(batch.gain[active] > _FAR * (1.0 + np.abs(batch.value[active]))))
        due = since >= (1 if n_passes == 1 and far else _STALE)
        if len(active) and (due or len(active) == np.count_nonzero(missed)):
            view = functions, who[active], batch.x[active], batch.gradient[active]
            quadratic = _Quadratic(*view)
            batch.aim(quadratic, active)
            batch.trusted[active] = True
            since = 0
        if not len(active):
            solutions = [batch.solution(functions, j, int(passes[j])) for j in range(m)]
            return solutions, quadratic, n_passes
        if np.any(batch.t[active] < _SHORTEST):
            break
    raise ConvergenceError(
        f"no convergence in {n_passes} passes of the {SOLVER} solver",
        batch.solution(functions, int(active[0]), n_passes),
    )
