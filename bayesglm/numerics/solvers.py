"""Solvers: the maximum of a smooth function, with or without kinks sum_j kink_j |x_j - kink_at_j|.

Both solvers are one loop: a quadratic model of the smooth part, scaled to a unit diagonal, is
maximised (by a Cholesky factor, or with kinks by coordinate descent and exact solves), and a line
search keeps the objective growing. They see callables and p-sized arrays, never the data.

Sources: Nocedal & Wright (2006), Numerical Optimization, algorithms 3.1 to 3.3; Boyd &
Vandenberghe (2004), Convex Optimization, 9.5 (the decrement); Lee, Sun & Saunders (2014), SIAM
J. Optim. 24(3) (proximal Newton); Lee, Battle, Raina & Ng (2006), NIPS 19, "Efficient sparse
coding algorithms" (the exact solve on a pattern of signs).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from bayesglm.errors import ConvergenceError

type Array = NDArray[np.float64]
type Indices = NDArray[np.intp]

_EPSILON = float(np.finfo(np.float64).eps)
# All relative to 1 + |objective|. A gain below _ROUNDING cannot be told from rounding in a sum of
# log-likelihoods; once a step promises less than _SETTLED, one more quadratic step is exact.
_ROUNDING = 1e-8
_SETTLED = 1e-14
_NEGLIGIBLE = 1e-10
# In units of `change`, that is of the linear predictor.
_STILL = 1e-7
_NEARLY_STILL = 1e-3
_PLATEAU_ITERATIONS = 40
# Modifications beyond this (of a unit diagonal) mean negative curvature, not rounding.
_INDEFINITE = 1e-6
# Pivots below so many times p * epsilon may be nothing but rounding.
_RESOLVED = 100.0


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
    """

    x: Array
    value: float
    gradient_norm: float
    n_iter: int
    solver: str
    decrement: float


class _Problem(NamedTuple):
    evaluate: Callable[[Array], Evaluation]
    value: Callable[[Array], float]
    change: Callable[[Array], float]
    kink: Array
    kink_at: Array
    solver: str

    def objective(self, x: Array, smooth: float) -> float:
        return float(smooth - self.kink @ np.abs(x - self.kink_at))


class _Model(NamedTuple):
    """-hessian scaled to a unit diagonal, D (-hessian) D + tau I, with its Cholesky factor.

    `resolved` is false where rounding may have made up the curvature of some direction: there
    Newton's method is slow, and a step that gets no smaller does not mean that it is at the end.
    """

    matrix: Array
    scale: Array
    tau: float
    factor: tuple[Array, bool]
    resolved: bool


def newton(
    evaluate: Callable[[Array], Evaluation],
    value: Callable[[Array], float],
    x0: Array,
    change: Callable[[Array], float],
    *,
    max_iter: int = 200,
) -> Solution:
    """The maximum of a smooth function by Newton's method with a line search.

    `evaluate(x)` gives an `Evaluation`, `value(x)` its value alone (-inf where x is impossible),
    `change(dx)` the largest change of any linear predictor, max |X dx|. A step counts as small only
    if it promises next to no gain and changes no linear predictor: on the plateau of separated
    data the first holds, the second does not.

    Raises ConvergenceError, with the last `Solution` as its `solution`.

    >>> def evaluate(x):
    ...     return Evaluation(value(x), -4.0 * (x - 3.0), np.array([[-4.0]]))
    >>> def value(x):
    ...     return float(-2.0 * (x[0] - 3.0) ** 2)
    >>> newton(evaluate, value, np.zeros(1), change=lambda dx: abs(dx[0])).x
    array([3.])
    """
    none = np.zeros(np.shape(x0))
    return _ascend(_Problem(evaluate, value, change, none, none, "newton"), x0, max_iter)


def proximal_newton(
    evaluate: Callable[[Array], Evaluation],
    value: Callable[[Array], float],
    x0: Array,
    change: Callable[[Array], float],
    kink: Array,
    kink_at: Array,
    *,
    max_iter: int = 200,
) -> Solution:
    """The maximum of value(x) - sum_j kink_j |x_j - kink_at_j| with exact x_j == kink_at_j.

    `evaluate` and `value` are of the smooth part; kink_j = 0 leaves x_j without one. The other
    arguments, and what is raised, are those of `newton`.

    >>> def evaluate(x):
    ...     return Evaluation(value(x), np.array([3.0, 0.5]) - x, -np.eye(2))
    >>> def value(x):
    ...     return float(-0.5 * np.sum((np.array([3.0, 0.5]) - x) ** 2))
    >>> proximal_newton(
    ...     evaluate, value, np.zeros(2), lambda dx: np.abs(dx).max(), np.ones(2), np.zeros(2)
    ... ).x
    array([2., 0.])
    """
    kink, kink_at = (np.broadcast_to(a, np.shape(x0)) for a in (kink, kink_at))
    problem = _Problem(evaluate, value, change, kink, kink_at, "proximal newton")
    return _ascend(problem, x0, max_iter)


class _Proposal(NamedTuple):
    """The state at one x, and where the quadratic model wants to go from there."""

    state: Solution
    target: Array
    moved: float
    model: _Model


def _ascend(problem: _Problem, x0: Array, max_iter: int) -> Solution:
    x = np.array(x0, dtype=np.float64)
    previous: Solution | None = None
    settled = full_step = False
    tau = 0.0
    plateau = 0
    for n_iter in range(max_iter + 1):
        state, target, moved, model = _propose(problem, x, n_iter, tau, previous)
        tau = model.tau
        if settled and previous is not None:
            return min(previous, state, key=lambda solution: solution.decrement)

        size = 1.0 + abs(state.value)
        gain = state.decrement**2
        settled = gain <= _SETTLED * size and moved <= _STILL
        at_rounding = (
            previous is not None
            and full_step
            and gain <= _ROUNDING * size
            and moved <= _NEARLY_STILL
            and model.resolved
            and state.decrement > 0.9 * previous.decrement
        )
        if (settled or at_rounding) and tau > _INDEFINITE:
            raise ConvergenceError(
                f"the {problem.solver} solver met a stationary point that is not a maximum after "
                f"{n_iter} iterations; start from another point",
                state,
            )
        if at_rounding or gain == 0.0 or (settled and n_iter == max_iter):
            return state

        plateau = plateau + 1 if gain <= _NEGLIGIBLE * size and moved > _NEARLY_STILL else 0
        if plateau >= _PLATEAU_ITERATIONS or n_iter == max_iter:
            raise _no_convergence(state, moved, plateau, model.resolved)
        t = 1.0 if settled else _line_search(problem, state, target - x)
        full_step = t == 1.0
        x = target if full_step else x + t * (target - x)
        previous = state
    raise AssertionError("unreachable: the last iteration returns or raises")


def _propose(
    problem: _Problem, x: Array, n_iter: int, last_tau: float, previous: Solution | None
) -> _Proposal:
    if n_iter == 0 and not np.isfinite(problem.value(x)):
        raise ConvergenceError(
            f"the log density is {problem.value(x)} where the {problem.solver} solver starts; "
            "start from another point, or rescale the predictors"
        )
    now = problem.evaluate(x)
    if not all(np.all(np.isfinite(part)) for part in now):
        raise ConvergenceError(
            f"the derivatives of the log density are not finite at iteration {n_iter} of the "
            f"{problem.solver} solver; start from another point, or rescale the predictors",
            previous,
        )
    offset = x - problem.kink_at
    model = _scaled_model(-now.hessian, last_tau)
    target = problem.kink_at + _maximise_model(model, now.gradient, problem.kink, offset)
    # L's, whose square cannot turn negative by cancellation as s' (L L') s can.
    ascent = np.tril(model.factor[0]).T @ ((target - x) / model.scale)
    state = Solution(
        x=x,
        value=problem.objective(x, now.value),
        gradient_norm=float(np.linalg.norm(_kkt_residual(now.gradient, problem.kink, offset))),
        n_iter=n_iter,
        solver=problem.solver,
        decrement=float(np.linalg.norm(ascent)),
    )
    return _Proposal(state, target, float(problem.change(target - x)), model)


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
            "not exist, or lies too far out to be found (a proper prior gives one)",
            state,
        )
    if not resolved:
        where += (
            "; floating point cannot tell some combination of the columns from zero: subtract from "
            "each column a typical value, remove columns, or give them a tighter prior"
        )
    return ConvergenceError(f"no convergence in {where}", state)


def _scaled_model(curvature: Array, last_tau: float) -> _Model:
    """Scale to a unit diagonal, then add to it until the Cholesky factor exists.

    The first addition, p * epsilon, is there from the start: it removes the noise in directions
    without curvature, and leaves the maximum where it is, since it acts on the step alone.
    """
    size = np.abs(np.diagonal(curvature))
    scale = 1.0 / np.sqrt(np.where(size > 0.0, size, 1.0))
    scaled = scale[:, None] * curvature * scale
    floor = max(len(scale), 1) * _EPSILON
    tau = floor
    while True:
        matrix = scaled.copy()
        matrix.flat[:: len(scale) + 1] += tau
        try:
            factor = cho_factor(matrix, lower=True, check_finite=False)
        except LinAlgError:
            tau = max(10.0 * tau, 0.1 * last_tau)
            continue
        pivot = np.diagonal(factor[0]).min(initial=1.0) ** 2
        return _Model(matrix, scale, tau, factor, resolved=bool(pivot > _RESOLVED * floor))


def _kkt_residual(gradient: Array, kink: Array, offset: Array) -> Array:
    """Distance from 0 to the superdifferential of the objective, coordinate by coordinate."""
    at_kink = np.sign(gradient) * np.maximum(np.abs(gradient) - kink, 0.0)
    return np.where(offset == 0.0, at_kink, gradient - kink * np.sign(offset))


def _line_search(problem: _Problem, start: Solution, step: Array) -> float:
    """The first t of a backtracking sequence from 1 with enough of the promised gain (Armijo).

    Next to the maximum the gain drowns in the rounding of the objective; there any t is good that
    does not lose more than that.
    """
    gain = start.decrement**2
    rounding = _ROUNDING * (1.0 + abs(start.value))
    slack = rounding if gain <= rounding else 0.0
    t = 1.0
    while t > 1e-30:
        x = start.x + t * step
        found = problem.objective(x, problem.value(x))
        if found > start.value + 1e-4 * t * gain - slack:
            return t
        shortfall = start.value + t * gain - found
        interpolated = 0.5 * t * t * gain / shortfall if 0.0 < shortfall < np.inf else 0.0
        t = float(np.clip(interpolated, 0.1 * t, 0.5 * t))
    raise ConvergenceError(
        f"after {start.n_iter} iterations of the {start.solver} solver no step along an ascent "
        "direction raises the objective: value and gradient do not belong together",
        start,
    )


def _maximise_model(model: _Model, gradient: Array, kink: Array, offset: Array) -> Array:
    """The offset z from the kinks that maximises the quadratic model minus kink @ |z|."""
    if not np.any(kink):
        return offset + model.scale * cho_solve(
            model.factor, model.scale * gradient, check_finite=False
        )
    start = offset / model.scale
    linear = model.scale * gradient + model.matrix @ start
    return model.scale * _kinked_quadratic(model.matrix, linear, model.scale * kink, start)


def _kinked_quadratic(matrix: Array, linear: Array, kink: Array, start: Array) -> Array:
    """argmin_z z' M z / 2 - linear @ z + kink @ |z|, M positive definite, with exact zeros.

    Coordinate descent finds a pattern of signs, an exact solve then goes to the minimum on it, as
    far as the objective falls. Each round lowers the objective; the number of patterns is finite.
    """
    z = start.copy()
    pull = linear - matrix @ z
    tolerance = 1e-13 * max(np.abs(linear).max(), kink.max())
    good_enough = max(0.05 * np.linalg.norm(_kkt_residual(pull, kink, z)), tolerance)
    for _ in range(200):
        excess = np.where(z == 0.0, np.abs(pull) - kink, 0.0)
        joining = np.flatnonzero(excess > tolerance)
        room = max(20, np.count_nonzero(z))
        largest = joining[np.argsort(-excess[joining], kind="stable")[:room]]
        working = np.concatenate((np.flatnonzero(z), largest))
        for _ in range(2 * len(z)):
            _coordinate_descent(matrix, pull, kink, z, working)
            if _solve_on_pattern(matrix, linear, kink, z):
                break
            pull = linear - matrix @ z
            working = np.flatnonzero(z)
        pull = linear - matrix @ z
        if np.linalg.norm(_kkt_residual(pull, kink, z)) <= good_enough:
            break
    return z


def _coordinate_descent(
    matrix: Array, pull: Array, kink: Array, z: Array, working: Indices, n_sweeps: int = 5
) -> None:
    """Sweeps over the working coordinates; z and pull = linear - M z are changed in place."""
    diagonal = np.diagonal(matrix)
    for _ in range(n_sweeps):
        for j in working:
            alone = pull[j] + diagonal[j] * z[j]
            new = np.sign(alone) * max(abs(alone) - kink[j], 0.0) / diagonal[j]
            if new != z[j]:
                pull -= matrix[j] * (new - z[j])
                z[j] = new


def _solve_on_pattern(matrix: Array, linear: Array, kink: Array, z: Array) -> bool:
    """Move z, in place, towards the minimum over its own pattern of signs.

    True if it gets there. Otherwise some coordinates would change sign on the way, and z goes to
    the best of the points where one of them is zero.
    """
    free = np.flatnonzero((z != 0.0) | (kink == 0.0))
    if len(free) == 0:
        return True
    sub = matrix[np.ix_(free, free)]
    sign = np.where(kink[free] > 0.0, np.sign(z[free]), 0.0)
    factor = cho_factor(sub, lower=True, check_finite=False)
    best = cho_solve(factor, linear[free] - kink[free] * sign, check_finite=False)
    crossing = sign * best < 0.0
    if not np.any(crossing):
        z[free] = best
        return True

    here, step = z[free], best - z[free]
    zero_at = np.full(len(free), np.inf)
    zero_at[crossing] = here[crossing] / (here[crossing] - best[crossing])
    times = np.append(np.unique(zero_at[crossing]), 1.0)
    slope = step @ (sub @ here - linear[free])
    bend = step @ sub @ step
    penalty = np.abs(here + times[:, None] * step) @ kink[free]
    t = times[np.argmin(times * slope + 0.5 * times**2 * bend + penalty)]
    z[free] = np.where(zero_at == t, 0.0, here + t * step)
    return False
