"""Products of rows with the coefficients of several linear predictors, the channels of a family.

Each channel c has columns X_c of its own, and a run of the coefficients. With f_c and f_cd the
derivatives of log p in the linear predictors,

    gradient = X_c' f_c             of the run of c
    Hessian  = X_c' diag(f_cd) X_d  of the runs of c and d

Of one channel all this is a view of what the rows say themselves. Where the channels share their
columns (`Sharing`), each product with these serves all of them.
"""

from __future__ import annotations

import numpy as np

from bayesglm.numerics.rows.rows import Rows

Array = np.ndarray
# Shared columns, up to which products of all columns, for several channels at once, are faster than
# those of pairs of columns for each: measured, on one core the two met at 50 for 2, 3, 6 channels.
FEW_COLUMNS = 50


def moves(rows: Rows, W: Array) -> Array:
    """Return X_c w_c of every channel ``(channels, k, rows)`` at many w ``(k, p)``."""
    if rows.sharing is not None:
        own = rows.sharing.spread(W)
        products = rows.times(own.reshape(-1, own.shape[-1]))
        return np.ascontiguousarray(products.reshape(*own.shape[:2], -1).swapaxes(0, 1))
    if rows.channels is None:
        return rows.times(W)[None]
    pairs = zip(rows.channels, rows.by_channel, strict=True)
    return np.stack([own.times(W[:, run]) for run, own in pairs])


def predictors(rows: Rows, W: Array) -> Array:
    """Return the linear predictors; the offset is that of the first channel."""
    return with_offset(rows, moves(rows, W))


def with_offset(rows: Rows, eta: Array) -> Array:
    """Return linear predictors ``(channels, ..., rows)`` from those without an offset."""
    if isinstance(rows.offset, float) and rows.offset == 0.0:
        return eta
    if rows.channels is None:
        return eta + rows.offset
    eta[0] += rows.offset
    return eta


def adjoint(rows: Rows, S: Array) -> Array:
    """Return the gradients ``(k, p)`` that slopes ``(channels, k, rows)`` make."""
    if rows.sharing is not None:
        own = np.ascontiguousarray(S.swapaxes(0, 1))
        products = rows.adjoint(own.reshape(-1, own.shape[-1]))
        return rows.sharing.collect(products.reshape(*own.shape[:2], -1))
    if rows.channels is None:
        return rows.adjoint(S[0])
    return np.concatenate([own.adjoint(s) for own, s in zip(rows.by_channel, S, strict=True)], 1)


def gram(rows: Rows, weights: Array, members: Array | None = None, single: bool = False) -> Array:
    """Return X' diag(weights) X ``(p, p)`` of weights ``(channels, channels, rows)``."""
    if rows.sharing is not None:
        few = single and rows.sharing.n_columns <= FEW_COLUMNS and rows.all_laid
        blocks = _few_blocks(rows, weights) if few else _shared_blocks(rows, weights, single)
        whole = rows.sharing.collect_square(blocks)
        return whole if members is None else whole[np.ix_(members, members)]
    if rows.channels is None:
        return rows.gram(weights[0, 0], members, single)
    product = np.empty((rows.n_coefficients,) * 2)
    for c, (run, own) in enumerate(zip(rows.channels, rows.by_channel, strict=True)):
        product[run, run] = own.gram(weights[c, c], None, single)
        for d in range(c):
            other = rows.channels[d]
            product[run, other] = own.across(rows.by_channel[d], weights[c, d])
            product[other, run] = product[run, other].T
    return product if members is None else product[np.ix_(members, members)]


def _shared_blocks(rows: Rows, weights: Array, single: bool) -> list[list[Array]]:
    """Return X' diag(weights_cd) X of channels c and d <= c with the same columns X.

    A product of one sign is half the work, and between channels it is as often negative.
    """
    return [
        [
            rows.gram(one, None, single) if c == d else -rows.gram(-one, None, single)
            for d, one in enumerate(weights[c, : c + 1])
        ]
        for c in range(len(weights))
    ]


def _few_blocks(rows: Rows, weights: Array) -> list[list[Array]]:
    """Return the same in single precision: one product of matrices for all d of a channel."""
    assert rows.sharing is not None
    n = len(rows)
    with np.errstate(over="ignore", invalid="ignore"):
        X = np.empty((rows.sharing.n_columns, n), dtype=np.float32)
        for where, part in rows.columns:
            part.dense(X[where].T)
        heavy = weights.astype(np.float32)[:, :, None]
        blocks = [(heavy[c, : c + 1] * X).reshape(-1, n) @ X.T for c in range(len(weights))]
    return [list(block.reshape(-1, len(X), len(X))) for block in blocks]


def lines(rows: Rows, W: Array) -> Array:
    """Return w ``(k, p)`` with each channel's coefficients in a run, as `matrices` has them."""
    return W if rows.sharing is None else rows.sharing.spread(W).reshape(len(W), -1)


def matrices(rows: Rows) -> list[tuple[slice, Array]]:
    """Return the columns of every channel as a matrix, and the run of its coefficients."""
    if rows.sharing is not None:
        n = rows.sharing.n_columns
        return [(slice(c * n, c * n + n), rows.X) for c in range(rows.sharing.n_channels)]
    if rows.channels is None:
        return [(slice(0, rows.n_coefficients), rows.X)]
    pairs = zip(rows.channels, rows.by_channel, strict=True)
    return [(run, own.X) for run, own in pairs]
