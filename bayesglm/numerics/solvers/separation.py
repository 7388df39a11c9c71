"""Why a maximum likelihood estimate may not exist: dependent columns, and separation.

Both look at X through blocks of rows, `blocks()` giving them afresh at each call, and hold only
p-sized arrays, one number per row, and the few rows that a linear program needs.

Sources: Albert & Anderson (1984), Biometrika 71(1); Konis (2007), Linear programming algorithms for
detecting separated data in binary logistic regression models, DPhil thesis, Oxford, chapter 4;
Correia, Guimaraes & Zylkin (2019), arXiv:1903.01633 (Poisson); Demmel et al. (2012), SIAM J. Sci.
Comput. 34(1) (QR by blocks of rows).
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.optimize import linprog

type Array = NDArray[np.float64]
type Blocks = Callable[[], Iterable[Array]]

# Distance of a unit column from the span of the others, below which it counts as inside.
_DEPENDENT = 1e-10
# The same, above which squares of the columns, added up with rounding, tell it to many digits.
_FAR_APART = 1e-3
# Rise of a row's linear predictor along a direction, down to which rounding may have made it, and
# from which on it is one. Rows are scaled to unit length and directions to a unit box.
_NEVER_LOWERS = 1e-9
_RAISES = 1e-7


def dependent_columns(blocks: Blocks) -> list[int]:
    """Indices of the columns that are linear combinations of the columns before them.

    The columns are first scaled to unit length; a column counts as dependent if less than 1e-10 of
    it lies outside the span of the independent columns before it. The Gram matrix, whose rounding
    would hide what lies below 1e-8, only tells whether all of them lie far outside.

    >>> X = np.array([[1.0, 2.0, 1.0], [1.0, 2.0, 5.0], [1.0, 2.0, 7.0]])
    >>> dependent_columns(lambda: [X[:2], X[2:]])
    [1]
    """
    return [] if _are_far_apart(blocks()) else _dependent(_triangular_factor(blocks()))


def separating_direction(blocks: Blocks, push: Array) -> Array | None:
    """A direction (p,) of coefficients along which the likelihood never falls and always rises.

    That is a d with push_i x_i.d >= 0 in every row, x_i.d = 0 where push_i = 0, and not all
    x_i.d = 0. With flat priors on these columns no maximum exists; the coefficients that diverge
    are those with d_j != 0. None if there is no such direction. Directions that change no linear
    predictor do not count: see `dependent_columns`.

    Each round maximises sum_i push_i x_i.d over the unit box of an orthonormal basis, so that
    neither the scale of the columns nor their distance from zero matters. The rows that rise are
    then taken out, and a direction for those left is added, until none rises: d ends inside the
    cone of all such directions, and names every column that diverges.

    >>> X = np.array([[1.0, -2.0], [1.0, -1.0], [1.0, 1.0], [1.0, 3.0]])
    >>> d = separating_direction(lambda: [X], np.array([-1.0, -1.0, 1.0, 1.0]))
    >>> bool(np.all(X @ d * [-1, -1, 1, 1] > 0))
    True
    >>> separating_direction(lambda: [X], np.array([-1.0, 1.0, -1.0, 1.0])) is None
    True
    """
    factor = _triangular_factor(blocks())
    basis = _orthonormal_basis(factor)
    reach = np.linalg.norm(basis, axis=1)
    full_length = np.concatenate([np.linalg.norm(b @ basis, axis=1) for b in blocks()])
    basis = basis @ _null_space(_tight_rows(blocks, basis, push, full_length), basis.shape[1])
    if basis.shape[1] == 0:
        return None

    length = np.concatenate([np.linalg.norm(b @ basis, axis=1) for b in blocks()])
    usable = (np.abs(push) == 1.0) & (length > _RAISES * full_length)
    signed = np.where(usable, push, 0.0) / np.where(usable, length, 1.0)
    left = usable
    direction, margin = np.zeros(basis.shape[1]), np.zeros(len(push))
    while np.any(left):
        found = _rising(blocks, basis, np.where(left, signed, 0.0))
        if found is None:
            break
        further = _margins(blocks, basis @ found, signed)
        undone = usable & ~left & (further < 0.0)
        share = min(1.0, 0.5 * np.min(margin[undone] / -further[undone], initial=np.inf))
        direction, margin = direction + share * found, margin + share * further
        left = left & (further <= _RAISES)
    if not np.any(direction):
        return None
    d = basis @ direction
    return np.where(np.abs(d) > _RAISES * reach * np.linalg.norm(direction), d, 0.0)


def _are_far_apart(blocks: Iterable[Array]) -> bool:
    """Say whether of each unit column much lies outside the span of those before it.

    How much are the pivots of the Gram matrix's Cholesky factor.
    """
    gram = sum((block.T @ block for block in blocks), np.zeros(()))
    size = np.sqrt(np.diagonal(gram))
    if not (np.isfinite(size).all() and np.all(size > 0.0)):
        return False
    try:
        pivots = np.diagonal(np.linalg.cholesky(gram / size / size[:, None]))
    except np.linalg.LinAlgError:
        return False
    return bool(np.all(pivots > _FAR_APART))


def _triangular_factor(blocks: Iterable[Array]) -> Array:
    """R of X = Q R, by absorbing one block of rows after the other."""
    remaining = iter(blocks)
    factor = np.linalg.qr(next(remaining), mode="r")
    for block in remaining:
        factor = np.linalg.qr(np.concatenate((factor, block)), mode="r")
    return factor


def _dependent(factor: Array) -> list[int]:
    """Gram-Schmidt, twice for full orthogonality, on the columns of R: as far apart as those of X.

    The diagonal of R alone would not do: past a dependent column it measures the distance from
    rounding errors.
    """
    basis = np.zeros((factor.shape[0], 0))
    dependent = []
    for j, column in enumerate(factor.T):
        size = np.linalg.norm(column)
        rest = column / size if size > 0.0 else column
        for _ in range(2):
            rest = rest - basis @ (basis.T @ rest)
        distance = np.linalg.norm(rest)
        if distance <= _DEPENDENT:
            dependent.append(j)
        else:
            basis = np.column_stack((basis, rest / distance))
    return dependent


def _orthonormal_basis(factor: Array) -> Array:
    """T (p, rank) such that the columns of X T are orthonormal; zero in dependent columns."""
    norm = np.linalg.norm(factor, axis=0)
    kept = np.setdiff1d(np.arange(factor.shape[1]), _dependent(factor))
    unit = np.linalg.qr(factor[:, kept] / norm[kept], mode="r")
    basis = np.zeros((factor.shape[1], len(kept)))
    basis[kept] = solve_triangular(unit, np.eye(len(kept))) / norm[kept, None]
    return basis


def _tight_rows(blocks: Blocks, basis: Array, push: Array, length: Array) -> Array:
    """Triangular factor of the rows, at unit length, on which eta must not move."""

    def rows() -> Iterator[Array]:
        for block, here in _with_rows(blocks):
            tight = (push[here] == 0.0) & (length[here] > 0.0)
            yield block[tight] @ basis / length[here][tight, None]

    return _triangular_factor(rows())


def _null_space(rows: Array, size: int) -> Array:
    """Orthonormal columns that span what the rows map to zero."""
    if len(rows) == 0:
        return np.eye(size)
    _, singular, directions = np.linalg.svd(rows)
    rank = np.count_nonzero(singular > _NEVER_LOWERS * max(singular[0], 1.0))
    return directions[rank:].T


def _with_rows(blocks: Blocks) -> Iterator[tuple[Array, slice]]:
    start = 0
    for block in blocks():
        yield block, slice(start, start + len(block))
        start += len(block)


def _margins(blocks: Blocks, direction: Array, signed: Array) -> Array:
    return signed * np.concatenate([block @ direction for block in blocks()])


def _rising(blocks: Blocks, basis: Array, signed: Array) -> Array | None:
    """f in [-1, 1]^q with signed_i (x_i basis).f >= 0 in every row and > 0 in some; or None.

    The linear program sees some rows only, joined by those that its answer violates: without
    separation a few hundred rows of many usually prove it.
    """
    candidates = np.flatnonzero(signed)
    batch = max(200, 20 * basis.shape[1])
    chosen = candidates[:: -(-len(candidates) // batch)]
    objective = sum(signed[here] @ block for block, here in _with_rows(blocks)) @ basis
    seen = np.zeros(len(signed), dtype=bool)
    constraints = np.zeros((0, basis.shape[1]))
    while True:
        seen[chosen] = True
        picked = np.zeros(len(signed), dtype=bool)
        picked[chosen] = True
        new = np.concatenate([block[picked[here]] for block, here in _with_rows(blocks)])
        new = signed[picked, None] * (new @ basis)
        constraints = np.concatenate((constraints, new))
        program = linprog(
            -objective,
            A_ub=-constraints,
            b_ub=np.zeros(len(constraints)),
            bounds=(-1.0, 1.0),
            method="highs",
            options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
        )
        if program.x is None or -program.fun <= _NEVER_LOWERS:
            return None
        margin = _margins(blocks, basis @ program.x, signed)
        violated = np.flatnonzero((margin < -_NEVER_LOWERS) & ~seen)
        if len(violated) == 0:
            rises = np.all(margin >= -_NEVER_LOWERS) and np.any(margin > _RAISES)
            return program.x if rises else None
        chosen = violated[np.argsort(margin[violated], kind="stable")[:batch]]
