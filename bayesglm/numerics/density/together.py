"""Log likelihoods that share their rows' columns, taken together: one pass over the rows for all.

Each is asked for at its own w; two matrix products serve them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from bayesglm.numerics.density.channels import adjoint, gram, predictors
from bayesglm.numerics.density.likelihood import block_rows, kernel, runs_of
from bayesglm.numerics.families.record import Family
from bayesglm.numerics.rows.rows import Rows, unpacked
from bayesglm.numerics.rows.source import Source

Array = np.ndarray
PAIRED = 200  # columns at most, where products of all pairs of columns are formed ...
PAIRS = 1 << 20  # ... for so many numbers of a block


def slopes(family: Family, source: Source, W: Array, phi: Sequence[list]) -> tuple[Array, Array]:
    """Return kernels of log likelihoods ``(k,)`` and gradients ``(k, p)``, each at its own w.

    The rows' responses are one array for all, or have a line for each. Of the log likelihoods the
    constants are missing.

    >>> from bayesglm.numerics.families.table import FAMILIES
    >>> source = Source.of(np.array([[1.0], [2.0]]), y=np.array([[1.0, 3.0], [0.0, 1.0]]))
    >>> family, W = FAMILIES["poisson", "log"], np.array([[0.0], [0.5]])
    >>> slopes(family, source, W, [[], []])[1].round(3).tolist()
    [[4.0], [-5.085]]
    """
    k, p = W.shape
    together = [np.array(every)[:, None] for every in zip(*phi, strict=True)]

    def work(run: Iterable[Rows]) -> tuple[Array, Array, Array]:
        return run_slopes(family, run, W, together)

    values, gradients, _ = zip(*source.reduce(work, block_rows(p, k)), strict=True)
    return sum(values[1:], values[0]), sum(gradients[1:], gradients[0])


def run_slopes(
    family: Family, run: Iterable[Rows], W: Array, phi: list
) -> tuple[Array, Array, Array]:
    """Return the same of one run of ranges, by no other thread, and slopes in phi ``(k, n_phi)``.

    phi has for each dispersion one number for all, or ``(k, 1)``.
    """
    k, p = W.shape
    values, gradients, of_phi = np.zeros(k), np.zeros((k, p)), np.zeros((k, len(phi)))
    for rows in run:
        d = kernel(family, rows, predictors(rows, W), phi, 1)
        values += d.value.sum(axis=1)
        gradients += adjoint(rows, d.eta)
        for number, part in enumerate(d.phi):
            of_phi[:, number] += part.sum(axis=1)
    return values, gradients, of_phi


def curvatures(family: Family, source: Source, W: Array, phi: Sequence[list]) -> Array:
    """Return minus the Hessians ``(k, p, p)`` of the same, in single precision."""
    k, p = W.shape
    paired = k > 1 and p <= PAIRED and len(family.channels) == 1
    together = [np.array(every)[:, None] for every in zip(*phi, strict=True)]

    def work(run: Iterable[Rows]) -> Array:
        total = np.zeros((k, p * (p + 1) // 2)) if paired else np.zeros((k, p, p))
        for rows in run:
            bends = -kernel(family, rows, predictors(rows, W), together, 2).eta_eta
            if paired:
                total += rows.packed_grams(bends[0, 0])
            else:
                total += [gram(rows, bends[:, :, j], single=True) for j in range(k)]
        return total

    size = PAIRS // (p * p) if paired else block_rows(p, k)
    parts = source.reduce(work, min(size, block_rows(p, k)), runs_of(p))
    total = sum(parts, np.zeros(1))
    return total if total.ndim == 3 else unpacked(total, p)
