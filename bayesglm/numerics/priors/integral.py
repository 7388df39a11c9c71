"""Integrals over the whole line, by the trapezoidal rule."""

from collections.abc import Callable

import numpy as np
from scipy.special import logsumexp

from bayesglm.numerics.priors.record import Array

FURTHEST = 300.0  # exp of twice which is a float
LITTLE = 45.0  # nats below the largest value, where next to nothing is left
# Of the logarithm, between one spacing and half of it: the error of the finer is its square.
SETTLED = 1e-7
MOST_HALVINGS = 40
MOST_NODES = 20_000  # where rounding of a function lets its integral settle no better
SLOWEST = 1e-6  # fall beyond the ends, in nats for each step of one, below which there is none


def log_integral(log_f: Callable[[Array], Array], furthest: float = FURTHEST) -> Array:
    """Return log of the integral of exp(log_f(u)) over u.

    ``log_f`` takes several u ``(k,)`` and returns arrays ``(k, ...)``. Where a function is analytic
    near the line and falls to zero on both sides, the error of the trapezoidal rule falls
    exponentially with the spacing (Trefethen & Weideman 2014, SIAM Review 56, 385, theorem 5.1),
    which is halved until the integral has settled. Beyond ``furthest`` on both sides the function
    is continued as an exponential; where it does not fall there, its integral is infinite.

    >>> log_integral(lambda u: -np.square(u)[:, None]).round(12).tolist()
    [0.572364942925]
    >>> float(log_integral(lambda u: np.minimum(u, 0.0)))
    inf
    """
    step = 1.0
    nodes = np.arange(-furthest, furthest + 0.5 * step, step)
    values = log_f(nodes)
    top = values.max(axis=0)
    ends = (_Tail(values[0], values[1], top), _Tail(values[-1], values[-2], top))

    def total() -> Array:
        beyond = np.logaddexp(*(end.log_sum(step) for end in ends))
        return np.log(step) + np.logaddexp(logsumexp(values, axis=0), beyond)

    found = total()
    for _ in range(MOST_HALVINGS):
        worth = (values > values.max(axis=0) - LITTLE).reshape(len(nodes), -1).any(axis=1)
        places = np.flatnonzero(worth)
        if not len(places):  # zero everywhere
            break
        some = slice(max(places[0] - 1, 0), places[-1] + 2)
        nodes, values, step = nodes[some], values[some], 0.5 * step
        between = 0.5 * (nodes[1:] + nodes[:-1])
        values = np.insert(values, np.arange(1, len(nodes)), log_f(between), axis=0)
        nodes = np.insert(nodes, np.arange(1, len(nodes)), between)
        before, found = found, total()
        with np.errstate(invalid="ignore"):
            settled = np.abs(found - before) < SETTLED
        if np.all(settled | np.isinf(found)) or len(nodes) > MOST_NODES:
            break
    return found


class _Tail:
    """What lies beyond an end: a function that goes on as its last two values say."""

    def __init__(self, last: Array, before: Array, top: Array) -> None:
        matters = last > top - LITTLE
        self.last = np.where(matters, last, -np.inf)
        self.fall = np.subtract(before, last, out=np.ones(np.shape(last)), where=matters)

    def log_sum(self, step: float) -> Array:
        """Return the logarithm of the sum of its values at all nodes beyond the end."""
        summed = self.last - np.log(np.expm1(np.maximum(self.fall, SLOWEST) * step))
        return np.where(self.fall > SLOWEST, summed, np.inf)
