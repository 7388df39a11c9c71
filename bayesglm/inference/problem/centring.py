"""Centred problems: the same posterior where predictors, offset or response lie far from zero.

A flat intercept b takes up whatever is subtracted from columns, offset o or, with the identity
link, the response y. With a = b + c'w + o0 - y0,

    b + x'w + o - y  =  a + (x - c)'w + (o - o0) - (y - y0)

and as the Jacobian is one and the prior flat, (a, w) has the density that (b, w) has. In it no
digits are lost to numbers that are large beside how they vary. What the data hold is subtracted
from them once, which is exact next to their mean; the way back is one sum.

Of several channels each intercept takes up what its own w moves; those that sum to zero lose what
all have in common, which moves no probability. Flat cutpoints take it up in an intercept's place:
the first of them in theta, beside which the others stand, and with the other sign,

    c_k - x'w - o  =  (c_k - c'w - o0) - (x - c)'w - (o - o0)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.design import Design, Predictors
from bayesglm.inference.draws import Draws
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.solvers.newton import Solution

Array = np.ndarray
FAR = 10.0  # standard deviations from zero, from which on digits are lost
FEW = 200  # rows that tell which columns lie that far


@dataclass(frozen=True)
class Centred:
    """A problem whose theta holds a = b + shift w - constant in the places of the intercepts.

    ``shift`` is ``(intercepts, p)``. Where nothing lies far from zero it is the problem itself, and
    ``shift`` None.
    """

    problem: Problem
    shift: Array | None = None
    constant: float = 0.0
    place: slice = slice(0, 1)

    def beside(self, place: slice) -> Centred:
        """Return the same for thetas without some coefficients, which it does not move.

        The others have to stand in theta as they are.
        """
        if self.shift is None:
            return self
        assert self.problem.unconstrained.registry.straight
        size = place.stop - place.start
        shift = np.delete(self.shift, np.arange(place.start, place.stop), axis=1)
        start, stop = (
            x - size if x >= place.stop else x for x in (self.place.start, self.place.stop)
        )
        return replace(self, shift=shift, place=slice(start, stop))

    def alike(self, problem: Problem) -> Centred:
        """Return another problem on the same design, whose data are moved as they were here."""
        if self.shift is None:
            return Centred(problem)
        moved = Moved(self.problem.design, self.shift, self.constant, self.place)
        return _centred(problem, moved)

    def raw(self, theta: Array) -> Array:
        """Return thetas ``(..., size)`` of the problem as it was."""
        if self.shift is None:
            return theta
        moved = np.array(theta)
        moved[..., self.place] += self.constant - theta[..., : self.shift.shape[1]] @ self.shift.T
        return moved

    def raw_unconstrained(self, theta: Array) -> Array:
        """Return the same of thetas of the unconstrained density."""
        if self.shift is None:
            return theta
        registry = self.problem.unconstrained.registry
        natural = registry.natural_coefficients(theta)
        return registry.inner_coefficients(self.raw(natural))

    def inner(self, theta: Array) -> Array:
        """Return what `raw` turns into given thetas."""
        if self.shift is None:
            return theta
        moved = np.array(theta)
        moved[..., self.place] -= self.constant
        moved[..., self.place] += theta[..., : self.shift.shape[1]] @ self.shift.T
        return moved

    def raw_solution(self, solution: Solution) -> Solution:
        """Return a solution at the theta of the problem as it was."""
        return solution._replace(x=self.raw(solution.x))

    def raw_covariance(self, covariance: Array) -> Array:
        """Return the covariance of raw thetas, or of their coefficients."""
        if self.shift is None:
            return covariance
        moved, p = np.array(covariance), self.shift.shape[1]
        moved[self.place] -= self.shift @ moved[:p]
        moved[:, self.place] -= moved[:, :p] @ self.shift.T
        return moved

    def raw_draws(self, draws: Draws) -> Draws:
        """Return draws as those of the problem as it was."""
        gaussian = draws.gaussian
        if self.shift is None:
            return draws
        theta = self.raw_unconstrained(draws.theta)
        if gaussian is not None:
            same = gaussian.raw is draws.theta
            of_top = self if gaussian.top is None else self._among(gaussian.top)
            gaussian = replace(
                gaussian,
                mode=of_top.raw_unconstrained(gaussian.mode),
                covariance=of_top.raw_covariance(gaussian.covariance),
                raw=theta if same else self.raw_unconstrained(gaussian.raw),
            )
        return replace(draws, theta=theta, gaussian=gaussian)

    def _among(self, top: Array) -> Centred:
        """Return the same of some places of theta, all of those that are moved among them."""
        assert self.shift is not None
        of_w = top[top < self.shift.shape[1]]
        place = slice(*np.searchsorted(top, (self.place.start, self.place.stop)).tolist())
        return replace(self, shift=self.shift[:, of_w], place=place)


class Moved(NamedTuple):
    """A design from whose columns centres were subtracted; see `Centred`."""

    design: Design
    shift: Array
    constant: float
    place: slice


def centred(problem: Problem) -> Centred:
    """Return one problem centred."""
    return centred_all([problem])[0]


def centred_all(problems: Sequence[Problem]) -> list[Centred]:
    """Return problems centred; those that shared their predictors, or all data, still do."""
    of_predictors: dict[int, tuple[Predictors, Array]] = {}
    of_parts: dict[tuple[int, int], tuple[Any, Any]] = {}
    of_designs: dict[int, Moved] = {}
    centres = []
    for problem in problems:
        design, predictors = problem.design, problem.design.predictors
        place = _flat_place(problem)
        if place is None:
            centres.append(Centred(problem))
            continue
        if id(design) not in of_designs:
            if id(predictors) not in of_predictors:
                of_predictors[id(predictors)] = _centred_predictors(predictors, of_parts)
            moved = of_predictors[id(predictors)]
            of_designs[id(design)] = _moved(problem, *moved, place)
        centres.append(_centred(problem, of_designs[id(design)]))
    return centres


def _flat_place(problem: Problem) -> slice | None:
    """Return where what takes up a move of linear predictors stands; None where nothing does."""
    if problem.has_flat_intercept():
        return problem.places["intercept"]
    for one in problem.natural.registry.free_dispersions:
        if one.name in problem.natural.family.words.increasing and one.prior:
            # The first stands as it is, and then the differences.
            return None if one.prior.proper else slice(one.place.start, one.place.start + 1)
    return None


def _centred(problem: Problem, moved: Moved) -> Centred:
    if moved.design is problem.design:
        return Centred(problem)
    source = moved.design.source
    inner = replace(
        problem,
        design=moved.design,
        natural=replace(problem.natural, source=source),
        unconstrained=replace(problem.unconstrained, source=source),
    )
    return Centred(inner, moved.shift, moved.constant, moved.place)


def _moved(problem: Problem, predictors: Predictors, shift: Array, place: slice) -> Moved:
    """Return a design with its predictors centred, and its response where eta is its mean."""
    design = problem.design
    rows, before = predictors.rows, design.predictors
    constant = 0.0
    if predictors.offset is not None and predictors.offset is not before.offset:
        assert before.offset is not None
        constant = float(predictors.offset[rows[0]] - before.offset[rows[0]])
    level = 0.0
    if problem.natural.family.quadratic:
        level = float(_centres(design.y[:, None], rows)[0])
    if predictors is not before:
        design = replace(design, predictors=predictors)
    if level != 0.0:
        design = replace(design, y=design.y - level, panel=None)
    if place.start >= predictors.n_coefficients:  # cutpoints, from which eta is taken
        return Moved(design, -shift[None], -constant, place)
    return Moved(design, _of_intercepts(predictors, shift), constant + level, place)


def _of_intercepts(predictors: Predictors, shift: Array) -> Array:
    """Return what a move of columns ``(n_columns,)`` moves each intercept by, for all w."""
    sharing = predictors.sharing
    if sharing is None:
        return shift[None]
    moved = sharing.spread(np.eye(sharing.size)) @ shift  # each coefficient's, in each channel
    if sharing.contrasts is not None:
        moved = moved @ sharing.contrasts
    return moved.T


def _centred_predictors(
    predictors: Predictors, known: dict[tuple[int, int], tuple[Any, Any]]
) -> tuple[Predictors, Array]:
    """Return predictors with what lies far from zero moved there, and how much ``(n_columns,)``.

    What members share is moved once, and ``known`` by what it is and by its rows. Only the mean's
    linear predictor is moved: no flat intercept takes up what is subtracted from the others.
    """
    shift, rows = np.zeros(predictors.n_columns), predictors.rows
    blocks = []
    for block in predictors.of_mean:
        if (id(block), id(rows)) not in known:
            known[id(block), id(rows)] = _centred_block(block, rows)
        moved, own = known[id(block), id(rows)]
        blocks.append(moved)
        shift[predictors.column_places[block.name]] = own
    offset = predictors.offset
    if offset is not None:
        if (id(offset), id(rows)) not in known:
            known[id(offset), id(rows)] = _centred_offset(offset, rows)
        offset, _ = known[id(offset), id(rows)]
    if offset is predictors.offset and not shift.any():
        return predictors, shift
    blocks += predictors.blocks[len(blocks) :]
    return replace(predictors, blocks=tuple(blocks), offset=offset), shift


def _centred_offset(offset: Array, rows: Array) -> tuple[Array, float]:
    """Return an offset from which its centre was taken; as it is where that is near zero."""
    level = float(_centres(offset[:, None], rows)[0])
    return (offset, 0.0) if level == 0.0 else (offset - level, level)


def _centred_block(block: Block, rows: Array) -> tuple[Block, Array | float]:
    """Return a block and the centres of its columns; as it is where these do not move with it."""
    if not block.is_movable(rows):
        return block, 0.0
    if block.spanned is not None:
        centres = _centres(block.spanned, rows)
        moved = replace(block, spanned=block.spanned - centres) if centres.any() else block
        return moved, centres
    centres = _centres(block.signal, rows)
    if not centres.any():
        return block, 0.0
    moved = replace(block, signal=np.asarray(block.signal, dtype=np.float64) - centres)
    return moved, block.moves(centres)


def _centres(columns: Array, rows: Array) -> Array:
    """Return the means of columns ``(n, q)`` over some rows, or zero where they are near zero.

    A few rows tell which are to be looked at. A mean is taken from the first value on, so that it
    is that value where a column is constant.
    """
    centres = np.zeros(columns.shape[1])
    if not len(rows):
        return centres
    few = np.asarray(columns[rows[:: -(-len(rows) // FEW)]], dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        far = np.flatnonzero(np.abs(few.mean(axis=0)) > FAR * few.std(axis=0))
        for k in far:
            column = np.asarray(columns[rows, k], dtype=np.float64)
            away = column - column[0]
            mean, spread = column[0] + away.mean(), away.std()
            if np.isfinite(mean) and abs(mean) > FAR * spread:
                centres[k] = mean
    return centres
