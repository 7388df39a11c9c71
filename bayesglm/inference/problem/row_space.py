"""Problems of more coefficients than rows: the same posterior in the directions that rows span.

Coefficients under a Gaussian prior are w = loc + tau R s u, u standard normal, R being the rotation
of the prior's structure, s the standard deviations along its directions, and tau a scale that is
learned, or 1. The rows' linear predictors X w see of u only what lies in the row space of X R s:

    X R s = U D V',    u = V z + (1 - V V') g,    z, g standard normal and independent,

so that X (w - loc) = tau U D z. Given tau, g is independent of all data: the posterior of z, tau
and all other parameters is that of a model with the columns U D, one for each row at most, whose
coefficients tau z have independent normal priors. Draws of it are completed by drawing g, and are
then draws of w itself (Rasmussen & Williams 2006, 2.1.2, where the rows' own space is that of a
Gaussian process). Coefficients that no prior holds, or another kind of prior, are kept apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.design import Design
from bayesglm.inference.draws import Draws
from bayesglm.inference.problem.problem import Problem, make_problem
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.spec.model import GLM
from bayesglm.spec.priors import Flat, Normal, learned_scale
from bayesglm.spec.terms.linear import Linear
from bayesglm.spec.terms.term import Term

Array = np.ndarray
# Coefficients for each row, from which on the row space is taken: chosen.
WIDE = 1.25
MOST_AT_ONCE = 5e7  # numbers of a design (8 bytes each) that are held at once: chosen
DEPENDENT = 1e-12  # singular values, relative to the largest, that rounding leaves of none


class Factors(NamedTuple):
    """X R s = ``columns`` ``basis`` ``(rows, r)``, ``(r, p)``, and X R of what no prior holds.

    The rows of the basis are orthonormal.
    """

    columns: Array
    basis: Array
    free: Array


@dataclass(frozen=True)
class Span:
    """A run of coefficients z of the inner problem, and the outer ones that they stand for.

    ``parts`` are the priors of these; ``sds`` are s of each part, infinite along directions that no
    prior holds, whose coefficients stand at ``free`` in the inner problem. ``inner`` is the prior
    of the run itself.
    """

    parts: tuple[PriorPart, ...]
    sds: tuple[Array, ...]
    factors: Factors
    inner: PriorPart
    free: slice

    @property
    def _held(self) -> Array:
        return np.isfinite(np.concatenate(self.sds))

    def _scale(self, theta: Array) -> Array:
        """Return tau ``(..., 1)`` at inner thetas."""
        if self.inner.learned is None:
            return np.ones((*theta.shape[:-1], 1))
        return np.exp(self.inner.learned.log_scale(theta)[..., :1])

    def place(self, theta: Array, along: Array, outer: Array) -> None:
        """Put w - loc into outer thetas, in place, from s u along the held directions."""
        held, u = self._held, np.empty((*theta.shape[:-1], len(self._held)))
        sds = np.concatenate(self.sds)
        u[..., held] = along * sds[held]
        u[..., ~held] = theta[..., self.free]
        start = 0
        for part, own in zip(self.parts, self.sds, strict=True):
            stop = start + len(own)
            outer[..., part.where] = part.structure.rotate(u[..., start:stop], back=True)
            start = stop

    def complete(self, theta: Array, outer: Array, rng: np.random.Generator) -> None:
        """Put draws of w - loc given inner thetas into outer ones, in place."""
        basis = self.factors.basis
        g = self._scale(theta) * rng.standard_normal((*theta.shape[:-1], basis.shape[1]))
        g += (theta[..., self.inner.where] - g @ basis.T) @ basis
        self.place(theta, g, outer)

    def mean(self, theta: Array, outer: Array) -> None:
        """Put the means of w - loc given inner thetas into outer ones, in place."""
        self.place(theta, theta[..., self.inner.where] @ self.factors.basis, outer)

    def add_rest(self, theta: Array, covariance: Array) -> None:
        """Add to a covariance of outer thetas, in place, that of g at one inner theta."""
        basis = self.factors.basis
        root = np.zeros((len(basis.T), *theta.shape))
        outer = np.zeros((len(basis.T), len(covariance)))
        self.place(root, np.eye(len(basis.T)) - basis.T @ basis, outer)
        covariance += float(self._scale(theta)[0]) ** 2 * outer.T @ outer


@dataclass(frozen=True)
class RowSpace:
    """A problem in the directions that its rows span; the problem itself where it has no spans.

    ``kept`` are the places of what stands in both thetas, inner and outer, coefficients only.
    """

    outer: Problem
    problem: Problem
    spans: tuple[Span, ...] = ()
    kept: tuple[tuple[slice, slice], ...] = ()

    def _moved(self, theta: Array) -> Array:
        """Return outer thetas that hold what is kept of inner ones, zero elsewhere."""
        p, inner = (one.natural.n_coefficients for one in (self.outer, self.problem))
        outer = np.zeros((*theta.shape[:-1], self.outer.natural.size))
        outer[..., p:] = theta[..., inner:]
        for of_inner, of_outer in self.kept:
            outer[..., of_outer] = theta[..., of_inner]
        return outer

    def _add_locs(self, outer: Array) -> Array:
        for span in self.spans:
            for part in span.parts:
                outer[..., part.where] += part.loc
        return outer

    @property
    def words(self) -> str:
        """Say how many directions are left, and of how many; empty where nothing is done."""
        if not self.spans:
            return ""
        shapes = [span.factors.basis.shape for span in self.spans]
        few, many = (sum(sizes) for sizes in zip(*shapes, strict=True))
        return (
            f"of {many:,} coefficients the {few:,} directions that rows span were looked at, and "
            "what no row moves was drawn from the prior"
        )

    def mean(self, theta: Array) -> Array:
        """Return the means of outer thetas given inner ones ``(..., size)``."""
        if not self.spans:
            return theta
        outer = self._moved(theta)
        for span in self.spans:
            span.mean(theta, outer)
        return self._add_locs(outer)

    def completed(self, theta: Array, rng: np.random.Generator) -> Array:
        """Return draws of outer thetas given inner ones ``(..., size)``."""
        if not self.spans:
            return theta
        outer = self._moved(theta)
        for span in self.spans:
            span.complete(theta, outer, rng)
        return self._add_locs(outer)

    def log_rest(self, theta: Array, outer: Array) -> Array:
        """Return by how much the log densities ``(...)`` of outer thetas are those of inner ones.

        The likelihood is the same, and the priors are not.
        """
        if not self.spans:
            return np.zeros(theta.shape[:-1])
        pairs = ((self.outer, outer), (self.problem, theta))
        ours, theirs = (
            one.unconstrained.log_priors(at.reshape(-1, at.shape[-1])) for one, at in pairs
        )
        return (ours - theirs).reshape(theta.shape[:-1])

    def covariance(self, covariance: Array, theta: Array) -> Array:
        """Return that of outer thetas, from that of inner ones around one of them."""
        if not self.spans:
            return covariance
        lines = np.eye(len(theta))
        jacobian = self._moved(lines)
        for span in self.spans:
            span.mean(lines, jacobian)
        total = jacobian.T @ covariance @ jacobian
        for span in self.spans:
            span.add_rest(theta, total)
        return total

    def outer_draws(self, draws: Draws, rng: np.random.Generator) -> Draws:
        """Return draws of inner thetas, on the unconstrained scale, as draws of outer ones."""
        if not self.spans:
            return draws
        theta, gaussian = self.completed(draws.theta, rng), draws.gaussian
        stand = gaussian is None or gaussian.accepted
        if gaussian is not None:
            raw, mode = self.completed(gaussian.raw, rng), self.mean(gaussian.mode)
            rest = self.log_rest(gaussian.raw, raw)
            gaussian = replace(
                gaussian,
                mode=mode,
                covariance=self.covariance(gaussian.covariance, gaussian.mode),
                raw=raw,
                log_p=gaussian.log_p + rest,
                log_q=gaussian.log_q + rest,
            )
        log_posterior = draws.log_posterior
        if log_posterior is not None and gaussian is not None and draws.gaussian is not None:
            inner = draws.gaussian.mode
            log_posterior += float(self.log_rest(inner, gaussian.mode))
        lp = draws.lp + self.log_rest(draws.theta, theta)
        return replace(
            draws,
            theta=theta,
            why=f"{draws.why}; {self.words}" if stand else draws.why,
            lp=lp,
            gaussian=gaussian,
            log_posterior=log_posterior,
        )


def in_row_space(problem: Problem, like: RowSpace | None = None) -> RowSpace:
    """Return a problem in the directions that its rows span, or as it is where that saves little.

    One that differs from that of ``like`` in a scale only has the same directions.
    """
    groups = _groups(problem)
    if not groups:
        return RowSpace(problem, problem)
    known = () if like is None else like.spans
    spans = [_factored(problem, group, known) for group in groups]
    return _laid(problem, groups, spans)


type Group = tuple[int, ...]  # the numbers of terms that are taken together


def _groups(problem: Problem) -> list[Group]:
    """Return the terms whose coefficients are many under Gaussian priors, those with known scales
    together and each other one by itself.
    """
    objective, predictors = problem.natural, problem.design.predictors
    # Of a quadratic likelihood moments say all, of any number of coefficients.
    left = len(objective.family.channels) > 1 or objective.family.quadratic
    if left or not objective.registry.straight or problem.confined:
        return []
    parts = _parts(problem)
    gaussian = [
        k
        for k, part in enumerate(parts)
        if part.is_gaussian and not np.isnan(_sds(part)).any()  # as are those of lines with bends
    ]
    known = tuple(k for k in gaussian if parts[k].learned is None)
    groups = [known, *((k,) for k in gaussian if parts[k].learned is not None)]
    n = len(predictors.rows)

    def pays(group: Group) -> bool:
        size = sum(parts[k].size for k in group)
        return size > WIDE * n and n * size <= MOST_AT_ONCE

    return sorted(group for group in groups if pays(group))


def _parts(problem: Problem) -> list[PriorPart]:
    """Return the priors of the terms' coefficients."""
    parts = {part.where.start: part for part in problem.natural.coefficients}
    return [parts[problem.places[block.name].start] for block in problem.design.predictors.blocks]


def _sds(part: PriorPart) -> Array:
    """Return the standard deviations along a part's directions, where tau is 1."""
    at = np.zeros(part.size)
    known = part if part.learned is None else replace(part, parameters={"scale": 1.0}, learned=None)
    with np.errstate(divide="ignore"):
        return 1.0 / np.sqrt(np.broadcast_to(known.precision(at), part.size))


def _factored(problem: Problem, group: Group, known: tuple[Span, ...]) -> tuple[Factors, list]:
    """Return the singular value decomposition of a group's columns, and the sds of its parts."""
    parts, predictors = _parts(problem), problem.design.predictors
    sds = [_sds(parts[k]) for k in group]
    places = [parts[k].where for k in group]
    for span in known:
        ratio = _ratio(span.sds, sds)
        if ratio is not None and places == [part.where for part in span.parts]:
            return span.factors._replace(columns=ratio * span.factors.columns), sds
    columns = []
    for k in group:
        X = predictors.blocks[k].columns(predictors.rows)
        columns.append(parts[k].structure.pull(np.asarray(X, dtype=np.float64)))
    rotated, every = np.hstack(columns), np.concatenate(sds)
    held = np.isfinite(every)
    U, d, V = np.linalg.svd(rotated[:, held] * every[held], full_matrices=False)
    kept = d > DEPENDENT * d.max(initial=0.0)
    return Factors(U[:, kept] * d[kept], V[kept], rotated[:, ~held]), sds


def _ratio(before: tuple[Array, ...], after: list[Array]) -> float | None:
    """Return what standard deviations were multiplied by, if all by the same number."""
    if [one.size for one in before] != [one.size for one in after]:
        return None
    old, new = np.concatenate(before), np.concatenate(after)
    held = np.isfinite(old)
    if not np.array_equal(held, np.isfinite(new)) or not held.any():
        return None
    ratio = float(new[held][0] / old[held][0])
    same = np.allclose(new[held], ratio * old[held], rtol=1e-14, atol=0.0)
    return ratio if same else None


def _laid(problem: Problem, groups: list[Group], factored: list[tuple[Factors, list]]) -> RowSpace:
    """Return the inner problem, in which a term of its own stands for each group."""
    model, design = problem.plan.model, problem.design
    predictors, parts = design.predictors, _parts(problem)
    terms: list[Term] = []
    blocks: list[Block] = []
    first = {group[0]: place for place, group in enumerate(groups)}
    grouped = {k for group in groups for k in group}
    of_free: dict[int, str] = {}
    for k, (term, block) in enumerate(zip(model.terms, predictors.blocks, strict=True)):
        if k in first:
            factors, _ = factored[first[k]]
            scale = learned_scale(term.prior)
            terms.append(_term(block.name, Normal(1.0 if scale is None else scale)))
            blocks.append(_block(block.name, factors.columns, design))
            if factors.free.shape[1]:
                of_free[k] = _new_name(f"{block.name}_unheld", model)
                terms.append(_term(of_free[k], Flat()))
                blocks.append(_block(of_free[k], factors.free, design))
        elif k not in grouped:
            terms.append(term)
            blocks.append(block)
    offset = _with_locs(problem, grouped)
    inner = make_problem(
        replace(problem.plan, model=replace(model, terms=tuple(terms), prior=None)),
        problem.neuron,
        replace(design, predictors=replace(predictors, blocks=tuple(blocks), offset=offset)),
    )
    laid = {part.where.start: part for part in inner.natural.coefficients}
    spans = []
    for group, (factors, sds) in zip(groups, factored, strict=True):
        own = tuple(parts[k] for k in group)
        where = inner.places[predictors.blocks[group[0]].name]
        free = inner.places[of_free[group[0]]] if group[0] in of_free else slice(0, 0)
        spans.append(Span(own, tuple(sds), factors, laid[where.start], free))
    names = [block.name for k, block in enumerate(predictors.blocks) if k not in grouped]
    names += ["intercept"] if predictors.intercept else []
    kept = tuple((inner.places[name], problem.places[name]) for name in names)
    return RowSpace(problem, inner, tuple(spans), kept)


def _term(name: str, prior: Normal | Flat) -> Term:
    return Linear(name, prior=prior)


def _new_name(name: str, model: GLM) -> str:
    taken = {term.label for term in model.terms} | {model.response}
    while name in taken:
        name += "_"
    return name


def _block(name: str, columns: Array, design: Design) -> Block:
    """Return a block of columns ``(rows, r)`` of the samples in use."""
    predictors = design.predictors
    signal = np.zeros((design.y.shape[-1], columns.shape[1]))
    signal[predictors.rows] = columns
    dim = f"{name}_row"
    return Block(name, signal, columns.shape[1:], (dim,), {dim: np.arange(columns.shape[1])})


def _with_locs(problem: Problem, grouped: set[int]) -> Array | None:
    """Return the offset, with what the centres of some terms' priors add to linear predictors."""
    predictors, offset = problem.design.predictors, problem.design.predictors.offset
    for k, part in enumerate(_parts(problem)):
        if k not in grouped or not np.any(part.loc):
            continue
        moved = np.zeros(problem.design.y.shape[-1])
        loc = np.broadcast_to(part.loc, (1, part.size))
        moved[predictors.rows] = predictors.blocks[k].on(predictors.rows).times(loc)[0]
        offset = moved if offset is None else offset + moved
    return offset
