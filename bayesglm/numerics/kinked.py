"""Quadratics with kinks: argmax_z linear @ z - z' M z / 2 - kink @ |z|, M positive definite.

The answer is known once it is known which coordinates are zero and the signs of the others: the
face. `Face` holds the inverse of M on a face and changes it coordinate by coordinate, so that a
next problem that ends on nearly the same face (a next penalty on a path, a next Newton step) costs
a few products. Where that goes round in circles or loses its digits, coordinate descent with exact
solves takes over, which cannot. Sources: Judice & Pires (1994), Computers & Operations Research
21(5) (block pivoting); Lee, Battle, Raina & Ng (2006), NIPS 19, "Efficient sparse coding
algorithms" (the exact solve on a pattern of signs).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.linalg.lapack import dpotri

type Array = NDArray[np.float64]
type Indices = NDArray[np.intp]
type Mask = NDArray[np.bool_]

_MOST_PIVOTS = 60
_DEPENDENT = 1e10  # times as uncertain given the others: too little is left to compute with
# Relative to the largest pull, and to its own kink: a dual that exceeds that by less does not.
# Columns of very different scale have kinks of very different weight, one of which says nothing of
# the precision of another.
_EXACT = 1e-11


class Face:
    """Some coordinates, their signs, and the inverse of M on them.

    ``signs[j]`` is that of coordinate j; 0 for those without a kink, which are on every face, and
    for those that are not on this one.
    """

    def __init__(self, matrix: Array, kink: Array, start: Array) -> None:
        self.matrix, self.smooth = matrix, kink == 0.0
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

    def solve(self, linear: Array, kink: Array) -> Array:
        """The maximum on the face, coordinates off it being zero, improved once by its residual."""
        z = np.zeros(len(linear))
        for _ in range(2):
            pull = (linear - self.matrix @ z - kink * self.signs)[self.members]
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


def pivot(face: Face, linear: Array, kink: Array) -> Array | None:
    """The maximum, found by changing the face until it is right; None where that does not end."""
    rounding = _EXACT * np.maximum(np.abs(linear).max(initial=0.0), kink)
    limit = kink + rounding
    for _ in range(_MOST_PIVOTS):
        z = face.solve(linear, kink)
        pull = linear - face.matrix @ z
        signs = face.signs[face.members]
        out = z[face.members] * signs < 0.0
        out |= (z[face.members] == 0.0) & (signs != 0.0)
        joining = np.abs(pull) > limit
        joining[face.members] = False
        new = np.flatnonzero(joining)
        room = max(20, len(face.members))
        if len(new) > room:
            excess = np.abs(pull[new]) - kink[new]
            new = new[np.argpartition(-excess, room)[:room]]
        if not out.any() and not len(new):
            residual = (pull - kink * face.signs)[face.members]
            return z if np.all(np.abs(residual) <= rounding[face.members]) else None
        if out.any():
            face.drop(out)
        if len(new):
            face.add(new, np.sign(pull[new]))
    return None


def maximise_kinked(matrix: Array, linear: Array, kink: Array, start: Array) -> Array:
    """argmax_z linear @ z - z' M z / 2 - kink @ |z|, with exact zeros, from a start nearby.

    >>> maximise_kinked(np.eye(2), np.array([3.0, 0.5]), np.ones(2), np.zeros(2))
    array([2., 0.])
    """
    try:
        found = pivot(Face(matrix, kink, start), linear, kink)
    except LinAlgError:
        found = None
    return _kinked_quadratic(matrix, linear, kink, start) if found is None else found


def kkt_residual(gradient: Array, kink: Array, offset: Array) -> Array:
    """Distance from 0 to the superdifferential of the objective, coordinate by coordinate."""
    at_kink = np.sign(gradient) * np.maximum(np.abs(gradient) - kink, 0.0)
    return np.where(offset == 0.0, at_kink, gradient - kink * np.sign(offset))


def _kinked_quadratic(matrix: Array, linear: Array, kink: Array, start: Array) -> Array:
    """argmin_z z' M z / 2 - linear @ z + kink @ |z|, M positive definite, with exact zeros.

    Coordinate descent finds a pattern of signs, an exact solve then goes to the minimum on it, as
    far as the objective falls. Each round lowers the objective; the number of patterns is finite.
    Ends where rounding hides what is left to fall.
    """
    z = start.copy()
    pull = linear - matrix @ z
    tolerance = 1e-13 * max(np.abs(linear).max(), kink.max())
    rough = 0.05 * np.linalg.norm(kkt_residual(pull, kink, z))
    best: float = np.inf
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
        residual = np.linalg.norm(kkt_residual(pull, kink, z))
        objective = kink @ np.abs(z) - 0.5 * (linear + pull) @ z
        if residual <= tolerance or (residual <= rough and objective >= best):
            break
        best = float(objective)
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
