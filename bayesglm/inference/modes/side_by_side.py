"""Quasi-Newton of many members of a population with one curvature for all.

Members of a coupled population read columns of their own, all out of one set: their Hessians are
X' diag(mu) X of some of these columns, each with the mean responses mu of its own. Beside what the
prior adds, they hardly differ but in size where rates vary less than columns do: one Gram matrix of
all columns, whose rows are weighted as they are for the average member, gives each an inverse that
leads to its mode in a dozen steps, and each step is a few products for all members together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.linalg.lapack import spotrf, spotri

from bayesglm.design.members import joint_source
from bayesglm.inference.modes.panel import Panel, designs_of, joint_slopes, samples_of, starts_of
from bayesglm.inference.modes.router import sample_size
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.channels import predictors
from bayesglm.numerics.density.likelihood import block_rows, kernel
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.rows.rows import Rows
from bayesglm.numerics.solvers.newton import Solution
from bayesglm.numerics.solvers.quasi import quasi_newton

Array = np.ndarray
MANY = 8  # members from which on one curvature serves all: chosen; with few each has its own
RUN = 256  # neighbouring rows of a sample: chosen, fewer are read as slowly as all
SHARE = 4  # of the rows, one in so many tells the common curvature: chosen
MOST_HELD = 250_000_000  # numbers (4 bytes each) of all members' inverses: chosen, 1 GB
LEAST_PIVOT = 1e-4  # of a unit diagonal, above which single precision tells an inverse
MOST_STEPS = 200


class Curvatures(NamedTuple):
    """Each member's approximate inverse curvature ``(k, p, p)``, in single precision."""

    inverses: Array

    def times(self, v: Array, who: Array) -> Array:
        """Return the products ``(m, p)`` of the inverses of some members with a line each."""
        lines = v.astype(np.float32)
        pairs = zip(lines, who, strict=True)
        return np.stack([self.inverses[k] @ line for line, k in pairs]).astype(np.float64)


def goes_together(problems: Sequence[Problem], objectives: Sequence[Objective]) -> bool:
    """Say whether members are so many that one curvature is to serve all, and few enough for it."""
    p = objectives[0].n_coefficients
    return len(problems) >= MANY and len(problems) * p * p <= MOST_HELD


def side_by_side(
    problems: Sequence[Problem], objectives: Sequence[Objective], enough: float
) -> tuple[list[Solution], Array] | None:
    """Climb from the members' starts; what `quasi_newton` returns, or None.

    That is where the common curvature leaves some direction of a member next to nothing.
    """
    designs, x = designs_of(problems), starts_of(problems, objectives)
    n, p = problems[0].design.n_rows, objectives[0].n_coefficients
    sample = samples_of(problems, objectives, max(n // SHARE, sample_size(n, p)), RUN)
    curvatures = _common(sample, x)
    if curvatures is None:
        return None
    climb = partial(
        quasi_newton,
        partial(joint_slopes, designs, objectives),
        curvatures.times,
        solver="quasi-newton, side by side",
        max_iter=MOST_STEPS,
        enough=enough,
    )
    found, _ = climb(x0=x, sd=_widths(sample, x))
    near = np.stack([one.x for one in found])
    # Whether it is the mode is asked by the curvature there.
    last, converged = climb(x0=near, sd=_widths(sample, near))
    pairs = zip(found, last, strict=True)
    return [end._replace(n_iter=one.n_iter + end.n_iter) for one, end in pairs], converged


def _bends(panel: Panel, x: Array) -> Array:
    """Return minus the second derivatives in eta of each member's rows, ``(k, rows)``."""
    designs, objectives = panel
    source = joint_source(designs)
    bends = np.empty((len(x), source.n_rows), dtype=np.float32)
    phi = [one.phi(w) for one, w in zip(objectives, x, strict=True)]
    together = [np.array(every)[:, None] for every in zip(*phi, strict=True)]

    def work(run: Iterable[Rows]) -> None:
        for rows in run:
            here = kernel(objectives[0].family, rows, predictors(rows, x), together, 2)
            assert here.eta_eta is not None
            bends[:, rows.place] = -here.eta_eta[0, 0]

    source.reduce(work, block_rows(x.shape[1], len(x)))
    return bends


def _common(panel: Panel, x: Array) -> Curvatures | None:
    """Return inverses of one Gram matrix times each member's mean curvature, beside its prior."""
    designs, objectives = panel
    bends = _bends(panel, x)
    sizes = bends.mean(axis=1)
    weights = (bends / np.where(sizes > 0.0, sizes, 1.0)[:, None]).mean(axis=0)
    columns: list[Array] = []

    def work(run: Iterable[Rows]) -> Array:
        total = None
        for rows in run:
            laid, numbers = rows.together()
            own = laid.gram(weights[rows.place], True)
            total = own.astype(np.float64) if total is None else total + own
            columns[:] = [numbers]
        assert total is not None
        return total

    source = joint_source(designs)
    gram = sum(source.reduce(work, block_rows(x.shape[1]), 1), np.zeros(()))
    (numbers,) = columns
    p = x.shape[1]
    inverses, hessian = np.empty((len(x), p, p), dtype=np.float32), np.empty((p, p))
    mean = max(float(weights.mean()), np.finfo(np.float32).tiny)
    for k, (one, w) in enumerate(zip(objectives, x, strict=True)):
        np.multiply(gram[np.ix_(numbers[k], numbers[k])], -sizes[k] / mean, out=hessian)
        one.priors.add_curvature(w, hessian)
        if not _invert(np.negative(hessian, out=hessian), inverses[k]):
            return None
    return Curvatures(inverses)


def _invert(curvature: Array, out: Array) -> bool:
    """Write the inverse to ``out``, and say whether it is one as far as single precision tells."""
    scale = 1.0 / np.sqrt(np.maximum(np.diagonal(curvature), np.finfo(np.float64).tiny))
    scaled = np.multiply(curvature, scale[:, None], dtype=np.float32, casting="same_kind")
    scaled *= scale.astype(np.float32)
    factor, failed = spotrf(scaled.T, lower=True, overwrite_a=True)
    if failed or not factor.diagonal().min(initial=1.0) ** 2 > LEAST_PIVOT:
        return False
    inverse, _ = spotri(factor, lower=True, overwrite_c=True)
    low = np.tril(inverse, -1)
    np.add(low, low.T, out=out)
    out.flat[:: len(out) + 1] += inverse.diagonal()
    out *= scale.astype(np.float32)[:, None]
    out *= scale.astype(np.float32)
    return bool(np.isfinite(out.sum()))


def _widths(panel: Panel, x: Array) -> Array:
    """Return what the curvature of a sample leaves of each coordinate ``(k, p)``: H_jj^-1/2."""
    designs, objectives = panel
    bends = _bends(panel, x)

    def work(run: Iterable[Rows]) -> Array:
        total = np.zeros(x.shape)
        for rows in run:
            laid, numbers = rows.together()
            squares = bends[:, rows.place] @ np.square(laid.dense(), dtype=np.float32)
            total += np.take_along_axis(squares, numbers, axis=1)
        return total

    of_rows = sum(joint_source(designs).reduce(work, block_rows(x.shape[1])), np.zeros(()))
    pairs = zip(objectives, x, strict=True)
    total = of_rows + np.stack([one.priors.diagonal(w) for one, w in pairs])
    return 1.0 / np.sqrt(np.where(total > 0.0, total, 1.0))
