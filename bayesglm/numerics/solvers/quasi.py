"""Quasi-Newton: maxima of smooth functions from gradients and an approximate curvature.

L-BFGS whose initial matrix is an approximation of the inverse curvature, so that few steps are
needed: for a GLM the Hessian of a sample of rows, or the diagonal with the prior's own structure.
Many functions go on side by side, each with its own steps, in arrays of one row each; those that
have converged retire. Sources: Nocedal & Wright (2006), Numerical Optimization, algorithms 7.4 and
3.1; Hager & Zhang (2005), SIAM J. Optim. 16(1), 4.1 (accepting steps that rounding hides).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bayesglm.numerics.solvers.newton import OPTIMAL, Solution, arrived

Array = np.ndarray
# Relative to 1 + |objective|: gains below drown in the rounding of a sum over rows, and the slope
# at the end of a step has to tell whether it was a good one.
_HIDDEN = 1e-9  # relative to 1 + |objective|: changes that rounding may hide
_SHORTEST = 1e-8  # share of a step, below which the search along it has failed
_NEARER = 0.01  # times the gain of a last step that is still taken, at an end that is looked at
_SURE = 0.7 * OPTIMAL  # by standard deviations that may be those of a sample of rows
_MADE_UP = 1e-13  # of the largest curvature: less may be rounding
_ARRIVED = 1e-14  # square of the length, in posterior sds, of what a Newton step may lack


def newton_step(
    times: Callable[[Array], Array],
    precondition: Callable[[Array], Array],
    gradient: Array,
    floor: float | None = None,
    max_iter: int = 1000,
) -> Array | None:
    """Solve A s = gradient by conjugate gradients, A and B known from their products only.

    They go on until what is missing of s is sure to be shorter than an arrival, no v'A v being less
    than ``floor`` times v'B^-1 v, where B is what ``precondition`` multiplies by; without a floor,
    as far as the least curvature met so far can tell. A small gradient alone means little: a
    direction may have next to no curvature. None where A is not definite, or rounding could have
    made up the curvature of a direction.

    >>> newton_step(lambda v: v * [1.0, 1e6], lambda v: v, np.array([3.0, 1e6])).round(9).tolist()
    [3.0, 1.0]
    """
    s, rest = np.zeros_like(gradient), gradient.copy()
    direction = precondition(rest)
    unit = rest.copy()  # the direction before preconditioning
    left = float(rest @ direction)
    least, most = np.inf if floor is None else floor, 0.0
    for _ in range(max_iter):
        if left == 0.0:
            return s
        bent = times(direction)
        bend = float(direction @ bent)
        if not bend > 0.0:
            return None
        curvature = bend / float(direction @ unit)
        most = max(most, curvature)
        least = min(least, curvature) if floor is None else floor
        if not least > _MADE_UP * most:
            return None
        s = s + left / bend * direction
        rest = rest - left / bend * bent
        conditioned = precondition(rest)
        before, left = left, float(rest @ conditioned)
        if left <= _ARRIVED * least:
            return s
        direction = conditioned + left / before * direction
        unit = rest + left / before * unit
    return None


def least_curvature(
    times: Callable[[Array], Array],
    precondition: Callable[[Array], Array],
    flat: Array,
    held: float,
) -> float:
    """Return a bound from below on v'A v / v'B^-1 v, A known from its products, B from its own.

    A gives directions in the span of ``flat``, orthonormal by B^-1, at least c^2, their own least
    curvature, and others at least ``held`` besides what the likelihood adds. With l^2 the largest
    curvature, a mixture of which the others are a part t <= c / (2 (c + l)) has at least
    (sqrt(1 - t^2) c - l t)^2 >= c^2 / 8, and one with a larger part at least held t^2.

    >>> A = np.array([[1.0, 0.9], [0.9, 1.1]])
    >>> bound = least_curvature(lambda v: A @ v, lambda v: v, np.array([[1.0, 0.0]]), 0.1)
    >>> bool(0.0 < bound < np.linalg.eigvalsh(A)[0])
    True
    """
    if not len(flat):
        return held
    own = flat @ np.array([times(row) for row in flat]).T
    c = float(np.sqrt(max(np.linalg.eigvalsh(own)[0], 0.0)))
    largest = 0.0
    v = np.asarray(np.random.default_rng(0).normal(size=flat.shape[1]))
    v = v * np.sqrt(np.abs(precondition(np.ones_like(v))))
    for _ in range(10):
        bent = times(v)
        step = precondition(bent)
        largest = max(largest, float(step @ bent) / float(v @ bent))
        v = step / np.linalg.norm(step)
    t = 0.5 * c / (c + np.sqrt(2.0 * largest))
    return min(held * t * t, c * c / 8.0)


@dataclass
class _State:
    """The functions that go on: where they are, and the step each of them tries."""

    who: Array
    x: Array
    value: Array
    gradient: Array
    direction: Array
    gain: Array
    t: Array

    def take(self, keep: Array) -> _State:
        return _State(*(part[keep] for part in vars(self).values()))


class _Memory:
    """The last steps s and changes of slope y, newest last, and the product with the inverse."""

    def __init__(self, precondition: Callable[[Array, Array], Array], size: int) -> None:
        self.precondition, self.size = precondition, size
        self.pairs: list[tuple[Array, Array, Array]] = []
        self.scale: Array | None = None

    def add(self, s: Array, y: Array, who: Array) -> None:
        """Keep a pair where the function is concave between its ends; elsewhere it does nothing."""
        product = (s * y).sum(axis=1)
        bent = product > 1e-12 * np.linalg.norm(s, axis=1) * np.linalg.norm(y, axis=1)
        weight = np.where(bent, 1.0 / np.where(bent, product, 1.0), 0.0)
        self.pairs = [*self.pairs, (s, y, weight)][-self.size :]
        reach = (y * self.precondition(y, who)).sum(axis=1)
        scale = np.where(bent & (reach > 0.0), product / np.where(reach > 0.0, reach, 1.0), 1.0)
        before = np.ones(len(who)) if self.scale is None else self.scale
        self.scale = np.where(bent, scale, before)

    def take(self, keep: Array) -> None:
        self.pairs = [(s[keep], y[keep], weight[keep]) for s, y, weight in self.pairs]
        self.scale = None if self.scale is None else self.scale[keep]

    def times(self, gradient: Array, who: Array) -> Array:
        q, shares = gradient.copy(), []
        for s, y, weight in reversed(self.pairs):
            share = weight * (s * q).sum(axis=1)
            q -= share[:, None] * y
            shares.append(share)
        q = self.precondition(q, who)
        if self.scale is not None:
            q = self.scale[:, None] * q
        for (s, y, weight), share in zip(self.pairs, reversed(shares), strict=True):
            q += (share - weight * (y * q).sum(axis=1))[:, None] * s
        return q


def quasi_newton(
    evaluate: Callable[[Array, Array], tuple[Array, Array]],
    precondition: Callable[[Array, Array], Array],
    x0: Array,
    *,
    solver: str,
    memory: int = 10,
    max_iter: int = 100,
    enough: float = 0.0,
    sd: Array | None = None,
) -> tuple[list[Solution], Array]:
    """Maximise k smooth functions of p numbers from ``x0 (k, p)``, side by side.

    ``evaluate(x, who)`` gives values ``(m,)`` and gradients ``(m, p)`` of the functions numbered
    ``who`` at their rows of x; ``precondition(v, who)`` multiplies by an approximation of each
    one's inverse curvature. Returns a `Solution` for each, and which of them have converged: those
    that have `arrived`, or whose next step promises no more than ``enough``. By ``sd (k, p)``, what
    each curvature leaves of each coordinate, the slopes must be those of a maximum (`OPTIMAL`)
    where they end. Without, they still take the last step, and end where nobody has looked. The
    others are the best points found.

    >>> def evaluate(x, who):
    ...     return -0.5 * (x**2 * [1.0, 9.0]).sum(1), -x * [1.0, 9.0]
    >>> found, converged = quasi_newton(
    ...     evaluate, lambda v, who: v / [1.0, 8.0], np.ones((1, 2)), solver="demo"
    ... )
    >>> bool(converged.all()), bool(np.abs(found[0].x).max() < 1e-6)
    (True, True)
    """
    k = len(x0)
    found: list[Solution | None] = [None] * k
    converged = np.zeros(k, dtype=bool)
    store = _Memory(precondition, memory)
    everyone = np.arange(k)
    value, gradient = evaluate(x0, everyone)
    state = _aimed(
        _State(everyone, x0, value, gradient, gradient, value, np.ones(k)), store, np.ones(k, bool)
    )
    for n_iter in range(max_iter + 1):
        bad = ~np.isfinite(state.value) | ~np.isfinite(state.gain) | (state.t < _SHORTEST)
        least, residual = arrived(state.value), np.full(len(state.who), np.inf)
        if sd is not None:
            least = np.maximum(_NEARER * least, _ARRIVED)
            residual = np.abs(state.gradient * sd[state.who]).max(axis=1, initial=0.0)
        settled = ~bad & (state.gain <= np.maximum(least, enough))
        settled &= (residual <= _SURE) | (sd is None)
        out = bad | settled | (n_iter == max_iter)
        for j in np.flatnonzero(out):
            further = bool(settled[j]) and sd is None
            one = _solution(state, int(j), n_iter, solver, further)
            found[state.who[j]] = one._replace(residual=float(residual[j]))
        converged[state.who[settled]] = True
        if out.all():
            break
        if out.any():
            state = state.take(~out)
            store.take(~out)
        trial = state.x + state.t[:, None] * state.direction
        with np.errstate(over="ignore", invalid="ignore"):
            value, gradient = evaluate(trial, state.who)
        good = _acceptable(state, value, gradient)
        steps = np.where(good[:, None], trial - state.x, 0.0)
        store.add(steps, np.where(good[:, None], state.gradient - gradient, 0.0), state.who)
        state.x = np.where(good[:, None], trial, state.x)
        state.value = np.where(good, value, state.value)
        state.gradient = np.where(good[:, None], gradient, state.gradient)
        state.t = np.where(good, 1.0, 0.25 * state.t)
        state = _aimed(state, store, good)
    return [one for one in found if one is not None], converged


def _aimed(state: _State, store: _Memory, renew: Array) -> _State:
    """Give the chosen functions the direction of their next step."""
    direction = store.times(state.gradient, state.who)
    state.direction = np.where(renew[:, None], direction, state.direction)
    state.gain = (state.gradient * state.direction).sum(axis=1)
    return state


def _acceptable(state: _State, value: Array, gradient: Array) -> Array:
    """Armijo's condition; where rounding hides the gain, the slope must not have turned."""
    size = 1.0 + np.abs(state.value)
    promised = state.t * state.gain
    with np.errstate(invalid="ignore"):
        risen = value >= state.value + 1e-4 * promised
        hidden = promised <= _HIDDEN * size
        slope = (gradient * state.direction).sum(axis=1)
        level = np.abs(value - state.value) <= _HIDDEN * size
    possible = np.isfinite(value) & np.isfinite(gradient).all(axis=1)
    return possible & (risen | (hidden & level & (slope >= -0.9 * state.gain)))


def _solution(state: _State, j: int, n_iter: int, solver: str, further: bool) -> Solution:
    """Return where one of them is, or where it goes next, with the gradient of where it is."""
    return Solution(
        x=state.x[j] + state.direction[j] if further else state.x[j],
        value=float(state.value[j] + 0.5 * state.gain[j] * further),
        gradient_norm=float(np.linalg.norm(state.gradient[j])),
        n_iter=n_iter,
        solver=solver,
        decrement=float(np.sqrt(max(state.gain[j], 0.0))),
        residual=np.inf,
        resolved=True,
    )
