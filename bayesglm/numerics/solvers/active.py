"""Newton on the active coordinates: maxima under kinks where columns are many and rows are few.

The penalties fall from the largest that matters to those that are asked for, in steps by a factor.
At each, a quadratic model knows the coordinates that are not at their kink and those that should
leave it; its maximum (`kinked.climb`) costs a few products with one Cholesky factor, and lies near.
Between two penalties the way is foretold: where a likelihood has tails that fall off exponentially,
as on separated data, the residuals follow the penalties, so that linear predictors move with the
logarithm of the penalty; elsewhere with the penalty itself. Models serve until the weights of the
rows have changed, and meanwhile grow by the coordinates that join.

Sources: Lee, Sun & Saunders (2014), SIAM J. Optim. 24(3) (proximal Newton); Friedman, Hastie &
Tibshirani (2010), J. Stat. Softw. 33(1) (warm starts along the path); Park & Hastie (2007), JRSS B
69(4) (predictor and corrector along the path of a generalized linear model); Rosset, Zhu & Hastie
(2004), JMLR 5 (the path on separated data).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError

from bayesglm.errors import ConvergenceError
from bayesglm.numerics.rows.columns import weighted_gram
from bayesglm.numerics.solvers.kinked import Curved, Held, climb
from bayesglm.numerics.solvers.kinks import Kinks
from bayesglm.numerics.solvers.newton import Solution, arrived, standardised

Array = np.ndarray
SOLVER = "active-set newton"
_FACTOR = 0.15  # of one penalty on the way to the next
_MOST_PENALTIES = 60  # on the way from one that holds everything: a bound
_ROUGH = 1e-2  # gain of a step, of the penalty, that is small enough on the way
_ALIKE = 0.1  # relative change of the rows' weights that a model stands
_EXACT = 1e-11  # relative to a kink: a slope that exceeds it by less does not
_HIDDEN = 1e-9  # relative to 1 + |objective|: gains that rounding may hide
_STILL = 1e-3  # largest change of a linear predictor in a step that may be the last
_SLOPE = 1e-6  # largest slope left, in posterior standard deviations given the others
_SHORTEST = 1e-10  # share of a step, below which the search along it has failed
_MOST_STEPS = 400  # in all: a bound
_MOST_ON_PLATEAU = 40  # steps that gain nothing and still move: a bound


class RowFunction(NamedTuple):
    """A smooth function of x ``(p,)``: functions of X x, summed over rows, and of x; and kinks.

    - `columns(members)`: some columns of X, ``(rows, members)``.
    - `adjoint(s)`: X' s.
    - `rowwise(eta)`: the sum over rows at X x = eta, its slopes and minus its bends ``(rows,)``.
    - `prior(x)`: what x itself adds, and its gradient.
    - `prior_curvature(x, members)`: minus the Hessian of that, on some coordinates.
    - `kinks`: those of single coordinates, which are taken off.
    """

    columns: Callable[[Array], Array]
    adjoint: Callable[[Array], Array]
    rowwise: Callable[[Array], tuple[float, Array, Array]]
    prior: Callable[[Array], tuple[float, Array]]
    prior_curvature: Callable[[Array, Array], Array]
    kinks: Kinks


class _Point(NamedTuple):
    """An x, and what the function is there: its smooth value, gradient, and weights of rows."""

    x: Array
    value: float
    gradient: Array
    bend: Array


class _Model:
    """The curvature at one point, on some coordinates, to which others may join."""

    def __init__(self, function: RowFunction, point: _Point, members: Array) -> None:
        self.function, self.at, self.members = function, point, members
        self.columns = function.columns(members)
        gram = weighted_gram(self.columns, point.bend)
        self.curved = Curved(gram + function.prior_curvature(point.x, members))

    def serves(self, bend: Array) -> bool:
        """Say whether the rows' weights are still much what they were."""
        return bool(np.all(np.abs(bend - self.at.bend) <= _ALIKE * self.at.bend))

    def join(self, new: Array) -> None:
        """Add coordinates."""
        if not len(new):
            return
        old, more = len(self.members), self.function.columns(new)
        self.members = np.concatenate((self.members, new))
        weighted = self.at.bend[:, None] * more
        prior = self.function.prior_curvature(self.at.x, self.members)
        across = self.columns.T @ weighted + prior[:old, old:]
        self.curved.grow(across, more.T @ weighted + prior[old:, old:])
        self.columns = np.concatenate((self.columns, more), axis=1)


@dataclass
class _Ascent:
    """Where a search for one maximum is: a point, the model in use, and how far it has come."""

    function: RowFunction
    base: Array  # X at: what linear predictors are where nothing has left its kink
    point: _Point
    model: _Model | None = None
    n_iter: int = 0

    def on(self) -> Array:
        """Say which coordinates are not held by a kink."""
        kinks = self.function.kinks
        return ~kinks.single | (self.point.x != kinks.at)

    def look(self, x: Array, model: _Model, offset: Array) -> tuple[_Point, Array]:
        """Return the point at x, of which ``offset`` from the kinks is that of the members.

        Its gradient is still missing: the slopes of the rows are there to make it.
        """
        value, slope, bend = self.function.rowwise(self.base + model.columns @ offset)
        own, gradient = self.function.prior(x)
        return _Point(x, value + own, gradient, bend), slope

    def go(self, point: _Point, slope: Array) -> None:
        """Make such a point the one where the search is."""
        self.point = point._replace(gradient=point.gradient + self.function.adjoint(slope))

    def objective(self, point: _Point, share: float) -> float:
        """Return the value at a point less its penalties, these times ``share``."""
        return point.value - share * self.function.kinks.penalty(point.x)

    def model_of(self, members: Array) -> _Model:
        """Return a model that knows these coordinates, the last one where it still serves."""
        model = self.model
        if model is None or not model.serves(self.point.bend):
            self.model = model = _Model(self.function, self.point, members)
        else:
            model.join(np.setdiff1d(members, model.members))
        return model

    def spread(self, model: _Model, offset: Array) -> Array:
        """Return the x of which the members have this offset from their kinks."""
        x = self.function.kinks.at.copy()
        x[model.members] += offset
        return x


class _Step(NamedTuple):
    """Where the model is largest, and whether all that should leave their kinks were asked."""

    model: _Model
    start: Array
    end: Array
    gain: float
    complete: bool

    def moved(self) -> float:
        """Return the largest change of a linear predictor."""
        return float(np.abs(self.model.columns @ (self.end - self.start)).max(initial=0.0))


def maximise_active(function: RowFunction, x0: Array) -> Solution:
    """Return the maximum of a concave function minus its kinks, those at zero being exact.

    Every coordinate whose penalty counts is best started at its kink, or where the maximum under
    larger penalties is. Raises ConvergenceError, with the last `Solution`.

    >>> X, y = np.eye(2), np.array([3.0, 0.5])
    >>> nothing = lambda x: (0.0, np.zeros(2))
    >>> function = RowFunction(
    ...     columns=lambda members: X[:, members],
    ...     adjoint=lambda s: s @ X,
    ...     rowwise=lambda eta: (-0.5 * float(((y - eta) ** 2).sum()), y - eta, np.ones(2)),
    ...     prior=nothing,
    ...     prior_curvature=lambda x, members: np.zeros((len(members),) * 2),
    ...     kinks=Kinks(np.ones(2), np.zeros(2)),
    ... )
    >>> maximise_active(function, np.zeros(2)).x.round(12).tolist()
    [2.0, 0.0]
    """
    places = function.kinks.at
    at = np.flatnonzero(places)
    base = function.columns(at) @ places[at]
    x = function.kinks.inside(np.array(x0, dtype=np.float64))
    away = np.flatnonzero(x != places)
    eta = base + function.columns(away) @ (x - places)[away]
    value, slope, bend = function.rowwise(eta)
    own, gradient = function.prior(x)
    ascent = _Ascent(function, base, _Point(x, value + own, gradient, bend))
    ascent.go(ascent.point, slope)
    try:
        for share, before in _penalties(function, ascent.point.gradient):
            if before is not None and ascent.model is not None:
                _foretell(ascent, before, share)
            gain = _settle(ascent, share)
    except LinAlgError as error:
        raise _stopped(ascent, "value, gradient or curvature are not finite") from error
    return _solution(ascent, gain)


def _penalties(function: RowFunction, gradient: Array) -> list[tuple[float, float | None]]:
    """Return the shares of the penalties, down to one, each with that before it."""
    kinks = function.kinks
    costly = kinks.weight > 0.0
    largest = float((kinks.push(gradient)[costly] / kinks.weight[costly]).max(initial=0.0))
    if not np.isfinite(largest) or largest <= 1.0:
        return [(1.0, None)]
    n_steps = int(np.clip(np.ceil(np.log(largest) / -np.log(_FACTOR)), 1, _MOST_PENALTIES))
    shares = np.geomspace(largest, 1.0, n_steps + 1).tolist()
    return list(zip([*shares[1:-1], 1.0], [None, *shares[1:-1]], strict=True))


def _foretell(ascent: _Ascent, before: float, share: float) -> None:
    """Go to where the maximum moves as the penalties fall from one share to another.

    Along the penalty and along its logarithm: to whichever is the better, if it is any better.
    """
    function, point, on = ascent.function, ascent.point, ascent.on()
    model = ascent.model_of(np.flatnonzero(on))
    kinks = function.kinks
    start = (point.x - kinks.at)[model.members]
    weight = kinks.weight[model.members]
    signs = np.sign(start) * kinks.single[model.members]
    held = Held(model.curved, np.flatnonzero(~on[model.members]))
    pull = point.gradient[model.members]
    back, along = (
        held.maximum(held.whole(v)) for v in (pull - before * weight * signs, weight * signs)
    )
    best, slope = None, None
    for length in (before - share, before * np.log(before / share)):
        offset = start + back + length * along
        offset[offset * signs < 0.0] = 0.0
        there, slopes = ascent.look(ascent.spread(model, offset), model, offset)
        if ascent.objective(there, share) > ascent.objective(best or point, share):
            best, slope = there, slopes
    if best is not None and slope is not None:
        ascent.go(best, slope)


def _settle(ascent: _Ascent, share: float) -> float:
    """Go to the maximum under some share of the penalties, roughly unless it is all of them.

    Returns the gain of the last step.
    """
    function, plateau = ascent.function, 0
    while ascent.n_iter < _MOST_STEPS:
        ascent.n_iter += 1
        step, point = _newton_step(ascent, share), ascent.point
        objective = ascent.objective(point, share)
        small = float(arrived(np.asarray(objective)))
        if share > 1.0:
            # Where nothing has left its kink yet there is no penalty to take a share of.
            small = max(small, _ROUGH * share * function.kinks.penalty(point.x))
        last = step.gain <= small and (share > 1.0 or step.complete)
        if last and share == 1.0:
            last = step.moved() <= _STILL
            plateau += not last
        rose = _walk(ascent, step, share, objective)
        if last and (share > 1.0 or _level(ascent, step.model)):
            return step.gain
        if not rose or plateau > _MOST_ON_PLATEAU:
            break
    raise _stopped(ascent, "no convergence")


def _newton_step(ascent: _Ascent, share: float) -> _Step:
    function, point, on = ascent.function, ascent.point, ascent.on()
    if not np.isfinite(point.value) or not np.isfinite(point.gradient).all():
        raise LinAlgError("the gradient is not finite")
    kinks = function.kinks
    limit = share * kinks.weight * (1.0 + _EXACT)
    excess = np.where(on, 0.0, kinks.push(point.gradient) - limit)
    joining = np.flatnonzero(excess > 0.0)
    n_rows, n_on = len(point.bend), int(np.count_nonzero(on))
    # About as many as there are; no more than rows can tell apart.
    room = max(20, n_rows // 16, min(n_on, max(n_rows - n_on, n_on // 4)))
    complete = len(joining) <= room
    if not complete:
        joining = joining[np.argpartition(-excess[joining], room)[:room]]
    asked = on.copy()
    asked[joining] = True
    model = ascent.model_of(np.flatnonzero(asked))
    start, own = (point.x - kinks.at)[model.members], kinks.take(model.members)
    pull = point.gradient[model.members]
    signs = np.where(start != 0.0, np.sign(start), np.sign(pull) * asked[model.members])
    signs[~own.single] = 0.0
    end = climb(model.curved, pull, own.around(1.0, share), start, signs)
    return _Step(model, start, end, model.curved.length(end - start) ** 2, complete)


def _walk(ascent: _Ascent, step: _Step, share: float, before: float) -> bool:
    """Go along a step as far as the objective rises (Armijo); say whether anywhere it does.

    Where rounding hides the promised gain, no more than rounding may be lost.
    """
    t, hidden = 1.0, _HIDDEN * (1.0 + abs(before))
    while t > _SHORTEST:
        offset = step.end if t == 1.0 else step.start + t * (step.end - step.start)
        there, slope = ascent.look(ascent.spread(step.model, offset), step.model, offset)
        least = before + 1e-4 * t * step.gain - (hidden if step.gain <= hidden else 0.0)
        if np.isfinite(there.bend).all() and ascent.objective(there, share) >= least:
            ascent.go(there, slope)
            return True
        t *= 0.3
    return False


def _level(ascent: _Ascent, model: _Model) -> bool:
    """Say whether next to no slope is left at the point, in units of what the rows can tell."""
    function, point = ascent.function, ascent.point
    left = function.kinks.residual(point.gradient, point.x - function.kinks.at)[model.members]
    return bool(np.all(np.abs(left) <= _SLOPE * np.sqrt(model.curved.matrix.diagonal())))


def _solution(ascent: _Ascent, gain: float) -> Solution:
    function, point = ascent.function, ascent.point
    left = function.kinks.residual(point.gradient, point.x - function.kinks.at)
    places = np.flatnonzero(left)
    bends = point.bend @ np.square(function.columns(places))
    bends += np.diagonal(function.prior_curvature(point.x, places))
    return Solution(
        point.x,
        ascent.objective(point, 1.0),
        float(np.linalg.norm(left)),
        ascent.n_iter,
        SOLVER,
        float(np.sqrt(gain)),
        residual=standardised(left[places], bends),
        resolved=False,  # models are of the active coordinates alone
    )


def _stopped(ascent: _Ascent, what: str) -> ConvergenceError:
    message = f"{what} after {ascent.n_iter} iterations of the {SOLVER} solver"
    return ConvergenceError(message, _solution(ascent, np.inf))
