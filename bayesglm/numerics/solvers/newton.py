"""Solvers: the maximum of a smooth function, with or without `Kinks`.

Both solvers are one loop: a quadratic model of the smooth part, scaled to a unit diagonal, is
maximised (by a Cholesky factor, or with kinks as `kinked` does), and a line search keeps the
objective growing. They see callables and p-sized arrays, never the data.

Sources: Nocedal & Wright (2006), Numerical Optimization, algorithms 3.1 to 3.3; Boyd &
Vandenberghe (2004), Convex Optimization, 9.5 (the decrement); Lee, Sun & Saunders (2014), SIAM
J. Optim. 24(3) (proximal Newton).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dtrtrs

from bayesglm.errors import ConvergenceError
from bayesglm.numerics.solvers.grouped import maximise_grouped
from bayesglm.numerics.solvers.kinked import maximise_kinked
from bayesglm.numerics.solvers.kinks import Kinks
from bayesglm.numerics.solvers.quadratic import KinkedPart, ScaledModel, scaled_model

type Array = NDArray[np.float64]

# All relative to 1 + |objective|. A gain below _ROUNDING cannot be told from rounding in a sum of
# log-likelihoods; once a step promises less than _SETTLED, one more quadratic step is exact; a gain
# below _NEGLIGIBLE is none on a plateau.
_ROUNDING = 1e-8
_SETTLED = 1e-14
_NEGLIGIBLE = 1e-10
# Largest slope at a maximum, of any coordinate, per one of its own standard deviations.
OPTIMAL = 1e-5
# Largest change of a linear predictor in a last step, and in one whose gain rounding may hide.
_STILL = 1e-7
_NEARLY_STILL = 1e-3
_PLATEAU_ITERATIONS = 40  # steps that gain less than _NEGLIGIBLE and still move: a bound
# Modifications beyond this (of a unit diagonal) mean negative curvature, not rounding.
_INDEFINITE = 1e-6


def arrived(value: Array) -> Array:
    """The gain of the next step at which solvers that go by passes over the data end.

    It is the square of the step's length in posterior standard deviations: 1e-4 of one at most,
    and 1e-7 where there is little data and passes are cheap. The step is still taken, and ends
    several times nearer.
    """
    return np.clip(1e-17 * np.square(1.0 + np.abs(value)), 1e-14, 1e-8)


class Evaluation(NamedTuple):
    """The smooth part of the objective at one x: value, gradient (p,) and hessian (p, p)."""

    value: float
    gradient: Array
    hessian: Array


class Solution(NamedTuple):
    """Where a solver stopped.

    - `value`: the objective, kinks included.
    - `gradient_norm`: Euclidean norm of the gradient; with kinks, of the KKT residual.
    - `decrement`: length sqrt(s' A s) of the step s that would come next, A = -hessian; for a log
      posterior it is the distance to the mode in posterior standard deviations.
    - `residual`: the largest |gradient_j| A_jj^-1/2, of the KKT residual with kinks: the slope of
      each coordinate in its own standard deviations. At a maximum it is below `OPTIMAL`.
    - `resolved`: whether every direction has a curvature that rounding cannot have made up.
    """

    x: Array
    value: float
    gradient_norm: float
    n_iter: int
    solver: str
    decrement: float
    residual: float
    resolved: bool


class _Problem(NamedTuple):
    evaluate: Callable[[Array], Evaluation]
    value: Callable[[Array], float]
    change: Callable[[Array], float]
    kinks: Kinks
    solver: str
    kinked: bool

    def objective(self, x: Array, smooth: float) -> float:
        return float(smooth - self.kinks.penalty(x)) if self.kinked else float(smooth)


def newton(
    evaluate: Callable[[Array], Evaluation],
    value: Callable[[Array], float],
    x0: Array,
    change: Callable[[Array], float],
    *,
    max_iter: int = 200,
    enough: float = 0.0,
) -> Solution:
    """The maximum of a smooth function by Newton's method with a line search.

    `evaluate(x)` gives an `Evaluation`, `value(x)` its value alone (-inf where x is impossible),
    `change(dx)` the largest change of any linear predictor, max |X dx|. A step counts as small only
    if it promises next to no gain and changes no linear predictor: on the plateau of separated
    data the first holds, the second does not. It stops short of the maximum where a step promises
    no more than ``enough``.

    Raises ConvergenceError, with the last `Solution` as its `solution`.

    >>> def evaluate(x):
    ...     return Evaluation(value(x), -4.0 * (x - 3.0), np.array([[-4.0]]))
    >>> def value(x):
    ...     return float(-2.0 * (x[0] - 3.0) ** 2)
    >>> newton(evaluate, value, np.zeros(1), change=lambda dx: abs(dx[0])).x
    array([3.])
    """
    none = Kinks.none(len(x0))
    problem = _Problem(evaluate, value, change, none, "newton", False)
    return _ascend(problem, x0, max_iter, enough)


def proximal_newton(
    evaluate: Callable[[Array], Evaluation],
    value: Callable[[Array], float],
    x0: Array,
    change: Callable[[Array], float],
    kinks: Kinks,
    *,
    max_iter: int = 200,
) -> Solution:
    """The maximum of value(x) - kinks.penalty(x), what the kinks hold being exactly there.

    `evaluate` and `value` are of the smooth part. The other arguments, and what is raised, are
    those of `newton`.

    >>> def evaluate(x):
    ...     return Evaluation(value(x), np.array([3.0, 0.5]) - x, -np.eye(2))
    >>> def value(x):
    ...     return float(-0.5 * np.sum((np.array([3.0, 0.5]) - x) ** 2))
    >>> kinks = Kinks(np.ones(2), np.zeros(2))
    >>> proximal_newton(evaluate, value, np.zeros(2), lambda dx: np.abs(dx).max(), kinks).x
    array([2., 0.])
    """
    problem = _Problem(evaluate, value, change, kinks, "proximal newton", kinks.any)
    return _ascend(problem, kinks.inside(x0), max_iter, 0.0)


class _Proposal(NamedTuple):
    """The state at one x, and where the quadratic model wants to go from there."""

    state: Solution
    target: Array
    model: ScaledModel


@np.errstate(over="ignore", invalid="ignore")  # steps lead back from what is not finite
def _ascend(problem: _Problem, x0: Array, max_iter: int, enough: float) -> Solution:
    x = np.array(x0, dtype=np.float64)
    now = problem.evaluate(x)
    if not np.isfinite(now.value):
        raise ConvergenceError(
            f"the log density is {now.value} where the {problem.solver} solver starts: numbers "
            "leave the floats there; check the scale of the offset, the weights and the predictors."
        )
    previous: Solution | None = None
    settled = full_step = False
    plateau = 0
    for n_iter in range(max_iter + 1):
        state, target, model = _propose(problem, x, now, n_iter, previous)
        if settled and previous is not None:
            return min(previous, state, key=lambda solution: solution.decrement)

        size = 1.0 + abs(state.value)
        gain = state.decrement**2
        if gain <= enough:
            return state
        # Only next to the end does it matter how far a step moves the linear predictors.
        moved = np.inf if gain > _ROUNDING * size else float(problem.change(target - x))
        # Where rounding made up some curvature steps shrink slowly: what is left is many of them.
        short = _SETTLED * size if model.resolved else 0.01 * _SETTLED
        settled = gain <= short and moved <= _STILL
        at_rounding = (
            previous is not None
            and full_step
            and gain <= _ROUNDING * size
            and moved <= _NEARLY_STILL
            and model.resolved
            and state.decrement > 0.9 * previous.decrement
        )
        if (settled or at_rounding) and model.tau > _INDEFINITE and not _curved(problem, x, now):
            raise ConvergenceError(
                f"the {problem.solver} solver met a stationary point that is not a maximum after "
                f"{n_iter} iterations; there may be several maxima, or none.",
                state,
            )
        if at_rounding or gain == 0.0 or (settled and n_iter == max_iter):
            return state

        plateau = plateau + 1 if gain <= _NEGLIGIBLE * size and moved > _NEARLY_STILL else 0
        if plateau >= _PLATEAU_ITERATIONS or n_iter == max_iter:
            raise _no_convergence(state, moved, plateau, model.resolved)
        now = problem.evaluate(target)
        full_step = settled and np.isfinite(now.value)
        full_step = full_step or _rises(problem, state, target, now.value, 1.0)
        if full_step:
            x = target
        else:
            x = x + _line_search(problem, state, target, now.value) * (target - x)
            now = problem.evaluate(x)
        previous = state
    raise AssertionError("unreachable: the last iteration returns or raises")


def _curved(problem: _Problem, x: Array, now: Evaluation) -> bool:
    """Say whether -hessian is positive definite where it counts: kinks hold the rest in place."""
    free = np.flatnonzero(~problem.kinks.held(x - problem.kinks.at))
    bends = -now.hessian[np.ix_(free, free)]
    of_kinks = problem.kinks.bends(x, free)
    bends = bends if of_kinks is None else bends + of_kinks
    return scaled_model(bends).tau <= _INDEFINITE


def _propose(
    problem: _Problem,
    x: Array,
    now: Evaluation,
    n_iter: int,
    previous: Solution | None,
) -> _Proposal:
    if not (np.isfinite(now.gradient).all() and np.isfinite(now.hessian).all()):
        raise ConvergenceError(
            f"the derivatives of the log density are not finite at iteration {n_iter} of the "
            f"{problem.solver} solver; check the scale of the offset, the weights and the "
            "predictors.",
            previous,
        )
    model = scaled_model(-now.hessian)
    target, decrement = _maximise_model(problem, model, now.gradient, x)
    if problem.kinked and (model.tau > _INDEFINITE or problem.kinks.at.any()):
        beside = _on_face(problem, now, x)
        target, decrement, model = (target, decrement, model) if beside is None else beside
    residual = now.gradient
    if problem.kinked:
        residual = problem.kinks.residual(now.gradient, x - problem.kinks.at)
    state = Solution(
        x=x,
        value=problem.objective(x, now.value),
        gradient_norm=float(np.linalg.norm(residual)),
        n_iter=n_iter,
        solver=problem.solver,
        decrement=decrement,
        residual=standardised(residual, np.diagonal(now.hessian)),
        resolved=model.resolved,
    )
    return _Proposal(state, target, model)


def standardised(gradient: Array, bends: Array) -> float:
    """The largest slope per standard deviation of its coordinate, |bends|^-1/2.

    Where nothing bends there must be no slope either.

    >>> standardised(np.array([3.0, 0.0]), np.array([-9.0, 0.0]))
    1.0
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        slopes = np.abs(gradient) / np.sqrt(np.abs(bends))
    return float(np.where(gradient == 0.0, 0.0, slopes).max(initial=0.0))


def _on_face(
    problem: _Problem, now: Evaluation, x: Array
) -> tuple[Array, float, ScaledModel] | None:
    """Newton's step of the coordinates that no kink holds, where the others bend the wrong way.

    The others stay where they are as long as the kinks are stronger than the slope. None where they
    are not, where the rest has no maximum either, or where the step would cross a kink. The step is
    added to x, and so keeps the digits of what lies far from its kink.
    """
    kinks, offset = problem.kinks, x - problem.kinks.at
    held = kinks.held(offset)
    if kinks.residual(now.gradient, offset)[held].any():
        return None
    face = np.flatnonzero(~held)
    if not len(face):
        return None
    of_kinks = kinks.bends(x, face)
    bends = -now.hessian[np.ix_(face, face)]
    model = scaled_model(bends if of_kinks is None else bends + of_kinks)
    slope = (now.gradient - kinks.slope(x))[face]
    half, _ = dtrtrs(model.factor[0], model.scale * slope, lower=True)
    step = model.scale * dtrtrs(model.factor[0], half, lower=True, trans=1)[0]
    crosses = kinks.single[face] & (offset[face] * (offset[face] + step) <= 0.0)
    if model.tau > _INDEFINITE or crosses.any():
        return None
    target = x.copy()
    target[face] += step
    return target, float(np.linalg.norm(half)), model


def _no_convergence(
    state: Solution, moved: float, plateau: int, resolved: bool
) -> ConvergenceError:
    where = (
        f"{state.n_iter} iterations of the {state.solver} solver (objective {state.value:.10g}, "
        f"decrement {state.decrement:.2g}, last change of the linear predictor {moved:.2g})"
    )
    if plateau > 0:
        return ConvergenceError(
            f"the objective keeps improving along a direction without end: after {where} there is "
            "nothing left to gain, yet every step goes as far as the one before; a maximum does "
            "not exist, or lies too far out to be found (a proper prior gives one).",
            state,
        )
    if not resolved:
        where += (
            "; floating point cannot tell some combination of the columns from zero: subtract from "
            "each column a typical value, remove columns, or give them a tighter prior"
        )
    return ConvergenceError(f"no convergence in {where}.", state)


def _rises(problem: _Problem, start: Solution, x: Array, smooth: float, t: float) -> bool:
    """Armijo's condition: enough of the promised gain after t of a step.

    Next to the maximum the gain drowns in the rounding of the objective; there any t is good that
    does not lose more than that.
    """
    gain = start.decrement**2
    rounding = _ROUNDING * (1.0 + abs(start.value))
    slack = rounding if gain <= rounding else 0.0
    return problem.objective(x, smooth) > start.value + 1e-4 * t * gain - slack


def _line_search(problem: _Problem, start: Solution, target: Array, smooth: float) -> float:
    """The first t of a backtracking sequence from 1, not good enough, that `_rises`."""
    gain, t, x = start.decrement**2, 1.0, target
    while t > 1e-30:
        shortfall = start.value + t * gain - problem.objective(x, smooth)
        interpolated = 0.5 * t * t * gain / shortfall if 0.0 < shortfall < np.inf else 0.0
        t = float(np.clip(interpolated, 0.1 * t, 0.5 * t))
        x = start.x + t * (target - start.x)
        smooth = problem.value(x)
        if _rises(problem, start, x, smooth, t):
            return t
    raise ConvergenceError(
        f"after {start.n_iter} iterations of the {start.solver} solver no step along an ascent "
        f"direction raises the objective, {start.value:.3g}: value and gradient do not belong "
        "together. Where numbers are that large, rounding hides what there is to gain.",
        start,
    )


def _maximise_model(
    problem: _Problem, model: ScaledModel, gradient: Array, x: Array
) -> tuple[Array, float]:
    """The maximum of the quadratic model minus the kinks, and the length of the way in its metric.

    That is |L's|, L being the Cholesky factor: its square cannot turn negative by cancellation, as
    s' (L L') s can.
    """
    if not problem.kinked:
        if not len(x):
            return x, 0.0
        half, _ = dtrtrs(model.factor[0], model.scale * gradient, lower=True)
        step, _ = dtrtrs(model.factor[0], half, lower=True, trans=1)
        return x + model.scale * step, float(np.linalg.norm(half))
    kinks, start = problem.kinks, (x - problem.kinks.at) / model.scale
    kinked = KinkedPart(model.matrix, kinks.kinked)
    linear, near = kinked.reduce(start, model.scale * gradient)
    if kinks.groups:
        # A group has a length in the units of x only.
        unit = model.scale[kinked.kinked] * kinked.scale
        bends, own = kinked.matrix / np.outer(unit, unit), kinks.take(kinked.kinked).around(1.0)
        z = maximise_grouped(bends, linear / unit, own, near * unit) / unit
    else:
        own = kinks.around(model.scale).take(kinked.kinked).around(kinked.scale)
        z = maximise_kinked(kinked.matrix, linear, own, near)
    step = kinked.whole(z, start, model.scale * gradient) - start
    decrement = float(np.linalg.norm(np.tril(model.factor[0]).T @ step))
    return x + model.scale * step, decrement
