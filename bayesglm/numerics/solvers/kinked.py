"""Quadratics with kinks: argmax_z linear @ z - z' M z / 2 - weight @ |z|, M positive definite.

Some kinks may be one-sided: their coordinates have no sign but +.

The answer is known once it is known which coordinates are zero and the signs of the others: the
face. `Face` holds the inverse of M on a face and changes it coordinate by coordinate, so that a
next problem that ends on nearly the same face (a next penalty on a path, a next Newton step) costs
a few products. Where that goes round in circles or loses its digits, `climb` takes over, which
cannot: it goes from one pattern of signs to a better one. Sources: Judice & Pires (1994), Computers
& Operations Research 21(5) (block pivoting); Lee, Battle, Raina & Ng (2006), NIPS 19, "Efficient
sparse coding algorithms" (the exact solve on a pattern of signs); Gill, Murray, Saunders & Wright
(1990), in Reliable Numerical Computation (one factor for many patterns).
"""

import numpy as np
from scipy.linalg import LinAlgError, cho_factor
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs, dtrtrs

from bayesglm.numerics.solvers.kinks import Array, Indices, Kinks, Mask

_MOST_PIVOTS = 60  # a bound on changes of the active set, of which each is a factor's update
_DEPENDENT = 1e10  # times as uncertain given the others: too little is left to compute with
# Relative to the largest pull, and to its own kink: a dual that exceeds that by less does not.
# Columns of very different scale have kinks of very different weight, one of which says nothing of
# the precision of another.
_EXACT = 1e-11
_MOST_PATTERNS = 200  # of signs that are tried: a bound
_MOST_STALLED = 3  # rounds that correct an answer, though rounding hides by how much
_MOST_HELD = 0.3  # of the coordinates of a factor: with more out, one of the others alone is faster
_RESOLVED = 1e-11  # share of a diagonal left by the others, below which it may be rounding ...
_LIFT = 1e-10  # ... and what is then added
_EPSILON = float(np.finfo(np.float64).eps)


class Face:
    """Some coordinates, their signs, and the inverse of M on them.

    ``signs[j]`` is that of coordinate j; 0 for those without a kink, which are on every face, and
    for those that are not on this one.
    """

    def __init__(self, matrix: Array, kinks: Kinks, start: Array) -> None:
        self.matrix, self.smooth = matrix, ~kinks.single
        self.restart(start)

    def restart(self, start: Array) -> None:
        """Go to the face that a point is on; raises LinAlgError where M is not definite on it."""
        self.signs = np.where(self.smooth, 0.0, np.sign(start))
        self.members = members = np.flatnonzero(self.smooth | (self.signs != 0.0))
        if not len(members):
            self.inverse = np.zeros((0, 0))
            return
        factor = cho_factor(self.matrix[np.ix_(members, members)], lower=True, check_finite=False)
        half, _ = dpotri(factor[0], lower=True)
        self.inverse = np.tril(half) + np.tril(half, -1).T

    def solve(self, linear: Array, weight: Array) -> Array:
        """The maximum on the face, coordinates off it being zero, improved once by its residual."""
        z = np.zeros(len(linear))
        for _ in range(2):
            pull = (linear - self.matrix @ z - weight * self.signs)[self.members]
            z[self.members] += self.inverse @ pull
        return z

    def drop(self, out: Mask) -> None:
        """Take members off the face, ``out`` being a mask over `members`."""
        kept, gone = self.inverse[:, ~out], self.inverse[np.ix_(out, out)]
        across = kept[out]
        self.inverse = kept[~out] - across.T @ np.linalg.solve(gone, across)
        self.signs[self.members[out]] = 0.0
        self.members = self.members[~out]

    def add(self, new: Indices, signs: Array) -> None:
        """Bring coordinates onto the face; LinAlgError where they depend on those there."""
        across = self.matrix[np.ix_(self.members, new)]
        reach = self.inverse @ across
        rest = self.matrix[np.ix_(new, new)]
        corner = np.linalg.inv(rest - across.T @ reach)
        share = np.diagonal(corner) * np.diagonal(rest)
        if not np.all((share > 0.0) & (share < _DEPENDENT)):
            raise LinAlgError("the new coordinates depend on those of the face")
        edge = -reach @ corner
        self.inverse = np.block([[self.inverse - edge @ reach.T, edge], [edge.T, corner]])
        self.signs[new] = signs
        self.members = np.concatenate((self.members, new))


def pivot(face: Face, linear: Array, kinks: Kinks) -> Array | None:
    """The maximum, found by changing the face until it is right; None where that does not end."""
    weight = kinks.weight
    rounding = _EXACT * np.maximum(np.abs(linear).max(initial=0.0), weight)
    limit = weight + rounding
    for _ in range(_MOST_PIVOTS):
        z = face.solve(linear, weight)
        pull = linear - face.matrix @ z
        signs = face.signs[face.members]
        out = z[face.members] * signs < 0.0
        out |= (z[face.members] == 0.0) & (signs != 0.0)
        push = kinks.push(pull)
        joining = push > limit
        joining[face.members] = False
        new = np.flatnonzero(joining)
        room = max(20, len(face.members))
        if len(new) > room:
            excess = push[new] - weight[new]
            new = new[np.argpartition(-excess, room)[:room]]
        if not out.any() and not len(new):
            residual = (pull - weight * face.signs)[face.members]
            return z if np.all(np.abs(residual) <= rounding[face.members]) else None
        if out.any():
            face.drop(out)
        if len(new):
            face.add(new, np.sign(pull[new]))
    return None


def maximise_kinked(matrix: Array, linear: Array, kinks: Kinks, start: Array) -> Array:
    """argmax_z linear @ z - z' M z / 2 - weight @ |z|, with exact zeros, from a start nearby.

    >>> kinks = Kinks(np.ones(2), np.zeros(2))
    >>> maximise_kinked(np.eye(2), np.array([3.0, 0.5]), kinks, np.zeros(2))
    array([2., 0.])
    """
    try:
        z = pivot(Face(matrix, kinks, start), linear, kinks)
    except LinAlgError:
        z = None
    return _by_climbing(matrix, linear, kinks, start) if z is None else z


def _by_climbing(matrix: Array, linear: Array, kinks: Kinks, start: Array) -> Array:
    """Return the same by `climb`, among coordinates that are joined by those that leave zero."""
    z, best, stalled = start.copy(), -np.inf, 0
    weight, single = kinks.weight, kinks.single
    rounding = _EXACT * np.maximum(np.abs(linear).max(initial=0.0), weight)
    for _ in range(_MOST_PATTERNS):
        pull = linear - matrix @ z
        objective = float(0.5 * (linear + pull) @ z - weight @ np.abs(z))
        excess = np.where((z == 0.0) & single, kinks.push(pull) - weight - rounding, 0.0)
        joining = np.flatnonzero(excess > 0.0)
        stalled = 0 if objective > best else stalled + 1
        if stalled > _MOST_STALLED:
            break
        best = max(best, objective)
        room = max(20, np.count_nonzero(z))
        joining = joining[np.argsort(-excess[joining], kind="stable")[:room]]
        on = np.union1d(np.flatnonzero((z != 0.0) | ~single), joining)
        signs = np.where(z != 0.0, np.sign(z), np.sign(pull)) * single
        before, z = z, np.zeros(len(z))
        curved = Curved(matrix[np.ix_(on, on)])
        z[on] = climb(curved, pull[on], kinks.take(on), before[on], signs[on])
        if not len(joining) and np.all(np.abs(z - before) <= _EXACT * np.abs(z)):
            break
    return z


class Curved:
    """Coordinates of a quadratic, with the Cholesky factor of its matrix on them, which may grow.

    Some may be held at zero without a new factor: where those ``out`` are zero the maximum of
    v @ z - z' M z / 2 is u - C C_out^-1 u_out, with u = M^-1 v and C their columns of M^-1.
    """

    def __init__(self, matrix: Array) -> None:
        added, self.factor = _definite(matrix, np.diagonal(matrix))
        self.matrix = matrix + np.diag(added)

    def grow(self, across: Array, corner: Array) -> None:
        """Add coordinates: their products with those here ``(old, new)`` and with one another."""
        old, both = len(self.matrix), sum(across.shape)
        edge, _ = dtrtrs(self.factor, across, lower=True)
        added, last = _definite(corner - edge.T @ edge, np.diagonal(corner))
        factor, matrix = np.zeros((both, both), order="F"), np.empty((both, both))
        factor[:old, :old], factor[old:, :old], factor[old:, old:] = self.factor, edge.T, last
        matrix[:old, :old], matrix[:old, old:], matrix[old:, :old] = self.matrix, across, across.T
        matrix[old:, old:] = corner + np.diag(added)
        self.matrix, self.factor = matrix, factor

    def solve(self, v: Array) -> Array:
        """Return M^-1 v, of one v or of many columns."""
        return dpotrs(self.factor, v, lower=True)[0] if v.size else v

    def length(self, step: Array) -> float:
        """Return sqrt(step' M step), which no rounding makes negative."""
        return float(np.linalg.norm(step @ self.factor))


def _definite(matrix: Array, size: Array) -> tuple[Array, Array]:
    """Return what to add to the diagonal of a matrix, of such a size, and the Cholesky factor then.

    It shortens steps in directions that have next to no curvature, whose inverse would otherwise be
    made up by rounding. Kinks end such steps early all the same.
    """
    m, size = len(matrix), np.where(size > 0.0, size, 1.0)
    tau = max(m, 1) * _EPSILON
    while True:
        raised = matrix.copy()
        raised.flat[:: m + 1] += tau * size
        factor, failed = dpotrf(raised.T, lower=True) if m else (raised, 0)
        share = np.square(factor.diagonal()) / size
        if not failed and (tau >= _LIFT or np.all(share > _RESOLVED)) and np.isfinite(share).all():
            return tau * size, factor
        if not tau < 1e6:
            raise LinAlgError("the matrix is not finite")
        tau = max(10.0 * tau, _LIFT)


class Held:
    """Coordinates of a `Curved` that are held at zero, with their columns of the inverse."""

    def __init__(self, curved: Curved, out: Indices) -> None:
        self.curved, self.out = curved, np.zeros(0, dtype=np.intp)
        self.columns = np.zeros((len(curved.matrix), 0), order="F")
        self.add(out)

    def add(self, new: Indices) -> None:
        """Hold others too."""
        units = np.zeros((len(self.columns), len(new)), order="F")
        units[new, np.arange(len(new))] = 1.0
        self.out = np.concatenate((self.out, new))
        self.columns = np.concatenate((self.columns, self.curved.solve(units)), axis=1)

    def release(self, which: Mask) -> None:
        """Let some of those go."""
        self.out, self.columns = self.out[~which], self.columns[:, ~which]

    def whole(self, v: Array) -> Array:
        """Return M^-1 v, where what v is of those held, which says nothing, is taken for zero."""
        v = v.copy()
        v[self.out] = 0.0
        return self.curved.solve(v)

    def maximum(self, free: Array) -> Array:
        """Return the maximum with those held at zero, from that without."""
        if not len(self.out):
            return free
        found = free - self.columns @ np.linalg.solve(self.columns[self.out], free[self.out])
        found[self.out] = 0.0
        return found


def climb(curved: Curved, pull: Array, kinks: Kinks, z: Array, signs: Array) -> Array:
    """Return the z' that maximises pull @ (z' - z) - (z' - z)' M (z' - z) / 2 - weight @ |z'|.

    ``signs`` are the sides of their kinks on which coordinates start: those of z, of coordinates at
    zero where they are to go, and 0 of those that stay there. It goes to the maximum on the
    pattern, or to the best point where one of its coordinates reaches zero; and from a maximum to
    the pattern with those that should leave zero. Each round is better than the last, and the
    number of patterns is finite; after 200 it returns where it is.
    """
    at, first, signs, weight = z, pull, signs.copy(), kinks.weight
    held = Held(curved, np.flatnonzero(kinks.single & (signs == 0.0)))
    rounding = _EXACT * np.maximum(np.abs(pull).max(initial=0.0), weight)
    free = at + held.whole(first - weight * signs)
    for _ in range(_MOST_PATTERNS):
        best = held.maximum(free)
        crossing = best * signs < 0.0
        if crossing.any():
            t, gone, beyond = _best_crossing(z, best, kinks, signs, pull, crossing)
            z, pull = z + t * (best - z), pull + t * (weight * signs - pull)
            z[gone], signs[gone] = 0.0, 0.0
            held.add(gone)
            if len(beyond):
                signs[beyond] *= -1.0
                free = at + held.whole(first - weight * signs)
            if len(held.out) > _MOST_HELD * len(z) + 20:
                pull = first - curved.matrix @ (z - at)
                return _climb_alone(curved, pull, kinks, z, signs)
            continue
        z = best
        pull = first - curved.matrix @ (z - at)
        joining = kinks.push(pull)[held.out] > (weight + rounding)[held.out]
        if not joining.any():
            return z
        signs[held.out[joining]] = np.sign(pull[held.out[joining]])
        held.release(joining)
        free = at + held.whole(first - weight * signs)
    return z


def _climb_alone(curved: Curved, pull: Array, kinks: Kinks, z: Array, signs: Array) -> Array:
    """Go on without the coordinates that are at zero now."""
    on = np.flatnonzero(~kinks.single | (signs != 0.0))
    found = np.zeros(len(z))
    some = Curved(curved.matrix[np.ix_(on, on)])
    found[on] = climb(some, pull[on], kinks.take(on), z[on], signs[on])
    return found


def _best_crossing(
    z: Array, best: Array, kinks: Kinks, signs: Array, pull: Array, crossing: Mask
) -> tuple[float, Indices, Indices]:
    """Return the best part of the way to ``best`` where coordinates reach zero, and which do.

    The last are those that came out on the other side of zero before.

    On the way the slope of the quadratic falls as that of a parabola does, and each crossing turns
    the slope of one kink round. Beyond the first bound there is no way.
    """
    step, weight = best - z, kinks.weight
    there = np.full(len(z), np.inf)
    there[crossing] = z[crossing] / (z[crossing] - best[crossing])
    order = np.flatnonzero(crossing)[np.argsort(there[crossing], kind="stable")]
    if kinks.one_sided is not None and kinks.one_sided[order].any():
        last = there[order[np.argmax(kinks.one_sided[order])]]
        order = order[there[order] <= last]
    times = there[order]
    bend = step @ (pull - weight * signs)
    lost = 2.0 * np.abs(step[order]) * weight[order]
    # The objective at each crossing as if no kink had turned round, less what those behind cost.
    turned = np.concatenate(([0.0], np.cumsum(lost)[:-1]))
    begun = np.concatenate(([0.0], np.cumsum(lost * times)[:-1]))
    gain = times * (1.0 - 0.5 * times) * bend - (times * turned - begun)
    t = float(times[np.argmax(gain)])
    return t, order[times == t], order[times < t]
